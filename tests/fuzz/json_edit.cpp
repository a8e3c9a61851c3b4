// Edits of JSON text: the verdict, the members with their names and the elements agree with Boost.JSON's, an edited
// object is still one, and bytes outside the edited span are those that came.
#include "core/json_edit.h"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <string>

#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

std::optional<boost::json::value> by_boost(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 1000;
  options.allow_invalid_utf8 = true;
  boost::system::error_code error;
  auto value = boost::json::parse(text, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Every member that Boost sees is found by its name; each element is the text of the same value.
void check_scans(std::string_view text, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    const auto members = core::scan_object(text);
    FUZZ_CHECK(members && members->size() >= object->size());
    for (const auto& [name, inner] : *object) {
      if (!is_ascii(name)) continue;  // only such names are looked for
      std::optional<boost::json::value> last;
      for (const auto& member : *members)
        if (core::json_string_equals(text.substr(member.key.begin, member.key.size()), name))
          last = by_boost(text.substr(member.value.begin, member.value.size()));
      FUZZ_CHECK(last && *last == inner);
    }
  }
  if (const auto* array = value.if_array()) {
    const auto elements = core::scan_array(text);
    FUZZ_CHECK(elements && elements->size() == array->size());
    for (std::size_t i = 0; i < array->size(); ++i) {
      const auto element = by_boost(text.substr((*elements)[i].begin, (*elements)[i].size()));
      FUZZ_CHECK(element && *element == (*array)[i]);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text(data, size));
  const bool valid = core::is_valid_json(text);
  // Boost refuses lone surrogates and exponents beyond its range, which RFC 8259 allows.
  const auto known = by_boost(text);
  if (known) {
    FUZZ_CHECK(valid);
    check_scans(text, *known);
  }
  if (valid && text.find_first_of("\\eE") == std::string::npos) FUZZ_CHECK(known);

  auto members = core::scan_object(text);
  if (!members) {
    FUZZ_CHECK(!valid || text.find('{') == std::string::npos || text.find_first_not_of(" \t\r\n") != text.find('{'));
    if (auto elements = core::scan_array(text)) {
      std::size_t at = 0;
      for (const auto& span : *elements) {
        FUZZ_CHECK(at < span.begin && span.begin < span.end && span.end < text.size());
        at = span.end;
      }
    }
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
