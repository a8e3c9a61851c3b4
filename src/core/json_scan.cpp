#include "core/json_scan.h"

#include <cstring>

namespace tollgate::core {
namespace {

constexpr auto kNone = std::string_view::npos;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Behind the closing quote of the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size()) {
    const auto* quote = static_cast<const char*>(std::memchr(text.data() + at, '"', text.size() - at));
    if (!quote) return kNone;
    auto end = static_cast<std::size_t>(quote - text.data());
    std::size_t slashes = 0;
    while (end - slashes > at && text[end - slashes - 1] == '\\') ++slashes;
    at = end + 1;
    if (slashes % 2 == 0) return at;
  }
  return kNone;
}

}  // namespace

std::size_t skip_json_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

std::string_view trim_json_blanks(std::string_view text) {
  text.remove_prefix(skip_json_blanks(text, 0));
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t skip_json_value(std::string_view text, std::size_t at) {
  if (at >= text.size()) return kNone;
  if (text[at] == '"') return skip_string(text, at);
  if (text[at] != '{' && text[at] != '[') {
    auto begin = at;
    while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' && !is_blank(text[at])) ++at;
    return at == begin ? kNone : at;
  }
  std::size_t depth = 0;
  while (at < text.size()) {
    switch (text[at]) {
      case '"':
        at = skip_string(text, at);
        if (at == kNone) return kNone;
        continue;
      case '{':
      case '[': ++depth; break;
      case '}':
      case ']':
        if (--depth == 0) return at + 1;
        break;
      default: break;
    }
    ++at;
  }
  return kNone;
}

JsonSteps::JsonSteps(std::string_view text, std::size_t at) : text_(text) {
  at = skip_json_blanks(text, at);
  if (at >= text.size()) return;
  if (text[at] == '{') close_ = '}';
  if (text[at] == '[') close_ = ']';
  at_ = at + 1;
}

bool JsonSteps::next(JsonMember& member) {
  if (close_ == 0 || complete_ || at_ == kNone) return false;
  auto fail = [this] {
    at_ = kNone;
    return false;
  };
  at_ = skip_json_blanks(text_, at_);
  if (at_ >= text_.size()) return fail();
  if (text_[at_] == close_) {
    complete_ = true;
    return false;
  }
  if (!first_) {
    if (text_[at_] != ',') return fail();
    at_ = skip_json_blanks(text_, at_ + 1);
  }
  first_ = false;
  member.key = {at_, at_};
  if (is_object()) {
    if (at_ >= text_.size() || text_[at_] != '"') return fail();
    member.key.end = skip_string(text_, at_);
    if (member.key.end == kNone) return fail();
    at_ = skip_json_blanks(text_, member.key.end);
    if (at_ >= text_.size() || text_[at_] != ':') return fail();
    at_ = skip_json_blanks(text_, at_ + 1);
  }
  member.value = {at_, skip_json_value(text_, at_)};
  at_ = member.value.end;
  return at_ != kNone;
}

}  // namespace tollgate::core
