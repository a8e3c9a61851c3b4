// The search texts that users may send: exact, or with up to two % as wild cards.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::api {

// Empty when the pattern may be used, else the fixed message for the caller.
std::string check_pattern(std::string_view pattern);

// Without % the texts must be equal; with it, letters match in either case (ASCII).
bool matches_pattern(std::string_view text, std::string_view pattern);

}  // namespace tollgate::api
