// JSON strings: written as the compatible product writes them, and read.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

// Appends the text as a JSON string with quotes; '<', '>' and '&' become \u003c, \u003e, \u0026, bytes that are no
// UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

// What a JSON string with its quotes spells, as UTF-8. Half of a surrogate pair alone becomes U+FFFD; of an escape that
// is none the character stays.
std::string decode_json_string(std::string_view quoted);

// One character of a JSON string: how long it is there, and the bytes it stands for. Private to readers of strings.
struct JsonCharacter {
  std::size_t size = 0;  // in the text
  char bytes[4] = {};
  std::size_t count = 0;  // of `bytes`
};
// `body` is what is left of the string, without the closing quote; not empty.
JsonCharacter next_json_character(std::string_view body);

}  // namespace tollgate::core
