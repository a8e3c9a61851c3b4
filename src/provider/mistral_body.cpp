// What Mistral takes differently: other names of two members, and ids of tool calls that are nine letters or digits.
#include <cstdint>

#include "provider/body_rules.h"

namespace tollgate::provider {
namespace {

constexpr std::size_t kIdLength = 9;

std::string_view text_of(std::string_view body, core::JsonSpan span) { return body.substr(span.begin, span.size()); }

bool is_mistral_id(std::string_view quoted) {
  auto id = quoted.substr(1, quoted.size() - 2);
  if (id.size() != kIdLength) return false;
  for (char c : id)
    if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))) return false;
  return true;
}

// The same id for the same text in every request, so that calls meet their results and prompt caches hit.
std::string nine_characters(std::string_view quoted) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits
  for (char c : quoted) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string id;
  for (std::size_t i = 0; i < kIdLength; ++i, hash /= kDigits.size()) id += kDigits[hash % kDigits.size()];
  return id;
}

void fit_id(BodyEdit& edit, core::JsonSpan value) {
  auto quoted = text_of(edit.body, value);
  if (quoted.size() < 2 || !quoted.starts_with('"') || is_mistral_id(quoted)) return;
  edit.editor.replace(value, "\"" + nine_characters(quoted) + "\"");
}

void fit_ids_of_message(BodyEdit& edit, core::JsonSpan message) {
  auto fields = core::scan_object(edit.body, message.begin);
  if (!fields) return;
  for (const auto& field : *fields) {
    auto key = text_of(edit.body, field.key);
    if (core::json_string_equals(key, "tool_call_id")) fit_id(edit, field.value);
    if (!core::json_string_equals(key, "tool_calls")) continue;
    auto calls = core::scan_array(edit.body, field.value.begin);
    if (!calls) continue;
    for (auto call : *calls) {
      auto members = core::scan_object(edit.body, call.begin);
      if (!members) continue;
      for (const auto& member : *members)
        if (core::json_string_equals(text_of(edit.body, member.key), "id")) fit_id(edit, member.value);
    }
  }
}

}  // namespace

void mistral_body(BodyEdit& edit) {
  if (edit.route != dialect::OpenAiRoute::kChatCompletions) return;
  only_max_tokens(edit);
  const auto* members = edit.editor.members();
  if (!members) return;
  const bool has_own_seed = edit.raw("random_seed").has_value();
  // Looking into messages is only worth it where a call can be.
  const bool has_calls = edit.body.find("tool_call") != std::string_view::npos;
  for (std::size_t i = 0; i < members->size(); ++i) {
    const auto& member = (*members)[i];
    auto key = text_of(edit.body, member.key);
    if (core::json_string_equals(key, "seed")) {
      if (has_own_seed)
        edit.editor.remove_member(i);
      else
        edit.editor.replace(member.key, "\"random_seed\"");
    }
    if (!has_calls || !core::json_string_equals(key, "messages")) continue;
    auto messages = core::scan_array(edit.body, member.value.begin);
    if (!messages) continue;
    for (auto message : *messages) fit_ids_of_message(edit, message);
  }
}

}  // namespace tollgate::provider
