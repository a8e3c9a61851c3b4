#include "dialect/go_text.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

namespace tollgate::dialect {

namespace dom = simdjson::dom;

std::string go_number(double value) {
  char digits[512];
  const auto write = [&](std::chars_format format) {
    return std::string_view(digits, std::to_chars(digits, digits + sizeof digits, value, format).ptr);
  };
  const auto text = write(std::chars_format::scientific);
  auto exponent = text.substr(text.find('e') + 1);
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  int power = 0;
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
  return std::string(value == 0 || (power >= -4 && power < 6) ? write(std::chars_format::fixed) : text);
}

void append_go_text(const dom::element& value, std::string& out) {
  switch (value.type()) {
    case dom::element_type::STRING: out += std::string_view(value.get_string().value_unsafe()); break;
    case dom::element_type::ARRAY: {
      out += '[';
      bool first = true;
      for (auto element : value.get_array().value_unsafe()) {
        if (!first) out += ' ';
        first = false;
        append_go_text(element, out);
      }
      out += ']';
      break;
    }
    case dom::element_type::OBJECT: {
      out += "map[";
      std::vector<std::pair<std::string_view, dom::element>> members;
      for (auto [key, member] : value.get_object().value_unsafe()) members.emplace_back(key, member);
      std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (i > 0) out += ' ';
        out += members[i].first;
        out += ':';
        append_go_text(members[i].second, out);
      }
      out += ']';
      break;
    }
    case dom::element_type::NULL_VALUE: out += "<nil>"; break;
    case dom::element_type::BOOL: out += value.get_bool().value_unsafe() ? "true" : "false"; break;
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE: out += go_number(value.get_double().value_unsafe()); break;
  }
}

}  // namespace tollgate::dialect
