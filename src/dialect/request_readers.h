// Readers of the OpenAI routes besides chat, one file a route, and what they share. Private to this folder; the way in
// is openai_request.h.
#pragma once
#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "dialect/openai_request.h"

namespace tollgate::dialect {

inline constexpr std::int64_t kMostChoices = 128;

// Of a value, or of what a look-up found.
template <class Value>
std::optional<std::string_view> text_of(const Value& value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

// The first rule that is broken stays.
inline void broken(OpenAiRequest& request, std::string text) {
  if (request.broken_rule.empty()) request.broken_rule = std::move(text);
}

// A whole number as a number: 1e3, 1.0 and "1" are read differently by different decoders. Anything else, and a number
// outside of 0 … most, breaks a rule.
std::optional<std::int64_t> count_of(OpenAiRequest& request, std::string_view key, const simdjson::dom::element& value,
                                     std::int64_t most);
// The text of a member; one that is no text breaks a rule.
std::string_view string_member(OpenAiRequest& request, std::string_view key, const simdjson::dom::element& value);

// visit(key, value) for each member but `model`, which goes into the request; null is as good as absent. kInvalid when
// the model is no text.
template <class Visit>
core::Result<void> each_request_member(const simdjson::dom::object& body, OpenAiRequest& request, Visit visit) {
  for (auto [key, value] : body) {
    if (value.is_null()) continue;
    if (key != "model") {
      visit(key, simdjson::dom::element(value));
      continue;
    }
    auto text = text_of(value);
    if (!text) return core::error(core::Errc::kInvalid, "model must be a string");
    request.model = *text;
  }
  return core::Result<void>();
}

using TextVisitor = std::function<void(std::string_view)>;
// A text, or the texts of a list.
void visit_strings(const simdjson::dom::element& value, const TextVisitor& text);

core::Result<OpenAiRequest> read_image_request(const simdjson::dom::object& body);
core::Result<OpenAiRequest> read_speech_request(const simdjson::dom::object& body);
core::Result<OpenAiRequest> read_rerank_request(const simdjson::dom::object& body);
core::Result<OpenAiRequest> read_moderation_request(const simdjson::dom::object& body);

void visit_rerank_prompt(const simdjson::dom::object& body, const TextVisitor& text);

}  // namespace tollgate::dialect
