#include "core/json_edit.h"

#include <algorithm>
#include <cstring>

#include "core/json_text.h"

namespace tollgate::core {
namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

std::optional<std::vector<JsonMember>> scan_object(std::string_view text, std::size_t at) {
  JsonSteps steps(text, at);
  if (!steps.is_object()) return std::nullopt;
  std::vector<JsonMember> members;
  for (JsonMember member; steps.next(member);) members.push_back(member);
  if (!steps.complete()) return std::nullopt;
  return members;
}

std::optional<std::vector<JsonSpan>> scan_array(std::string_view text, std::size_t at) {
  JsonSteps steps(text, at);
  if (!steps.is_array()) return std::nullopt;
  std::vector<JsonSpan> elements;
  for (JsonMember element; steps.next(element);) elements.push_back(element.value);
  if (!steps.complete()) return std::nullopt;
  return elements;
}

bool json_string_equals(std::string_view quoted, std::string_view name) {
  if (quoted.size() < 2) return false;
  auto body = quoted.substr(1, quoted.size() - 2);
  if (body.find('\\') == std::string_view::npos) return body == name;
  return decode_json_string(quoted) == name;
}

namespace {

class Validator {
 public:
  Validator(std::string_view text, std::size_t max_depth) : text_(text), max_depth_(max_depth) {}

  bool run() {
    at_ = skip_json_blanks(text_, 0);
    if (!value(0)) return false;
    return skip_json_blanks(text_, at_) == text_.size();
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
          auto digits = text_.substr(at_ + 1, 4);
          if (digits.size() < 4 || !std::all_of(digits.begin(), digits.end(), is_hex)) return false;
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
    at_ = skip_json_blanks(text_, at_ + 1);
    if (at_ < text_.size() && text_[at_] == close) {
      ++at_;
      return true;
    }
    for (;;) {
      if (keyed) {
        if (at_ >= text_.size() || text_[at_] != '"' || !string()) return false;
        at_ = skip_json_blanks(text_, at_);
        if (at_ >= text_.size() || text_[at_] != ':') return false;
        at_ = skip_json_blanks(text_, at_ + 1);
      }
      if (!value(depth + 1)) return false;
      at_ = skip_json_blanks(text_, at_);
      if (at_ >= text_.size()) return false;
      char c = text_[at_++];
      if (c == close) return true;
      if (c != ',') return false;
      at_ = skip_json_blanks(text_, at_);
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
  std::sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) { return a.span.begin < b.span.begin; });
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
