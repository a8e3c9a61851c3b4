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

// Numbers as a server writes them: an integer, `otherwise` where it is none or too long; a decimal, which is an integer
// where it is whole, as sums of integers are.
std::int64_t integer_value(std::string_view text, std::int64_t otherwise);
Value decimal_value(std::string_view text);
double real_value(std::string_view text);

}  // namespace tollgate::sql
