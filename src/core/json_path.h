// Finds values in a JSON text by paths as GJSON 1.18 has them, without building a document: `a.b`, `a.0`, `a\.b`,
// `a*.b?`, `a.#`, `a.#.b`, `a.#(b==1).c`, `a.#(b==1)#`, `a|b`, `a.@keys`, `[a,b]`, `{"x":a}`, `!"literal"`.
// docs/overrides.md describes them for operators.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_scan.h"

namespace tollgate::core {

// The kind of a JSON value as messages name it.
enum class JsonKind { kNull, kFalse, kNumber, kString, kTrue, kJson };
const char* to_string(JsonKind kind);
// Of the text of one value; an empty one counts as null.
JsonKind kind_of_json(std::string_view raw);
// A value as people read it: the content of a string, nothing for null, the JSON text of all else.
std::string json_as_text(std::string_view raw);

struct JsonFound {
  bool exists = false;
  // Where the value stands in the text; absent for one that was computed.
  std::optional<JsonSpan> span;
  std::string computed;
  // Of an array that was collected by `#`: where each of its elements stands, when all do.
  std::vector<JsonSpan> parts;

  // The JSON text of the value: empty when there is none.
  std::string_view raw(std::string_view text) const {
    return span ? text.substr(span->begin, span->size()) : std::string_view(computed);
  }
};

// The first value that the path leads to. The text is one JSON value; a wrong one gives no value or a piece of the
// text, never an error. What is computed stays below 16 MiB and four times the text, else the value counts as missing.
JsonFound find_json(std::string_view text, std::string_view path);

// The first member of that exact name (decoded) of an object, or the element of that index of an array.
std::optional<JsonMember> find_json_member(std::string_view text, std::string_view name);
std::optional<JsonSpan> find_json_element(std::string_view text, std::size_t index);

}  // namespace tollgate::core
