// Changes spans of a JSON text and leaves every other byte as it was: what a client sent passes on with only what has
// to change changed. No number, escape or order of members is ever rewritten.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_scan.h"

namespace tollgate::core {

// The members of the object that begins at `at` (blanks before it are skipped), or the elements of the array; nullopt
// when the text is not well-formed up to the end of that object or array. Values are delimited, not validated.
std::optional<std::vector<JsonMember>> scan_object(std::string_view text, std::size_t at = 0);
std::optional<std::vector<JsonSpan>> scan_array(std::string_view text, std::size_t at = 0);

// Whether a key or string with its quotes and escapes spells `name`.
bool json_string_equals(std::string_view quoted, std::string_view name);

// Whether the whole text is one JSON value by RFC 8259; numbers of any size, at most `max_depth` levels, valid UTF-8 is
// the caller's to check.
bool is_valid_json(std::string_view text, std::size_t max_depth = 1000);

// Edits of one object text, collected and then applied together. The text must be a JSON object and outlive the editor.
class JsonEditor {
 public:
  explicit JsonEditor(std::string_view text) : text_(text) {}

  // Replaces the value of each member of that name, or adds one in front of the others. `raw` is JSON text.
  bool set(std::string_view name, std::string raw);
  // Removes each member of that name with its comma.
  bool remove(std::string_view name);
  // The same for one of members(), by its place.
  void remove_member(std::size_t index);
  // Replaces a span found by scanning; spans must not overlap.
  void replace(JsonSpan span, std::string with) { edits_.push_back({span, std::move(with)}); }

  bool changed() const { return !edits_.empty() || !added_.empty() || any_removed_; }
  const std::vector<JsonMember>* members();  // of the top level; nullptr when the text is no object
  // The result as pieces of the text and of the replacements: valid while both live. Call once all edits are made.
  std::vector<std::string_view> pieces();
  std::string text();

 private:
  struct Edit {
    JsonSpan span;
    std::string with;
  };
  std::string_view text_;
  bool scanned_ = false;
  std::optional<std::vector<JsonMember>> members_;
  std::vector<Edit> edits_;
  std::vector<std::string> added_;  // members that go in front
  std::vector<bool> removed_;       // by member
  bool any_removed_ = false;
};

}  // namespace tollgate::core
