// Base64 (RFC 4648), standard and URL-safe alphabet, always with padding.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace tollgate::api {

std::string base64_encode(std::string_view bytes);
std::string base64url_encode(std::string_view bytes);

// Strict on characters and padding; line breaks are skipped and unused bits ignored, as Go's decoder does.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace tollgate::api
