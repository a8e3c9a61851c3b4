#include "billing/price_book.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>

#include "core/default_prices.h"

namespace tollgate::billing {

namespace {

constexpr std::string_view kCompactSuffix = "-openai-compact";
constexpr std::string_view kCompactKey = "*-openai-compact";
constexpr double kSelfUseRatio = 37.5;        // of models without a price, where the operator allows them
constexpr double kCacheCreationRatio = 1.25;  // a cache write where the table has none
constexpr double kHourOverFiveMinutes = 1.6;  // what an hour of cache costs over five minutes, 6 ÷ 3.75

// Built-in completion ratios: the first row whose set members all hold. A fixed row cannot be changed by the option
// CompletionRatio, except for names with a slash.
struct CompletionRule {
  std::string_view equals = {}, prefix = {}, suffix = {}, contains = {};
  double ratio = 1;
  bool fixed = false;

  bool holds(std::string_view name) const {
    return (equals.empty() || name == equals) && name.starts_with(prefix) && name.ends_with(suffix) &&
           (contains.empty() || name.find(contains) != name.npos);
  }
};

constexpr CompletionRule kCompletionRules[] = {
    {.suffix = "-all", .ratio = 2},
    {.suffix = "-gizmo-*", .ratio = 2},
    {.equals = "gpt-4o-2024-05-13", .ratio = 3, .fixed = true},
    {.prefix = "gpt-4o-mini-tts", .ratio = 20},
    {.prefix = "gpt-4o", .ratio = 4},
    {.prefix = "gpt-5", .ratio = 8, .fixed = true},
    {.prefix = "gpt-4.5-preview", .ratio = 2, .fixed = true},
    {.prefix = "gpt-4-turbo", .ratio = 3, .fixed = true},
    {.prefix = "gpt-", .suffix = "gpt-4-1106", .ratio = 3, .fixed = true},
    {.prefix = "gpt-", .suffix = "gpt-4-1105", .ratio = 3, .fixed = true},
    {.prefix = "gpt-", .ratio = 2},
    {.prefix = "o1", .ratio = 4, .fixed = true},
    {.prefix = "o3", .ratio = 4, .fixed = true},
    {.equals = "chatgpt-4o-latest", .ratio = 3, .fixed = true},
    {.contains = "claude-3", .ratio = 5, .fixed = true},
    {.contains = "claude-sonnet-4", .ratio = 5, .fixed = true},
    {.contains = "claude-opus-4", .ratio = 5, .fixed = true},
    {.contains = "claude-haiku-4", .ratio = 5, .fixed = true},
    {.prefix = "mistral-", .ratio = 3, .fixed = true},
    {.prefix = "gemini-1.5", .ratio = 4, .fixed = true},
    {.prefix = "gemini-2.0", .ratio = 4, .fixed = true},
    {.prefix = "gemini-2.5-pro", .ratio = 8},
    {.prefix = "gemini-2.5-flash-preview", .suffix = "-nothinking", .ratio = 4},
    {.prefix = "gemini-2.5-flash-preview", .ratio = 23.333333333333332},  // 3.5 ÷ 0.15
    {.prefix = "gemini-2.5-flash-lite", .ratio = 4},
    {.prefix = "gemini-2.5-flash", .ratio = 8.333333333333334},  // 2.5 ÷ 0.3
    {.prefix = "gemini-robotics-er-1.5", .ratio = 8.333333333333334},
    {.prefix = "gemini-3-pro-image", .ratio = 60},
    {.prefix = "gemini-3-pro", .ratio = 6},
    {.prefix = "gemini-", .ratio = 4},
    {.equals = "command-r", .ratio = 3, .fixed = true},
    {.equals = "command-r-plus", .ratio = 5, .fixed = true},
    {.equals = "command-r-08-2024", .ratio = 4, .fixed = true},
    {.equals = "command-r-plus-08-2024", .ratio = 4, .fixed = true},
    {.prefix = "command", .ratio = 4},
    {.prefix = "ERNIE-Speed-", .ratio = 2, .fixed = true},
    {.prefix = "ERNIE-Lite-", .ratio = 2, .fixed = true},
    {.prefix = "ERNIE-Character", .ratio = 2, .fixed = true},
    {.prefix = "ERNIE-Functions", .ratio = 2, .fixed = true},
    {.equals = "llama2-70b-4096", .ratio = 1.25, .fixed = true},  // 0.8 ÷ 0.64
    {.equals = "llama3-8b-8192", .ratio = 2, .fixed = true},
    {.equals = "llama3-70b-8192", .ratio = 1.3389830508474576, .fixed = true},  // 0.79 ÷ 0.59
    {.ratio = 1},
};

std::string_view option(const PriceBook::Options& options, std::string_view key) {
  const auto found = options.find(key);
  return found == options.end() ? core::default_price_table(key) : std::string_view(found->second);
}

// A stored flag in any of the spellings that the compatible product reads; `fallback` for anything else.
bool flag(const PriceBook::Options& options, std::string_view key, bool fallback) {
  const auto found = options.find(key);
  if (found == options.end()) return fallback;
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (found->second == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (found->second == no) return false;
  }
  return fallback;
}

// Calls each(key, value) for the members of a JSON object; nothing when the text is not one. simdjson, because a ratio
// must become the double nearest to its text.
template <class Each>
void for_members(std::string_view json, Each each) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(json)).get(object) != simdjson::SUCCESS) return;
  for (const auto [key, value] : object) each(key, value);
}

}  // namespace

PriceBook::Table PriceBook::read_table(std::string_view json) {
  Table table;
  for_members(json, [&](std::string_view key, simdjson::dom::element value) {
    double number = 0;
    if (value.get(number) == simdjson::SUCCESS) table.insert_or_assign(std::string(key), number);
  });
  return table;
}

PriceBook::PriceBook(const Options& options)
    : model_ratio_(read_table(option(options, "ModelRatio"))),
      model_price_(read_table(option(options, "ModelPrice"))),
      completion_ratio_(read_table(option(options, "CompletionRatio"))),
      cache_ratio_(read_table(option(options, "CacheRatio"))),
      create_cache_ratio_(read_table(option(options, "CreateCacheRatio"))),
      image_ratio_(read_table(option(options, "ImageRatio"))),
      audio_ratio_(read_table(option(options, "AudioRatio"))),
      audio_completion_ratio_(read_table(option(options, "AudioCompletionRatio"))),
      group_ratio_(read_table(option(options, "GroupRatio"))) {
  for_members(option(options, "GroupGroupRatio"), [&](std::string_view group, simdjson::dom::element value) {
    simdjson::dom::object ratios;
    if (value.get(ratios) != simdjson::SUCCESS) return;
    Table& table = group_group_ratio_[std::string(group)];
    for (const auto [key, ratio] : ratios) {
      double number = 0;
      if (ratio.get(number) == simdjson::SUCCESS) table.insert_or_assign(std::string(key), number);
    }
  });
  if (const auto found = options.find("QuotaPerUnit"); found != options.end()) {
    const std::string& text = found->second;
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec == std::errc{} && read.ptr == text.data() + text.size() && std::isfinite(value) && value > 0) {
      quota_per_unit_ = value;
    }
  }
  if (const auto found = options.find("PreConsumedQuota"); found != options.end()) {
    const std::string& text = found->second;
    std::int64_t value = 0;  // what a text that is no integer counts as
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    reserve_tokens_ = read.ec == std::errc{} && read.ptr == text.data() + text.size() ? value : 0;
  }
  self_use_ = option(options, "SelfUseModeEnabled") == "true";
  free_needs_balance_ = flag(options, "quota_setting.enable_free_model_pre_consume", true);
}

const double* PriceBook::find(const Table& table, std::string_view key) {
  const auto found = table.find(key);
  return found == table.end() ? nullptr : &found->second;
}

const double* PriceBook::find_price(std::string_view model) const {
  return find(model_price_, model.ends_with(kCompactSuffix) ? kCompactKey : matching_name(model));
}

const double* PriceBook::find_ratio(std::string_view model) const {
  const double* ratio = find(model_ratio_, matching_name(model));
  return ratio == nullptr && model.ends_with(kCompactSuffix) ? find(model_ratio_, kCompactKey) : ratio;
}

double PriceBook::special_ratio(std::string_view user_group, std::string_view using_group) const {
  const auto row = group_group_ratio_.find(user_group);
  const double* ratio = row == group_group_ratio_.end() ? nullptr : find(row->second, using_group);
  return ratio == nullptr ? -1 : *ratio;
}

std::optional<double> PriceBook::call_price(std::string_view model) const {
  const double* price = find_price(model);
  return price == nullptr ? std::nullopt : std::optional(*price);
}

double PriceBook::group_ratio(std::string_view group) const {
  const double* ratio = find(group_ratio_, group);
  return ratio == nullptr ? 1 : *ratio;
}

bool PriceBook::has_group(std::string_view group) const { return find(group_ratio_, group) != nullptr; }

bool PriceBook::has_price(std::string_view model) const {
  return find_price(model) != nullptr || find_ratio(model) != nullptr;
}

double PriceBook::completion_ratio(std::string_view model) const {
  const std::string_view name = matching_name(model);
  const double* set = find(completion_ratio_, name);
  if (set != nullptr && name.find('/') != name.npos) return *set;
  for (const CompletionRule& rule : kCompletionRules) {
    if (rule.holds(name)) return set != nullptr && !rule.fixed ? *set : rule.ratio;
  }
  return 1;
}

core::Result<Price> PriceBook::resolve(const PriceQuery& query) const {
  const auto or_default = [](const double* found, double fallback) { return found == nullptr ? fallback : *found; };
  const std::string_view name = matching_name(query.model);
  Price price;
  price.quota_per_unit = quota_per_unit_;
  price.reserve_tokens = reserve_tokens_;
  price.user_group_ratio = special_ratio(query.user_group, query.using_group);
  price.group_ratio = price.user_group_ratio >= 0 ? price.user_group_ratio : group_ratio(query.using_group);
  const double* audio = find(audio_ratio_, name);
  const double* audio_completion = find(audio_completion_ratio_, name);
  price.audio_model = audio != nullptr || audio_completion != nullptr;

  const double* per_call = find_price(query.model);
  if (per_call != nullptr && !query.by_tokens) {
    price.price_billed = true;
    price.model_price = *per_call;
    if (query.image_factor != 0) price.model_price *= query.image_factor;
    price.free = !free_needs_balance_ && (price.group_ratio == 0 || price.model_price == 0);
    return price;
  }
  if (const double* ratio = find_ratio(query.model); ratio != nullptr) {
    price.model_ratio = *ratio;
  } else if (self_use_ || query.accept_unset_ratio || per_call != nullptr) {
    price.model_ratio = kSelfUseRatio;
  } else {
    return core::error(
        core::Errc::kInvalid,
        fmt::format("模型 {0} 倍率或价格未配置，请联系管理员设置或开始自用模式；Model {0} ratio or price "
                    "not set, please set or start self-use mode",
                    name));
  }
  static const Table built_in = read_table(core::default_price_table("ModelRatio"));
  const double* built_in_ratio = find(built_in, name);
  price.built_in_ratio = built_in_ratio != nullptr && *built_in_ratio == price.model_ratio;
  price.completion_ratio = completion_ratio(query.model);
  price.cache_ratio = or_default(find(cache_ratio_, query.model), 1);
  price.cache_creation_ratio = or_default(find(create_cache_ratio_, query.model), kCacheCreationRatio);
  price.cache_creation_5m_ratio = price.cache_creation_ratio;
  price.cache_creation_1h_ratio = price.cache_creation_ratio * kHourOverFiveMinutes;
  price.image_ratio = or_default(find(image_ratio_, query.model), 1);
  price.audio_ratio = or_default(audio, 1);
  price.audio_completion_ratio = or_default(audio_completion, 1);
  price.free = !free_needs_balance_ && (price.group_ratio == 0 || price.model_ratio == 0);
  return price;
}

std::string_view matching_name(std::string_view model) {
  if (model.starts_with("gemini-2.5-") && model.find("-thinking-") != model.npos) {
    for (const std::string_view shared :
         {"gemini-2.5-flash-lite-thinking-*", "gemini-2.5-flash-thinking-*", "gemini-2.5-pro-thinking-*"}) {
      constexpr std::string_view kTail = "-thinking-*";
      if (model.starts_with(shared.substr(0, shared.size() - kTail.size()))) return shared;
    }
  }
  if (model.starts_with("gpt-4-gizmo")) return "gpt-4-gizmo-*";
  if (model.starts_with("gpt-4o-gizmo")) return "gpt-4o-gizmo-*";
  return model;
}

double image_price_factor(std::string_view model, std::string_view size, std::string_view quality, std::int64_t n) {
  double factor = 1;
  const bool large = size == "1024x1792" || size == "1792x1024";
  if (model.starts_with("dall-e")) {
    if (size == "256x256") factor = 0.4;
    if (size == "512x512") factor = 0.45;
    if (large) factor = 2;
  }
  if (model == "dall-e-3" && quality == "hd") factor *= large ? 1.5 : 2;
  return factor * static_cast<double>(n);
}

}  // namespace tollgate::billing
