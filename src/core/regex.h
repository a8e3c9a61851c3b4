// Regular expressions in RE2's syntax: time grows with the text only, whatever the pattern. Safe to use from any
// thread.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace re2 {
class RE2;
}

namespace tollgate::core {

class Regex {
 public:
  // kInvalid with a text that says what is wrong with the pattern.
  static Result<Regex> compile(std::string_view pattern);

  // Whether the pattern fits somewhere in the text.
  bool found_in(std::string_view text) const;
  // Every match replaced; `$1`, `${1}`, `$name`, `${name}` stand for groups, `$$` for a dollar sign. kTooLarge when the
  // result would be over `limit` bytes.
  Result<std::string> replace_all(std::string_view text, std::string_view with, std::size_t limit) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace tollgate::core
