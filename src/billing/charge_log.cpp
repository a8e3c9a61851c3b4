#include "billing/charge_log.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace tollgate::billing {

namespace {

constexpr std::string_view kNoUsage = "上游没有返回计费信息，无法扣费（可能是上游超时）";

void name(std::string& out, std::string_view key) {
  out += out.empty() ? "\"" : ",\"";
  out += key;
  out += "\":";
}

void append_integer(std::string& out, std::int64_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void number(std::string& out, std::string_view key, double value) {
  name(out, key);
  append_json_number(out, value);
}

void number(std::string& out, std::string_view key, std::int64_t value) {
  name(out, key);
  append_integer(out, value);
}

void yes(std::string& out, std::string_view key) {
  name(out, key);
  out += "true";
}

void fragment(std::string& out, std::string_view text) {
  if (!out.empty()) out += ", ";
  out += text;
}

}  // namespace

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) value = 0;  // JSON has no other spelling
  // Most ratios are small whole numbers; −0 has a spelling of its own.
  if (value == std::floor(value) && std::abs(value) < 1e15 && (value != 0 || !std::signbit(value)))
    return append_integer(out, static_cast<std::int64_t>(value));
  std::array<char, 400> text;
  const double size = std::abs(value);
  const bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string_view digits(text.data(), static_cast<std::size_t>(end.ptr - text.data()));
  // Go writes a one-digit negative exponent without a leading zero: 1e-7.
  if (exponent && digits.size() >= 4 && digits.substr(digits.size() - 4, 3) == "e-0") {
    out.append(digits.substr(0, digits.size() - 2));
    out += digits.back();
    return;
  }
  out.append(digits);
}

std::string kinds_json(const Kinds& kinds) {
  std::string members;
  const auto add = [&](std::string_view key, std::int64_t tokens) {
    if (tokens != 0) number(members, key, tokens);
  };
  add("input", kinds.input);
  add("cache_read", kinds.cache_read);
  add("cache_write_5m", kinds.cache_write_5m);
  add("cache_write_1h", kinds.cache_write_1h);
  add("audio_input", kinds.audio_input);
  add("image_input", kinds.image_input);
  add("output", kinds.output);
  add("reasoning", kinds.reasoning);
  add("audio_output", kinds.audio_output);
  add("image_output", kinds.image_output);
  return "{" + members + "}";
}

std::string log_content(const ChargeInput& input, const Usage& usage, const Price& price, const ToolSurcharges& tools) {
  const bool nothing = usage.prompt_tokens + usage.completion_tokens == 0;
  if (input.formula == Formula::kMessages) return nothing ? "（可能是上游出错）" : "";
  if (input.formula == Formula::kAudio || input.formula == Formula::kRealtime) {
    std::string text =
        price.price_billed
            ? fmt::format("模型价格 {:.2f}，分组倍率 {:.2f}", price.model_price, price.group_ratio)
            : fmt::format("模型倍率 {:.2f}，补全倍率 {:.2f}，音频倍率 {:.2f}，音频补全倍率 {:.2f}，分组倍率 {:.2f}",
                          price.model_ratio, price.completion_ratio, price.audio_ratio, price.audio_completion_ratio,
                          price.group_ratio);
    if (usage.total_tokens == 0) text += "（可能是上游超时）";
    return text;
  }
  std::string text;
  if (tools.web_search.count > 0) {
    fragment(text, fmt::format("Web Search 调用 {} 次，上下文大小 {}，调用花费 {}", tools.web_search.count,
                               input.tools.web_search_context, tools.web_search.quota.to_string()));
  }
  if (tools.claude_web_search.count > 0) {
    fragment(text, fmt::format("Claude Web Search 调用 {} 次，调用花费 {}", tools.claude_web_search.count,
                               tools.claude_web_search.quota.to_string()));
  }
  if (tools.file_search.count > 0) {
    fragment(text, fmt::format("File Search 调用 {} 次，调用花费 {}", tools.file_search.count,
                               tools.file_search.quota.to_string()));
  }
  if (tools.image_generation.count > 0) {
    fragment(text, fmt::format("Image Generation Call 花费 {}", tools.image_generation.quota.to_string()));
  }
  if (tools.audio_input.count > 0) {
    fragment(text, fmt::format("Audio Input 花费 {}", tools.audio_input.quota.to_string()));
  }
  for (const auto& [name, ratio] : input.extra_ratios) fragment(text, fmt::format("其他倍率 {}: {:.6f}", name, ratio));
  if (nothing) fragment(text, kNoUsage);
  return text;
}

std::string log_members(const ChargeInput& input, const Usage& usage, const Price& price, const ToolSurcharges& tools) {
  const bool realtime = input.formula == Formula::kRealtime;
  const bool audio = input.formula == Formula::kAudio || realtime;
  std::string out;
  out.reserve(256);
  number(out, "model_ratio", price.model_ratio);
  number(out, "group_ratio", price.group_ratio);
  number(out, "completion_ratio", price.completion_ratio);
  number(out, "cache_tokens", audio ? 0 : usage.cached_tokens);
  number(out, "cache_ratio", audio ? 0.0 : price.cache_ratio);
  number(out, "model_price", price.model_price);
  number(out, "user_group_ratio", price.user_group_ratio);

  if (audio) {
    yes(out, realtime ? "ws" : "audio");
    number(out, "audio_input", usage.prompt_audio_tokens);
    number(out, "audio_output", usage.completion_audio_tokens);
    number(out, "text_input", usage.prompt_text_tokens);
    number(out, "text_output", usage.completion_text_tokens);
    number(out, "audio_ratio", price.audio_ratio);
    number(out, "audio_completion_ratio", price.audio_completion_ratio);
    return out;
  }
  if (input.formula == Formula::kMessages) {
    yes(out, "claude");
    number(out, "cache_creation_tokens", usage.cache_creation_tokens);
    number(out, "cache_creation_ratio", price.cache_creation_ratio);
    if (usage.cache_creation_5m_tokens != 0) {
      number(out, "cache_creation_tokens_5m", usage.cache_creation_5m_tokens);
      number(out, "cache_creation_ratio_5m", price.cache_creation_5m_ratio);
    }
    if (usage.cache_creation_1h_tokens != 0) {
      number(out, "cache_creation_tokens_1h", usage.cache_creation_1h_tokens);
      number(out, "cache_creation_ratio_1h", price.cache_creation_1h_ratio);
    }
    return out;
  }
  if (input.claude_semantics) {
    yes(out, "claude");
    out += R"(,"usage_semantic":"anthropic")";
  }
  if (usage.prompt_image_tokens != 0) {
    yes(out, "image");
    number(out, "image_ratio", price.image_ratio);
    number(out, "image_output", usage.prompt_image_tokens);  // the input tokens, whatever the key says
  }
  if (usage.cache_creation_tokens != 0) {
    number(out, "cache_creation_tokens", usage.cache_creation_tokens);
    number(out, "cache_creation_ratio", price.cache_creation_ratio);
  }
  if (const Surcharge& search = tools.web_search.count > 0 ? tools.web_search : tools.claude_web_search;
      search.count > 0) {
    yes(out, "web_search");
    number(out, "web_search_call_count", search.count);
    number(out, "web_search_price", search.price);
  }
  if (tools.file_search.count > 0) {
    yes(out, "file_search");
    number(out, "file_search_call_count", tools.file_search.count);
    number(out, "file_search_price", tools.file_search.price);
  }
  if (tools.audio_input.count > 0) {
    yes(out, "audio_input_seperate_price");  // spelt so in the compatible API
    number(out, "audio_input_token_count", tools.audio_input.count);
    number(out, "audio_input_price", tools.audio_input.price);
  }
  if (tools.image_generation.count > 0) {
    yes(out, "image_generation_call");
    number(out, "image_generation_call_price", tools.image_generation.price);
  }
  return out;
}

}  // namespace tollgate::billing
