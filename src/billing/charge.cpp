#include "billing/charge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "billing/charge_log.h"
#include "core/decimal.h"

namespace tollgate::billing {

namespace {

using core::Decimal;

// No answer holds more; a larger figure is a fault of the upstream and must not make a sum overflow.
constexpr std::int64_t kMostTokens = 1'000'000'000'000;

Usage sane(Usage usage) {
  for (std::int64_t Usage::* member :
       {&Usage::prompt_tokens, &Usage::completion_tokens, &Usage::total_tokens, &Usage::cached_tokens,
        &Usage::cache_creation_tokens, &Usage::cache_creation_5m_tokens, &Usage::cache_creation_1h_tokens,
        &Usage::prompt_text_tokens, &Usage::prompt_audio_tokens, &Usage::prompt_image_tokens,
        &Usage::completion_text_tokens, &Usage::completion_audio_tokens, &Usage::completion_image_tokens,
        &Usage::reasoning_tokens}) {
    usage.*member = std::clamp<std::int64_t>(usage.*member, 0, kMostTokens);
  }
  return usage;
}

std::int64_t truncate(double value) {
  if (std::isnan(value)) return 0;
  constexpr double kLimit = 9.2e18;
  return static_cast<std::int64_t>(std::clamp(value, -kLimit, kLimit));
}

std::int64_t non_negative(std::int64_t units) { return std::max<std::int64_t>(units, 0); }

// Dollars for a million audio tokens of models that sell audio input apart; 0: the model does not.
double audio_input_price(std::string_view model) {
  struct Row {
    std::string_view prefix;
    double dollars;
  };
  static constexpr Row kRows[] = {
      {"gemini-2.5-flash-preview-native-audio", 3.00},
      {"gemini-2.5-flash-preview-lite", 0.50},
      {"gemini-2.5-flash-preview", 1.00},
      {"gemini-2.5-flash", 1.00},
      {"gemini-2.0-flash", 0.70},
      {"gemini-robotics-er-1.5", 1.00},
  };
  for (const Row& row : kRows) {
    if (model.starts_with(row.prefix)) return row.dollars;
  }
  return 0;
}

// Dollars for one image that a Responses answer made by a tool.
double image_call_price(std::string_view quality, std::string_view size) {
  const bool square = size == "1024x1024", oblong = size == "1024x1536" || size == "1536x1024";
  if (quality == "low" && square) return 0.011;
  if (quality == "low" && oblong) return 0.016;
  if (quality == "medium" && square) return 0.042;
  if (quality == "medium" && oblong) return 0.063;
  if (quality == "high" && oblong) return 0.25;
  return 0.167;
}

// Dollars for a thousand web searches.
double web_search_price(std::string_view model) {
  return model.starts_with("o3") || model.starts_with("o4") || model.starts_with("gpt-5") ? 10 : 25;
}

constexpr double kFileSearchPrice = 2.5;      // dollars a thousand
constexpr double kClaudeWebSearchPrice = 10;  // dollars a thousand

Surcharge per_thousand(double dollars, std::int64_t calls, const Price& price) {
  return {dollars, calls,
          Decimal::divide(Decimal::from_double(dollars) * Decimal(calls), Decimal(1000)) *
              Decimal::from_double(price.group_ratio) * Decimal::from_double(price.quota_per_unit)};
}

ToolSurcharges tool_surcharges(const ChargeInput& input, const Price& price) {
  ToolSurcharges all;
  const ToolCalls& calls = input.tools;
  if (input.responses && calls.web_search > 0) {
    all.web_search = per_thousand(web_search_price(input.model), calls.web_search, price);
  } else if (!input.responses && input.model.ends_with("search-preview")) {
    all.web_search = per_thousand(web_search_price(input.model), 1, price);
  }
  if (calls.claude_web_search > 0) {
    all.claude_web_search = per_thousand(kClaudeWebSearchPrice, calls.claude_web_search, price);
  }
  if (calls.file_search > 0) all.file_search = per_thousand(kFileSearchPrice, calls.file_search, price);
  if (calls.image_generation) {
    const double dollars = image_call_price(calls.image_quality, calls.image_size);
    all.image_generation = {dollars, 1,
                            Decimal::from_double(dollars) * Decimal::from_double(price.group_ratio) *
                                Decimal::from_double(price.quota_per_unit)};
  }
  return all;
}

std::int64_t decimal_amount(const ChargeInput& input, const Usage& usage, const Price& price, ToolSurcharges& tools) {
  tools = tool_surcharges(input, price);
  const Decimal group = Decimal::from_double(price.group_ratio);
  const Decimal unit = Decimal::from_double(price.quota_per_unit);
  const bool costs = !price.price_billed && price.model_ratio != 0 && price.group_ratio != 0;

  Decimal quota;
  if (price.price_billed) {
    quota = Decimal::from_double(price.model_price) * unit * group;
  } else {
    Decimal base = usage.prompt_tokens, weighted;
    const auto part = [&](std::int64_t tokens, double ratio, bool included) {
      if (tokens == 0) return;
      if (included) base -= tokens;
      weighted += Decimal(tokens) * Decimal::from_double(ratio);
    };
    part(usage.cached_tokens, price.cache_ratio, !input.claude_semantics);
    part(usage.cache_creation_tokens, price.cache_creation_ratio, !input.claude_semantics);
    part(usage.prompt_image_tokens, price.image_ratio, true);
    if (const double dollars = audio_input_price(input.model); usage.prompt_audio_tokens > 0 && dollars > 0) {
      base -= usage.prompt_audio_tokens;
      tools.audio_input = {dollars, usage.prompt_audio_tokens,
                           Decimal::divide(Decimal::from_double(dollars), Decimal(1'000'000)) *
                               Decimal(usage.prompt_audio_tokens) * group * unit};
    }
    weighted += Decimal(usage.completion_tokens) * Decimal::from_double(price.completion_ratio);
    quota = (base + weighted) * Decimal::from_double(price.model_ratio) * group;
    if (costs && quota.sign() <= 0) quota = 1;
  }
  quota += tools.web_search.quota + tools.file_search.quota + tools.audio_input.quota + tools.image_generation.quota;
  for (const auto& [name, ratio] : input.extra_ratios) quota *= Decimal::from_double(ratio);

  if (usage.prompt_tokens + usage.completion_tokens == 0) return 0;
  const std::int64_t units = non_negative(quota.round());
  return costs && units == 0 ? 1 : units;
}

// OpenRouter counts cached tokens into the prompt and states a cost instead of the cache writes: they are what explains
// the difference between that cost and the price of everything else.
void take_apart_openrouter(const ChargeInput& input, const Price& price, Usage& usage) {
  const double reported = static_cast<double>(usage.prompt_tokens);
  usage.prompt_tokens -= usage.cached_tokens;
  if (usage.cache_creation_tokens == 0 && price.cache_creation_ratio != 1 && input.reported_cost &&
      price.built_in_ratio && !price.price_billed) {
    const double unit = price.model_ratio / price.quota_per_unit;
    const double read = static_cast<double>(usage.cached_tokens);
    const double written =
        std::round((*input.reported_cost - reported * unit + read * (unit - unit * price.cache_ratio) -
                    static_cast<double>(usage.completion_tokens) * unit * price.completion_ratio) /
                   (unit * price.cache_creation_ratio - unit));
    if (written >= 0 && written <= static_cast<double>(usage.prompt_tokens)) {
      usage.cache_creation_tokens = static_cast<std::int64_t>(written);
    }
  }
  usage.prompt_tokens = non_negative(usage.prompt_tokens - usage.cache_creation_tokens);
}

std::int64_t messages_amount(const Usage& usage, const Price& price) {
  double quota = 0;
  if (price.price_billed) {
    quota = price.model_price * price.quota_per_unit * price.group_ratio;
  } else {
    const auto unstated =
        non_negative(usage.cache_creation_tokens - usage.cache_creation_5m_tokens - usage.cache_creation_1h_tokens);
    quota = static_cast<double>(usage.prompt_tokens);
    quota += static_cast<double>(usage.cached_tokens) * price.cache_ratio;
    quota += static_cast<double>(usage.cache_creation_5m_tokens) * price.cache_creation_5m_ratio;
    quota += static_cast<double>(usage.cache_creation_1h_tokens) * price.cache_creation_1h_ratio;
    quota += static_cast<double>(unstated) * price.cache_creation_ratio;
    quota += static_cast<double>(usage.completion_tokens) * price.completion_ratio;
    quota = quota * price.group_ratio * price.model_ratio;
  }
  if (price.model_ratio != 0 && quota <= 0) quota = 1;
  if (usage.prompt_tokens + usage.completion_tokens == 0) return 0;
  return non_negative(truncate(quota));
}

std::int64_t audio_amount(const Usage& usage, const Price& price) {
  const Decimal group = Decimal::from_double(price.group_ratio);
  std::int64_t units = 0;
  if (price.price_billed) {
    units = (Decimal::from_double(price.model_price) * Decimal::from_double(price.quota_per_unit) * group).truncate();
  } else {
    const Decimal audio = Decimal::from_double(price.audio_ratio);
    Decimal quota = Decimal(usage.prompt_text_tokens) +
                    Decimal(usage.completion_text_tokens) * Decimal::from_double(price.completion_ratio) +
                    Decimal(usage.prompt_audio_tokens) * audio +
                    Decimal(usage.completion_audio_tokens) * audio * Decimal::from_double(price.audio_completion_ratio);
    quota = quota * group * Decimal::from_double(price.model_ratio);
    if (price.model_ratio != 0 && price.group_ratio != 0 && quota.sign() <= 0) quota = 1;
    units = quota.round();
  }
  return usage.total_tokens == 0 ? 0 : non_negative(units);
}

// Text tokens of an audio request that the upstream did not split off: what is left of the total.
void fill_text_tokens(Usage& usage) {
  if (usage.prompt_text_tokens == 0) {
    usage.prompt_text_tokens = non_negative(usage.prompt_tokens - usage.prompt_audio_tokens);
  }
  if (usage.completion_text_tokens == 0) {
    usage.completion_text_tokens = non_negative(usage.completion_tokens - usage.completion_audio_tokens);
  }
}

// The amount, with `usage` as billed and the surcharges in it.
std::int64_t amount(const ChargeInput& input, const Price& price, Usage& usage, ToolSurcharges& tools) {
  usage = sane(input.usage);
  switch (input.formula) {
    case Formula::kDecimal: return decimal_amount(input, usage, price, tools);
    case Formula::kMessages:
      if (input.openrouter) take_apart_openrouter(input, price, usage);
      return messages_amount(usage, price);
    case Formula::kAudio:
    case Formula::kRealtime: fill_text_tokens(usage); return audio_amount(usage, price);
  }
  return 0;
}

}  // namespace

Formula formula_for_chat(const Usage& usage, const Price& price) {
  const bool audio = usage.prompt_audio_tokens > 0 || usage.completion_audio_tokens > 0;
  return audio && price.audio_model ? Formula::kAudio : Formula::kDecimal;
}

Formula formula_for_responses(std::string_view model) {
  return model.starts_with("gpt-4o-audio") ? Formula::kAudio : Formula::kDecimal;
}

core::Quota charge_amount(const ChargeInput& input, const Price& price) {
  Usage usage;
  ToolSurcharges tools;
  return core::Quota{amount(input, price, usage, tools)};
}

Charge charge(const ChargeInput& input, const Price& price, bool texts) {
  Usage usage;
  ToolSurcharges tools;
  Charge result;
  result.quota.units = amount(input, price, usage, tools);
  result.prompt_tokens = usage.prompt_tokens;
  result.completion_tokens = usage.completion_tokens;
  if (!texts) return result;
  result.content = log_content(input, usage, price, tools);
  result.other = log_members(input, usage, price, tools);
  return result;
}

namespace {

double set_aside(const Price& price, std::int64_t estimated_tokens, std::int64_t max_output_tokens,
                 double output_ratio) {
  if (price.free) return 0;
  if (price.price_billed) return price.model_price * price.quota_per_unit * price.group_ratio;
  // The client states the output limit: it may be any number.
  const auto input = std::clamp<std::int64_t>(std::max(estimated_tokens, price.reserve_tokens), 0, kMostTokens);
  const auto output = std::clamp<std::int64_t>(max_output_tokens, 0, kMostTokens);
  return (static_cast<double>(input) + static_cast<double>(output) * output_ratio) *
         (price.model_ratio * price.group_ratio);
}

}  // namespace

core::Quota reservation(const Price& price, std::int64_t estimated_tokens, std::int64_t max_output_tokens) {
  return core::Quota{non_negative(truncate(set_aside(price, estimated_tokens, max_output_tokens, 1)))};
}

core::Quota worst_case(const Price& price, std::int64_t estimated_tokens, std::int64_t max_output_tokens) {
  const auto quota = set_aside(price, estimated_tokens, max_output_tokens, std::max(price.completion_ratio, 1.0));
  // Charges are rounded half up: a fraction needs a whole unit; what binary fractions add to a whole number does not.
  return core::Quota{non_negative(truncate(std::ceil(quota - 1e-6)))};
}

}  // namespace tollgate::billing
