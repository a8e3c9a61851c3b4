// Percent-encoding of query strings and form values (WHATWG URL, application/x-www-form-urlencoded: "+" is a space) and
// of header parameters (RFC 8187: it is not).
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

enum class Plus { kIsSpace, kStays };

// A "%" that no two hex digits follow stays as it is.
std::string percent_decoded(std::string_view text, Plus plus = Plus::kIsSpace);

// As the value of a query member: all but letters, digits and "-_.~" as %XX, a space as "+".
std::string query_escaped(std::string_view text);

}  // namespace tollgate::core
