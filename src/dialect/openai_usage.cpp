#include "dialect/openai_usage.h"

#include <simdjson.h>

#include <algorithm>

#include "dialect/json_walk.h"
#include "dialect/padded.h"

namespace tollgate::dialect {
namespace {

namespace ondemand = simdjson::ondemand;

// Enough for any answer; beyond it a number is a mistake that must not overflow a price.
constexpr std::int64_t kMost = 1'000'000'000'000;

std::int64_t count(ondemand::value& value) {
  ondemand::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS || type != ondemand::json_type::number) return 0;
  std::int64_t number;
  if (value.get_int64().get(number) == simdjson::SUCCESS) return std::clamp<std::int64_t>(number, 0, kMost);
  double real;
  if (value.get_double().get(real) == simdjson::SUCCESS) {
    if (!(real > 0)) return 0;
    return real > static_cast<double>(kMost) ? kMost : static_cast<std::int64_t>(real);
  }
  return 0;
}

void read_prompt_details(ondemand::value& value, billing::Usage& usage) {
  each_member(value, [&](std::string_view key, ondemand::value& inner) {
    if (key == "cached_tokens") {
      usage.cached_tokens = std::max(usage.cached_tokens, count(inner));
    } else if (key == "cached_creation_tokens" || key == "cache_write_tokens") {
      usage.cache_creation_tokens = std::max(usage.cache_creation_tokens, count(inner));
    } else if (key == "text_tokens") {
      usage.prompt_text_tokens = count(inner);
    } else if (key == "audio_tokens") {
      usage.prompt_audio_tokens = count(inner);
    } else if (key == "image_tokens") {
      usage.prompt_image_tokens = count(inner);
    }
  });
}

void read_completion_details(ondemand::value& value, billing::Usage& usage) {
  each_member(value, [&](std::string_view key, ondemand::value& inner) {
    if (key == "reasoning_tokens") {
      usage.reasoning_tokens = count(inner);
    } else if (key == "text_tokens") {
      usage.completion_text_tokens = count(inner);
    } else if (key == "audio_tokens") {
      usage.completion_audio_tokens = count(inner);
    } else if (key == "image_tokens") {
      usage.completion_image_tokens = count(inner);
    }
  });
}

}  // namespace

std::optional<billing::Usage> read_openai_usage(std::string_view text) {
  Padded padded(text);
  thread_local ondemand::parser parser;
  ondemand::document document;
  if (parser.iterate(padded.view()).get(document) != simdjson::SUCCESS) return std::nullopt;
  ondemand::value root;
  if (document.get_value().get(root) != simdjson::SUCCESS) return std::nullopt;
  ondemand::json_type type;
  if (root.type().get(type) != simdjson::SUCCESS || type != ondemand::json_type::object) return std::nullopt;
  billing::Usage usage;
  std::int64_t input = 0;
  std::int64_t output = 0;
  each_member(root, [&](std::string_view key, ondemand::value& value) {
    if (key == "prompt_tokens") {
      usage.prompt_tokens = count(value);
    } else if (key == "completion_tokens") {
      usage.completion_tokens = count(value);
    } else if (key == "total_tokens") {
      usage.total_tokens = count(value);
    } else if (key == "input_tokens") {
      input = count(value);
    } else if (key == "output_tokens") {
      output = count(value);
    } else if (key == "prompt_cache_hit_tokens") {
      usage.cached_tokens = std::max(usage.cached_tokens, count(value));
    } else if (key == "prompt_tokens_details" || key == "input_tokens_details") {
      read_prompt_details(value, usage);
    } else if (key == "completion_tokens_details" || key == "output_tokens_details") {
      read_completion_details(value, usage);
    } else if (key == "claude_cache_creation_5_m_tokens") {
      usage.cache_creation_5m_tokens = count(value);
    } else if (key == "claude_cache_creation_1_h_tokens") {
      usage.cache_creation_1h_tokens = count(value);
    }
  });
  if (usage.prompt_tokens == 0) usage.prompt_tokens = input;
  if (usage.completion_tokens == 0) usage.completion_tokens = output;
  return usage;
}

std::string write_openai_usage(const billing::Usage& u) {
  std::string out;
  auto number = [&](std::string_view name, std::int64_t value) {
    if (out.empty() || out.back() != '{') out += ',';
    out += '"';
    out += name;
    out += "\":";
    out += std::to_string(value);
  };
  out += '{';
  number("prompt_tokens", u.prompt_tokens);
  number("completion_tokens", u.completion_tokens);
  number("total_tokens", u.prompt_tokens + u.completion_tokens);
  out += ",\"prompt_tokens_details\":{";
  number("cached_tokens", u.cached_tokens);
  number("text_tokens", u.prompt_text_tokens);
  number("audio_tokens", u.prompt_audio_tokens);
  number("image_tokens", u.prompt_image_tokens);
  out += "},\"completion_tokens_details\":{";
  number("text_tokens", u.completion_text_tokens);
  number("audio_tokens", u.completion_audio_tokens);
  number("reasoning_tokens", u.reasoning_tokens);
  out += "},\"input_tokens\":0,\"output_tokens\":0,\"input_tokens_details\":null";
  number("claude_cache_creation_5_m_tokens", u.cache_creation_5m_tokens);
  number("claude_cache_creation_1_h_tokens", u.cache_creation_1h_tokens);
  return out + "}";
}

}  // namespace tollgate::dialect
