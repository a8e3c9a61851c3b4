// Bytes as text: base64 (RFC 4648, standard and URL-safe alphabet, always with padding) and hexadecimal digits.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate::core {

std::string base64_encode(std::string_view bytes);
std::string base64url_encode(std::string_view bytes);

// Strict on characters and padding; line breaks are skipped and unused bits ignored, as Go's decoder does.
std::optional<std::string> base64url_decode(std::string_view text);
// What the first `most` characters of a standard text hold, up to the first character that is none of the alphabet.
std::string base64_decode_start(std::string_view text, std::size_t most);

// Two lower-case digits a byte.
std::string hex_digits(std::string_view bytes);

}  // namespace tollgate::core
