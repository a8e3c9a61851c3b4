// Whether a text may be stored as the value of an option. Everything is checked before anything is written, so a stored
// value is one that the node can use.
#pragma once
#include <string>
#include <string_view>

#include "core/option_table.h"

namespace tollgate::api {

// Empty when the value is fine, else the message for the administrator. `current` answers for the options that a
// switch needs. Unknown keys take any text.
std::string check_option(const core::Options& current, std::string_view key, std::string_view value);

}  // namespace tollgate::api
