// Changes a JSON text at a path as SJSON 1.2.5 does: `a.b`, `a.0`, `a.-1` (append), `a.:0` (a key), `a\.b`. Only the
// bytes of the value that is named change, and a comma beside it.
#pragma once
#include <string>
#include <string_view>

#include "core/json_scan.h"
#include "core/result.h"

namespace tollgate::core {

// Sets the value at the path to `raw`, which is JSON. What is missing on the way is made; a plain value on the way is
// replaced. A path with `|`, `#`, `@`, `*` or `?` replaces values that are there, and nothing when there is none.
// kInvalid with a text for operators.
Result<void> set_json(std::string& text, std::string_view path, std::string_view raw);

// Removes the value with its name; `-1` is the last element. Nothing happens when it is not there.
Result<void> delete_json(std::string& text, std::string_view path);

// The path with each component `-N` (but the first) turned into the index it has in the array before it; it stays where
// that is no array or has fewer elements.
std::string resolve_negative_indexes(std::string_view text, std::string_view path);

// Turns a JSON string, given by its place in the text, into one that spells `content`. Characters that both begin or
// end with keep their spelling.
void edit_json_string(std::string& text, JsonSpan quoted, std::string_view content);

}  // namespace tollgate::core
