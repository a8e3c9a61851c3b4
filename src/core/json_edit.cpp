#include "core/json_edit.h"

#include <algorithm>
#include <cstring>

namespace tollgate::core {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

constexpr auto kNone = std::string_view::npos;

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

// Behind the value that begins at `at`; containers are followed by their brackets only.
std::size_t skip_value(std::string_view text, std::size_t at) {
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

int hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  int value = 0;
  for (char c : text.substr(0, 4)) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace

std::optional<std::vector<JsonMember>> scan_object(std::string_view text, std::size_t at) {
  at = skip_blanks(text, at);
  if (at >= text.size() || text[at] != '{') return std::nullopt;
  std::vector<JsonMember> members;
  at = skip_blanks(text, at + 1);
  if (at < text.size() && text[at] == '}') return members;
  for (;;) {
    if (at >= text.size() || text[at] != '"') return std::nullopt;
    JsonMember member;
    member.key.begin = at;
    at = skip_string(text, at);
    if (at == kNone) return std::nullopt;
    member.key.end = at;
    at = skip_blanks(text, at);
    if (at >= text.size() || text[at] != ':') return std::nullopt;
    at = skip_blanks(text, at + 1);
    member.value.begin = at;
    at = skip_value(text, at);
    if (at == kNone) return std::nullopt;
    member.value.end = at;
    members.push_back(member);
    at = skip_blanks(text, at);
    if (at >= text.size()) return std::nullopt;
    if (text[at] == '}') return members;
    if (text[at] != ',') return std::nullopt;
    at = skip_blanks(text, at + 1);
  }
}

std::optional<std::vector<JsonSpan>> scan_array(std::string_view text, std::size_t at) {
  at = skip_blanks(text, at);
  if (at >= text.size() || text[at] != '[') return std::nullopt;
  std::vector<JsonSpan> elements;
  at = skip_blanks(text, at + 1);
  if (at < text.size() && text[at] == ']') return elements;
  for (;;) {
    JsonSpan span;
    span.begin = at;
    at = skip_value(text, at);
    if (at == kNone) return std::nullopt;
    span.end = at;
    elements.push_back(span);
    at = skip_blanks(text, at);
    if (at >= text.size()) return std::nullopt;
    if (text[at] == ']') return elements;
    if (text[at] != ',') return std::nullopt;
    at = skip_blanks(text, at + 1);
  }
}

bool json_string_equals(std::string_view quoted, std::string_view name) {
  if (quoted.size() < 2) return false;
  auto body = quoted.substr(1, quoted.size() - 2);
  if (body.find('\\') == std::string_view::npos) return body == name;
  std::string plain;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      plain.push_back(body[i]);
      continue;
    }
    if (++i >= body.size()) return false;
    switch (body[i]) {
      case 'n': plain.push_back('\n'); break;
      case 't': plain.push_back('\t'); break;
      case 'r': plain.push_back('\r'); break;
      case 'b': plain.push_back('\b'); break;
      case 'f': plain.push_back('\f'); break;
      case 'u': {
        int code = hex4(body.substr(i + 1));
        // Names that are looked for are ASCII: anything else differs whatever it is.
        if (code < 0 || code > 0x7F) return false;
        plain.push_back(static_cast<char>(code));
        i += 4;
        break;
      }
      default: plain.push_back(body[i]);
    }
  }
  return plain == name;
}

namespace {

class Validator {
 public:
  Validator(std::string_view text, std::size_t max_depth) : text_(text), max_depth_(max_depth) {}

  bool run() {
    at_ = skip_blanks(text_, 0);
    if (!value(0)) return false;
    return skip_blanks(text_, at_) == text_.size();
  }

 private:
  bool literal(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool digits() {
    auto begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }
  bool number() {
    if (text_[at_] == '-') ++at_;
    if (at_ < text_.size() && text_[at_] == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      if (!digits()) return false;
    }
    return true;
  }
  bool string() {
    ++at_;
    while (at_ < text_.size()) {
      auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return false;
      if (c == '\\') {
        ++at_;
        if (at_ >= text_.size()) return false;
        if (text_[at_] == 'u') {
          if (hex4(text_.substr(at_ + 1)) < 0) return false;
          at_ += 4;
        } else if (std::strchr("\"\\/bfnrt", text_[at_]) == nullptr || text_[at_] == '\0') {
          return false;
        }
      }
      ++at_;
    }
    return false;
  }
  bool value(std::size_t depth) {
    if (at_ >= text_.size() || depth > max_depth_) return false;
    switch (text_[at_]) {
      case '{': return container(depth, '}', true);
      case '[': return container(depth, ']', false);
      case '"': return string();
      case 't': return literal("true");
      case 'f': return literal("false");
      case 'n': return literal("null");
      default: return number();
    }
  }
  bool container(std::size_t depth, char close, bool keyed) {
    at_ = skip_blanks(text_, at_ + 1);
    if (at_ < text_.size() && text_[at_] == close) {
      ++at_;
      return true;
    }
    for (;;) {
      if (keyed) {
        if (at_ >= text_.size() || text_[at_] != '"' || !string()) return false;
        at_ = skip_blanks(text_, at_);
        if (at_ >= text_.size() || text_[at_] != ':') return false;
        at_ = skip_blanks(text_, at_ + 1);
      }
      if (!value(depth + 1)) return false;
      at_ = skip_blanks(text_, at_);
      if (at_ >= text_.size()) return false;
      char c = text_[at_++];
      if (c == close) return true;
      if (c != ',') return false;
      at_ = skip_blanks(text_, at_);
    }
  }

  std::string_view text_;
  std::size_t max_depth_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_valid_json(std::string_view text, std::size_t max_depth) { return Validator(text, max_depth).run(); }

const std::vector<JsonMember>* JsonEditor::members() {
  if (!scanned_) {
    scanned_ = true;
    members_ = scan_object(text_);
  }
  return members_ ? &*members_ : nullptr;
}

bool JsonEditor::set(std::string_view name, std::string raw) {
  const auto* all = members();
  if (!all) return false;
  bool found = false;
  for (const auto& member : *all) {
    if (!json_string_equals(text_.substr(member.key.begin, member.key.size()), name)) continue;
    edits_.push_back({member.value, raw});
    found = true;
  }
  if (!found) added_.push_back("\"" + std::string(name) + "\":" + raw);
  return true;
}

bool JsonEditor::remove(std::string_view name) {
  const auto* all = members();
  if (!all) return false;
  for (std::size_t i = 0; i < all->size(); ++i) {
    const auto& key = (*all)[i].key;
    if (json_string_equals(text_.substr(key.begin, key.size()), name)) remove_member(i);
  }
  return true;
}

void JsonEditor::remove_member(std::size_t index) {
  removed_.resize(members_->size());
  removed_[index] = true;
  any_removed_ = true;
}

std::vector<std::string_view> JsonEditor::pieces() {
  std::size_t kept = members_ ? members_->size() : 0;
  if (any_removed_) {
    const auto& all = *members_;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!removed_[i]) continue;
      auto last = i;
      while (last + 1 < all.size() && removed_[last + 1]) ++last;
      kept -= last - i + 1;
      // A run of members goes with the comma behind it, or, at the end, with the one before it.
      if (last + 1 < all.size()) {
        edits_.push_back({{all[i].key.begin, all[last + 1].key.begin}, {}});
      } else {
        edits_.push_back({{i > 0 ? all[i - 1].value.end : all[i].key.begin, all[last].value.end}, {}});
      }
      i = last;
    }
  }
  if (!added_.empty()) {
    auto open = text_.find('{') + 1;
    std::string front;
    for (const auto& member : added_) {
      if (!front.empty()) front += ',';
      front += member;
    }
    if (kept > 0) front += ',';
    edits_.push_back({{open, open}, std::move(front)});
  }
  // What goes in front comes before a change of the member that stands there.
  std::sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) {
    return a.span.begin != b.span.begin ? a.span.begin < b.span.begin : a.span.end < b.span.end;
  });
  std::vector<std::string_view> out;
  std::size_t at = 0;
  for (const auto& edit : edits_) {
    if (edit.span.begin > at) out.push_back(text_.substr(at, edit.span.begin - at));
    if (!edit.with.empty()) out.emplace_back(edit.with);
    at = std::max(at, edit.span.end);
  }
  if (at < text_.size()) out.push_back(text_.substr(at));
  return out;
}

std::string JsonEditor::text() {
  std::string out;
  for (auto part : pieces()) out += part;
  return out;
}

}  // namespace tollgate::core
