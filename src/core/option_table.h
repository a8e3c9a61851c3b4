// The options: one declarative table of every known key, and the immutable set of values a node works with.
// Values are texts everywhere (table `options`, API, cluster); the typed getters apply the conventions of the
// compatible API. Keys with a dot belong to structured groups, the others are flat; the two families read texts
// differently.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace tollgate::core {

enum class OptionType { kBool, kInt, kFloat, kText, kJsonObject, kJsonArray, kLines, kCommaList, kStatusCodes };

// What a value must satisfy beyond its type before it may be stored. The rules themselves are in api/option_check.
enum class OptionCheck {
  kNone,
  kNeeds,            // a switch that needs another option to be filled in first (column `needs`)
  kNumberMap,        // object name → number
  kGroupRatio,       // as kNumberMap, nothing below zero
  kNestedNumberMap,  // object → object → number
  kTextMap,          // object name → text
  kModelRateLimits,  // object group → [total, successful]
  kDisplayType,      // USD, CNY, TOKENS, CUSTOM
  kExportTime,       // hour, day, week
  kNotNegative,      // a number, 0 or more
  kPositive,         // a number above 0
  kApiInfo,          // the four lists of the console's front page
  kAnnouncements,
  kFaq,
  kUptimeGroups,
};

struct OptionSpec {
  std::string_view key;
  OptionType type = OptionType::kText;
  std::string_view fallback = {};  // as text; price tables take theirs from core/default_prices.h
  OptionCheck check = OptionCheck::kNone;
  bool unlisted = false;          // has no program default in the list answer: appears there once it is written
  std::string_view needs = {};    // kNeeds: the key that must not be empty
  std::string_view refusal = {};  // kNeeds: the answer when it is; number maps: put before the reason
};

std::span<const OptionSpec> option_table();
const OptionSpec* find_option(std::string_view key);  // nullptr: unknown keys are legal and are kept

// The program's default as text, price tables included; empty for unknown keys.
std::string_view option_default(std::string_view key);

// True when the key's ending makes the value write-only for the API (…Token, …Secret, …Key, …secret, …api_key; unknown
// keys also …Password, …PrivateKey, …Credential in any letter case).
bool is_secret_option(std::string_view key);

// The key under which a second name of the same option is stored (group_ratio_setting.group_ratio → GroupRatio).
std::string_view canonical_option(std::string_view key);

using OptionRows = std::map<std::string, std::string, std::less<>>;

// All options of a node at one moment: program defaults with the stored rows over them. Immutable, read from any
// thread; a change makes a new object. Typed getters of keys outside the table throw std::logic_error.
class Options {
 public:
  Options();  // program defaults only
  // `link_base`: what stands in links while the option ServerAddress is empty.
  explicit Options(const OptionRows& rows, std::string link_base = {});

  // Flat keys: exactly "true". Structured keys: any Go spelling; the default when it is none.
  bool boolean(std::string_view key) const;
  // Flat keys: 0 when unparsable. Structured keys: decimals are cut; the default when unparsable.
  std::int64_t integer(std::string_view key) const;
  double real(std::string_view key) const;
  // The text as stored, or the default; empty for unknown keys without a row.
  const std::string& text(std::string_view key) const;

  // The address in links of mails and call-backs, without a slash at the end; may be empty.
  const std::string& link_base() const { return text("ServerAddress").empty() ? link_base_ : text("ServerAddress"); }

  bool stored(std::string_view key) const;           // a row exists
  const OptionRows& all() const { return values_; }  // unknown keys included, unlisted defaults not

 private:
  OptionRows values_;
  std::string link_base_;
  std::set<std::string, std::less<>> stored_;
};

}  // namespace tollgate::core
