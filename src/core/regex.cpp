#include "core/regex.h"

#include <re2/re2.h>

#include <charconv>
#include <vector>

namespace tollgate::core {
namespace {

std::string_view view(re2::StringPiece piece) { return {piece.data(), piece.size()}; }

bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Appends the template with its groups put in; a group that is none gives nothing.
void expand(std::string& out, std::string_view with, const re2::RE2& regex,
            const std::vector<re2::StringPiece>& groups) {
  while (!with.empty()) {
    auto dollar = std::min(with.find('$'), with.size());
    out += with.substr(0, dollar);
    with.remove_prefix(dollar);
    if (with.empty()) return;
    if (with.starts_with("$$")) {
      out += '$';
      with.remove_prefix(2);
      continue;
    }
    const bool braced = with.starts_with("${");
    const std::size_t begin = braced ? 2 : 1;
    auto end = begin;
    while (end < with.size() && is_word(with[end])) ++end;
    auto name = with.substr(begin, end - begin);
    if (name.empty() || (braced && (end >= with.size() || with[end] != '}'))) {
      out += '$';
      with.remove_prefix(1);
      continue;
    }
    with.remove_prefix(end + (braced ? 1 : 0));
    std::size_t index = 0;
    auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error != std::errc() || stop != name.data() + name.size()) {
      auto named = regex.NamedCapturingGroups().find(std::string(name));
      if (named == regex.NamedCapturingGroups().end()) continue;
      index = static_cast<std::size_t>(named->second);
    }
    if (index < groups.size() && groups[index].data()) out += view(groups[index]);
  }
}

std::size_t character_size(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok()) return error(Errc::kInvalid, "error parsing regexp: " + compiled->error());
  return Regex(std::move(compiled));
}

bool Regex::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

Result<std::string> Regex::replace_all(std::string_view text, std::string_view with, std::size_t limit) const {
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(compiled_->NumberOfCapturingGroups()) + 1);
  const re2::StringPiece whole(text.data(), text.size());
  std::string out;
  std::size_t at = 0, copied = 0;
  bool after_match = false;
  while (at <= text.size() && compiled_->Match(whole, at, text.size(), re2::RE2::UNANCHORED, groups.data(),
                                               static_cast<int>(groups.size()))) {
    auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    auto size = groups[0].size();
    out += text.substr(copied, begin - copied);
    copied = begin;
    // An empty match right behind another one does not count.
    if (size > 0 || !(after_match && begin == at)) expand(out, with, *compiled_, groups);
    copied = begin + size;
    after_match = size > 0;
    at = copied;
    if (size == 0) at += at < text.size() ? character_size(text.substr(at)) : 1;
    if (out.size() > limit) return error(Errc::kTooLarge, "the result of the replacement is too large");
  }
  out += text.substr(copied);
  if (out.size() > limit) return error(Errc::kTooLarge, "the result of the replacement is too large");
  return out;
}

}  // namespace tollgate::core
