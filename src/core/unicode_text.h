// Characters of UTF-8 texts: writing them, their letter case, blanks. Bytes that are no UTF-8 stay as they are.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

// `code` is a Unicode scalar value.
void append_utf8(std::string& out, unsigned code);

// One character becomes one character, whatever the language: the simple mappings of the C library's C.UTF-8.
std::string unicode_lower(std::string_view text);
std::string unicode_upper(std::string_view text);
// Without what has the property White_Space at both ends.
std::string_view unicode_trim(std::string_view text);

}  // namespace tollgate::core
