#include "dialect/openai_usage.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "dialect/openai_usage_dom.h"
#include "dialect/padded.h"

namespace tollgate::dialect {
namespace {

namespace dom = simdjson::dom;

// More than any answer holds: beyond it a figure is a mistake, and no ground for a charge.
constexpr std::int64_t kMost = 1'000'000'000;

// The figures of one usage object, until one of them cannot be.
class Figures {
 public:
  bool absurd() const { return absurd_; }
  void refuse() { absurd_ = true; }

  std::int64_t count(const dom::element& value) {
    if (value.is_null()) return 0;
    double number;
    if (value.get_double().get(number) == simdjson::SUCCESS && number >= 0 && number <= static_cast<double>(kMost) &&
        number == std::floor(number))
      return static_cast<std::int64_t>(number);
    absurd_ = true;
    return 0;
  }

 private:
  bool absurd_ = false;
};

template <class Visit>
void each_member(const dom::element& value, Visit visit) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return;
  for (auto [key, inner] : object) visit(key, inner);
}

void read_prompt_details(const dom::element& value, billing::Usage& usage, Figures& figures) {
  each_member(value, [&](std::string_view key, const dom::element& inner) {
    if (key == "cached_tokens") {
      usage.cached_tokens = std::max(usage.cached_tokens, figures.count(inner));
    } else if (key == "cached_creation_tokens" || key == "cache_write_tokens") {
      usage.cache_creation_tokens = std::max(usage.cache_creation_tokens, figures.count(inner));
    } else if (key == "text_tokens") {
      usage.prompt_text_tokens = figures.count(inner);
    } else if (key == "audio_tokens") {
      usage.prompt_audio_tokens = figures.count(inner);
    } else if (key == "image_tokens") {
      usage.prompt_image_tokens = figures.count(inner);
    }
  });
}

void read_completion_details(const dom::element& value, billing::Usage& usage, Figures& figures) {
  each_member(value, [&](std::string_view key, const dom::element& inner) {
    if (key == "reasoning_tokens") {
      usage.reasoning_tokens = figures.count(inner);
    } else if (key == "text_tokens") {
      usage.completion_text_tokens = figures.count(inner);
    } else if (key == "audio_tokens") {
      usage.completion_audio_tokens = figures.count(inner);
    } else if (key == "image_tokens") {
      usage.completion_image_tokens = figures.count(inner);
    }
  });
}

}  // namespace

std::optional<billing::Usage> read_openai_usage(std::string_view text, bool* refused) {
  if (refused) *refused = false;
  Padded padded(text);
  thread_local dom::parser parser;
  dom::element root;
  if (const auto failure = parser.parse(padded.view()).get(root); failure != simdjson::SUCCESS) {
    if (refused) *refused = failure == simdjson::NUMBER_ERROR;
    return std::nullopt;
  }
  return read_openai_usage(root, refused);
}

std::optional<billing::Usage> read_openai_usage(const dom::element& root, bool* refused) {
  if (refused) *refused = false;
  if (!root.is_object()) return std::nullopt;
  billing::Usage usage;
  Figures figures;
  std::int64_t input = 0;
  std::int64_t output = 0;
  each_member(root, [&](std::string_view key, const dom::element& value) {
    if (key == "prompt_tokens") {
      usage.prompt_tokens = figures.count(value);
    } else if (key == "completion_tokens") {
      usage.completion_tokens = figures.count(value);
    } else if (key == "total_tokens") {
      usage.total_tokens = figures.count(value);
    } else if (key == "input_tokens") {
      input = figures.count(value);
    } else if (key == "output_tokens") {
      output = figures.count(value);
    } else if (key == "prompt_cache_hit_tokens") {
      usage.cached_tokens = std::max(usage.cached_tokens, figures.count(value));
    } else if (key == "prompt_tokens_details" || key == "input_tokens_details" || key == "input_token_details") {
      read_prompt_details(value, usage, figures);
    } else if (key == "completion_tokens_details" || key == "output_tokens_details" || key == "output_token_details") {
      read_completion_details(value, usage, figures);
    } else if (key == "claude_cache_creation_5_m_tokens") {
      usage.cache_creation_5m_tokens = figures.count(value);
    } else if (key == "claude_cache_creation_1_h_tokens") {
      usage.cache_creation_1h_tokens = figures.count(value);
    }
  });
  if (usage.prompt_tokens == 0) usage.prompt_tokens = input;
  if (usage.completion_tokens == 0) usage.completion_tokens = output;
  if (usage.total_tokens != 0 && usage.total_tokens < usage.prompt_tokens + usage.completion_tokens) figures.refuse();
  if (!figures.absurd()) return usage;
  if (refused) *refused = true;
  return std::nullopt;
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
