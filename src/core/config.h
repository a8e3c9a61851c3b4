// The configuration: one declarative table of variables, and the rules by which their values are found and checked.
// Highest first: flag, environment, NAME_FILE (secrets), .env file, default. docs/configuration.md is the table in
// prose.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::core {

enum class VariableType { kText, kInt, kBool, kDuration, kBounds, kChoice, kList, kUrl, kPath };

// What a bad value does: refuse to start (exit 78), or warn and use the default.
enum class OnBadValue { kRefuse, kDefault };

// How far this build goes with a variable. kNoEffect ones are taken silently: nothing an operator set is lost by that.
// kNotYet ones would be felt when ignored, so a start with them set is refused.
enum class Support { kYes, kNoEffect, kNotYet };

// How far something may go, in time and in bytes.
struct Bounds {
  std::chrono::milliseconds time{};
  std::size_t bytes = 0;
};

struct Variable {
  std::string_view name = {};
  VariableType type = VariableType::kText;
  std::string_view fallback = {};  // as text; empty = unset
  OnBadValue bad = OnBadValue::kRefuse;
  bool secret = false;
  Support support = Support::kYes;
  std::int64_t min = 0, max = 0;  // kInt: inclusive, both 0 = unbounded
  std::string_view choices = {};  // kChoice, any case; kDuration: words that it may be instead. Separated by '|'
  std::string_view meaning = {};  // one line for people
  std::string_view also = {};     // another name, which counts where this one is not set
  std::string (*check)(std::string_view value) = nullptr;  // beyond the type: config_checks.h
};

std::span<const Variable> variables();

// What Config::load found wrong or odd.
struct ConfigReport {
  std::vector<std::string> errors;    // each one is a reason not to start: "NAME: what is wrong; what to do"
  std::vector<std::string> warnings;  // each names its variable
};

// Where the inputs come from; tests pass their own.
struct ConfigSources {
  std::map<std::string, std::string, std::less<>> environment;
  std::map<std::string, std::string, std::less<>>
      flags;  // variable name → value ("PORT" only counts without a variable)
  std::string env_file = ".env";
  bool env_file_required = false;
  std::function<std::optional<std::string>(const std::string& path)> read_file;

  static ConfigSources of_process();
};

// Immutable after load; read from any thread. A getter of a name that is not in the table, or of another type, is a
// fault of the caller and throws std::logic_error.
class Config {
 public:
  static Config load(const ConfigSources& sources, ConfigReport& report);

  bool is_set(std::string_view name) const;  // by anything but the default
  const std::string& text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;  // 0 for a word of its choices
  Bounds bounds(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;  // by ',' ; trimmed, empty items dropped

  // "flag", "environment", "file", ".env" or "default".
  std::string_view origin(std::string_view name) const;

  // The effective configuration for people, one line a variable, secrets as fingerprints.
  std::string describe() const;

 private:
  struct Entry {
    std::string value;
    std::string_view origin = "default";
  };
  const Entry& entry(std::string_view name) const;
  std::map<std::string, Entry, std::less<>> entries_;
};

// Parsers of single values, nullopt when the text is not one.
std::optional<bool> parse_bool(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);  // 250ms, 5s, 2m, 1h, or seconds
std::optional<std::size_t> parse_bytes(std::string_view text);  // 64KB, 16MB, 1GB, or bytes; powers of 1024
std::optional<Bounds> parse_bounds(std::string_view text);      // 60s,16MB

// A .env file: NAME=value, export NAME=value, NAME: value; quotes and $NAME as docs/configuration.md says. The error is
// one line with the line number.
struct EnvFile {
  std::map<std::string, std::string, std::less<>> values;
  std::string error;
};
EnvFile parse_env_file(std::string_view text, const std::map<std::string, std::string, std::less<>>& environment);

}  // namespace tollgate::core
