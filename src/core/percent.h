// Percent-encoding of query strings and form values (WHATWG URL, application/x-www-form-urlencoded).
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

// "+" is a space; a "%" that no two hex digits follow stays as it is.
std::string percent_decoded(std::string_view text);

}  // namespace tollgate::core
