#include "dialect/governed.h"

#include <array>
#include <optional>
#include <utility>

#include "core/json_edit.h"

namespace tollgate::dialect {
namespace {

constexpr std::string_view kGoverned[] = {"model",        "stream",         "n",
                                          "best_of",      "max_tokens",     "max_completion_tokens",
                                          "store",        "service_tier",   "max_output_tokens",
                                          "background",   "stream_options", "previous_response_id",
                                          "tools",        "conversation",   "size",
                                          "quality",      "seconds",        "duration",
                                          "resolution",   "voice",          "input",
                                          "prompt",       "messages",       "contents",
                                          "thinking",     "reasoning",      "speed",
                                          "container",    "inference_geo",  "generationConfig",
                                          "cachedContent"};
constexpr std::size_t kLongest = 21;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The name as case-blind decoders compare it: two letters outside ASCII are a case of s and of k (Unicode simple case
// folding of U+017F and U+212A). nullopt: too long to be a governed name.
std::optional<std::string_view> folded(std::string_view name, std::array<char, kLongest>& buffer) {
  std::size_t size = 0;
  for (std::size_t at = 0; at < name.size(); ++size) {
    if (size == kLongest) return std::nullopt;
    if (name.substr(at).starts_with("\xC5\xBF")) {
      buffer[size] = 's';
      at += 2;
    } else if (name.substr(at).starts_with("\xE2\x84\xAA")) {
      buffer[size] = 'k';
      at += 3;
    } else {
      buffer[size] = lower(name[at++]);
    }
  }
  return std::string_view(buffer.data(), size);
}

bool equals_folded(std::string_view governed, std::string_view name) {
  if (governed.size() != name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if (lower(governed[i]) != name[i]) return false;
  return true;
}

}  // namespace

core::Error duplicate_member(std::string_view name) {
  return core::error(core::Errc::kInvalid, "duplicate member \"" + std::string(name) + "\"");
}

bool GovernedNames::add(std::string_view name) {
  static_assert(kCount == std::size(kGoverned));
  const auto position = position_++;
  std::array<char, kLongest> buffer;
  auto plain = folded(name, buffer);
  if (!plain) return true;
  for (std::size_t which = 0; which < kCount; ++which) {
    if (!equals_folded(kGoverned[which], *plain)) continue;
    if (name == kGoverned[which]) return !std::exchange(exact_[which], true);
    variants_.emplace_back(which, position);
    break;
  }
  return true;
}

core::Result<Respelling> GovernedNames::changes() const {
  Respelling changes;
  for (auto [which, member] : variants_) {
    if (exact_[which]) {
      changes.removed.push_back(member);
      continue;
    }
    for (const auto& other : changes.renames)
      if (other.name == kGoverned[which]) return duplicate_member(kGoverned[which]);
    changes.renames.push_back({member, kGoverned[which]});
  }
  return changes;
}

core::Result<Respelling> check_governed(const simdjson::dom::object& body) {
  GovernedNames names;
  for (auto [name, value] : body)
    if (!names.add(name)) return duplicate_member(name);
  return names.changes();
}

std::string respell(std::string_view body, const Respelling& changes) {
  core::JsonEditor editor(body);
  const auto* members = editor.members();
  if (!members) return std::string(body);
  for (const auto& rename : changes.renames)
    editor.replace((*members)[rename.member].key, '"' + std::string(rename.name) + '"');
  for (auto member : changes.removed) editor.remove_member(member);
  return editor.text();
}

}  // namespace tollgate::dialect
