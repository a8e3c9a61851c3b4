// The `@` modifiers of JSON paths that turn one JSON text into another (GJSON syntax, "Modifiers"). Private to
// json_path.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

// Gives the new text, empty when there is none. `json` is one value or empty; `args` is what stands behind the colon. A
// result over `limit` bytes may be cut to nothing.
using JsonModifier = std::string (*)(std::string_view json, std::string_view args, std::size_t limit);

// nullptr for a name that is none. `this`, `valid` and `dig` are json_path's own.
JsonModifier find_json_modifier(std::string_view name);

}  // namespace tollgate::core
