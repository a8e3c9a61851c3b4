// JSON values as the compatible product prints them when it counts them: map[k:v], [a b], true. Private to this folder.
#pragma once
#include <simdjson.h>

#include <string>

namespace tollgate::dialect {

// Shortest digits, with an exponent below 1e-4 and from 1e+06 on: 1000000 is "1e+06".
std::string go_number(double value);

// Strings as they are; members of objects in the order of their names.
void append_go_text(const simdjson::dom::element& value, std::string& out);

}  // namespace tollgate::dialect
