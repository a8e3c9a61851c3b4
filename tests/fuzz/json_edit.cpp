// Edits of JSON text: the verdict agrees with Boost.JSON's, an edited object is still one, and bytes outside the edited
// span are those that came.
#include "core/json_edit.h"

#include <boost/json.hpp>
#include <string>

#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

bool boost_takes(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 1000;
  options.allow_invalid_utf8 = true;
  boost::system::error_code error;
  boost::json::parse(text, error, {}, options);
  return !error;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text(data, size));
  const bool valid = core::is_valid_json(text);
  // Boost refuses lone surrogates and exponents beyond its range, which RFC 8259 allows.
  if (boost_takes(text)) FUZZ_CHECK(valid);
  if (valid && text.find_first_of("\\eE") == std::string::npos) FUZZ_CHECK(boost_takes(text));

  auto members = core::scan_object(text);
  if (!members) {
    FUZZ_CHECK(!valid || text.find('{') == std::string::npos || text.find_first_not_of(" \t\r\n") != text.find('{'));
    core::scan_array(text);
    return 0;
  }
  for (const auto& [key, value] : *members) {
    FUZZ_CHECK(key.begin < key.end && key.end <= value.begin && value.begin < value.end && value.end <= text.size());
  }
  if (!valid) {
    core::JsonEditor editor(text);
    editor.set("a", "1");
    editor.remove("b");
    editor.text();
    return 0;
  }
  core::JsonEditor same(text);
  FUZZ_CHECK(same.text() == text);
  core::JsonEditor editor(text);
  FUZZ_CHECK(editor.set("a", "[1,{\"x\":null}]"));
  editor.remove("b");
  const auto edited = editor.text();
  FUZZ_CHECK(core::is_valid_json(edited));
  auto after = core::scan_object(edited);
  FUZZ_CHECK(after);
  bool there = false;
  for (const auto& [key, value] : *after) {
    auto name = std::string_view(edited).substr(key.begin, key.size());
    FUZZ_CHECK(!core::json_string_equals(name, "b"));
    if (core::json_string_equals(name, "a")) {
      there = true;
      FUZZ_CHECK(std::string_view(edited).substr(value.begin, value.size()) == "[1,{\"x\":null}]");
    }
  }
  FUZZ_CHECK(there);
  // Every other member is there, in order, byte for byte.
  std::size_t at = 0;
  for (const auto& [key, value] : *members) {
    auto name = std::string_view(text).substr(key.begin, key.size());
    if (core::json_string_equals(name, "a") || core::json_string_equals(name, "b")) continue;
    auto found = edited.find(text.substr(key.begin, value.end - key.begin), at);
    FUZZ_CHECK(found != std::string::npos);
    at = found + (value.end - key.begin);
  }
  return 0;
}
