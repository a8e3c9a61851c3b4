// Statements with '?' and their values, on the way to a server. Private to this folder.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"

namespace tollgate::sql {

// The pieces between the placeholders: one more than there are of them. A '?' in quotes or in a comment is none.
std::vector<std::string_view> split_placeholders(std::string_view statement);

// What every one of the databases can store: UTF-8 without NUL. Other bytes become U+FFFD. `copy` is used when `text`
// is not that already, and must live as long as the result.
std::string_view storable(std::string_view text, std::string& copy);

// Numbers as SQL takes them; infinities and NaN are NULL.
std::string number_text(std::int64_t value);
std::string number_text(double value);

}  // namespace tollgate::sql
