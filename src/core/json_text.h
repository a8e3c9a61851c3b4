// JSON strings as the compatible product writes them.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

// Appends the text as a JSON string with quotes; '<', '>' and '&' become \u003c, \u003e, \u0026, bytes that are no
// UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

}  // namespace tollgate::core
