// Finds where values stand in a JSON text without building a document. Values are delimited by their brackets and
// quotes, not validated: whoever needs that asks is_valid_json first.
#pragma once
#include <cstddef>
#include <string_view>

namespace tollgate::core {

struct JsonSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
};

struct JsonMember {
  JsonSpan key;    // with its quotes
  JsonSpan value;  // without surrounding blanks
};

std::size_t skip_json_blanks(std::string_view text, std::size_t at);
// Behind the value that begins at `at`; npos when its end is missing.
std::size_t skip_json_value(std::string_view text, std::size_t at);
std::string_view trim_json_blanks(std::string_view text);

// Steps through the members of an object or the elements of an array, which then have an empty key. The text outlives
// it.
class JsonSteps {
 public:
  // Blanks before the container are skipped.
  explicit JsonSteps(std::string_view text, std::size_t at = 0);
  bool is_object() const { return close_ == '}'; }
  bool is_array() const { return close_ == ']'; }
  // False at the end of the container, and where the text is not well-formed.
  bool next(JsonMember& member);
  // Whether next() came to the closing bracket.
  bool complete() const { return complete_; }
  std::size_t position() const { return at_; }  // behind what next() gave; of the closing bracket when complete()

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  char close_ = 0;  // 0: there is no container, or it is over
  bool first_ = true;
  bool complete_ = false;
};

}  // namespace tollgate::core
