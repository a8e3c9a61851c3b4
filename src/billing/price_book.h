// What a model costs for a group: the price tables of the options, looked up once a request.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/result.h"
#include "core/types.h"

namespace tollgate::billing {

// The price of one model for one group, resolved at the start of a request and kept to its end, so that a change of the
// tables in between does not touch it. Ratios multiply tokens; model_ratio 1 means 2 dollars a million input tokens.
struct Price {
  bool price_billed = false;  // per call; all ratios but those of the group are then 0
  double model_price = -1;    // dollars a call, image factor included; -1 when billed by tokens
  double model_ratio = 0;
  double completion_ratio = 0;
  double cache_ratio = 0;
  double cache_creation_ratio = 0;
  double cache_creation_5m_ratio = 0;
  double cache_creation_1h_ratio = 0;
  double image_ratio = 0;
  double audio_ratio = 0;
  double audio_completion_ratio = 0;
  double group_ratio = 1;        // the one that applies: of the group, or the special one
  double user_group_ratio = -1;  // the special ratio of (user's group, using group), -1 without
  double quota_per_unit = 500000;
  std::int64_t reserve_tokens = 500;  // option PreConsumedQuota, which counts tokens
  bool audio_model = false;           // has an entry in AudioRatio or AudioCompletionRatio
  bool built_in_ratio = false;        // the model ratio is the built-in one of this model
  // Costs nothing and the options say that such requests need no balance: no session is opened.
  bool free = false;
};

struct PriceQuery {
  std::string_view model = {};        // the name the client asked for
  std::string_view user_group = {};   // the group of the account
  std::string_view using_group = {};  // the group the request runs in (never "auto")
  bool accept_unset_ratio = false;    // the user's own setting accept_unset_model_ratio_model
  double image_factor = 0;            // image_price_factor(); 0 on other routes
  bool by_tokens = false;             // realtime: by the ratios also where the model has a price a call
};

// Immutable; share it by shared_ptr<const PriceBook> in the snapshot. Lookups allocate nothing.
class PriceBook {
 public:
  // Option key → text as stored. A missing key takes its default, a table that does not parse is empty. Reads the price
  // and group tables, QuotaPerUnit, PreConsumedQuota, SelfUseModeEnabled and
  // quota_setting.enable_free_model_pre_consume; other keys are ignored.
  using Options = std::map<std::string, std::string, std::less<>>;
  explicit PriceBook(const Options& options);

  // kInvalid with the text for the client (code model_price_error) when the model has neither price nor ratio.
  core::Result<Price> resolve(const PriceQuery& query) const;

  // What a call of the model costs besides its group's ratio, in dollars; nothing where the table has no such name.
  std::optional<double> call_price(std::string_view model) const;
  // The ratio of (user's group, using group), -1 without one.
  double special_group_ratio(std::string_view user_group, std::string_view using_group) const {
    return special_ratio(user_group, using_group);
  }

  double completion_ratio(std::string_view model) const;
  double group_ratio(std::string_view group) const;  // 1 for an unknown group
  bool has_group(std::string_view group) const;
  bool has_price(std::string_view model) const;  // a price or a ratio is set
  double quota_per_unit() const { return quota_per_unit_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  using Table = std::unordered_map<std::string, double, Hash, std::equal_to<>>;

  static Table read_table(std::string_view json);
  static const double* find(const Table& table, std::string_view key);
  const double* find_price(std::string_view model) const;
  const double* find_ratio(std::string_view model) const;
  double special_ratio(std::string_view user_group, std::string_view using_group) const;  // -1: none

  Table model_ratio_, model_price_, completion_ratio_, cache_ratio_, create_cache_ratio_, image_ratio_, audio_ratio_,
      audio_completion_ratio_, group_ratio_;
  std::unordered_map<std::string, Table, Hash, std::equal_to<>> group_group_ratio_;
  double quota_per_unit_ = 500000;
  std::int64_t reserve_tokens_ = 500;
  bool self_use_ = false;
  bool free_needs_balance_ = true;
};

// The name under which prices, token limits and channels are looked up: variants of a thinking budget and of GPTs share
// one entry (gemini-2.5-pro-thinking-2048 → gemini-2.5-pro-thinking-*). All others are themselves.
std::string_view matching_name(std::string_view model);

// Size × quality × count of an image request: what the price of one call is multiplied by.
double image_price_factor(std::string_view model, std::string_view size, std::string_view quality, std::int64_t n);

}  // namespace tollgate::billing
