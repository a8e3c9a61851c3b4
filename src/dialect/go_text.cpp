#include "dialect/go_text.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

namespace tollgate::dialect {

namespace dom = simdjson::dom;

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
    case dom::element_type::INT64: out += std::to_string(value.get_int64().value_unsafe()); break;
    case dom::element_type::UINT64: out += std::to_string(value.get_uint64().value_unsafe()); break;
    case dom::element_type::DOUBLE: {
      char digits[40];
      auto [end, ec] = std::to_chars(digits, digits + sizeof digits, value.get_double().value_unsafe());
      out.append(digits, end);
      break;
    }
  }
}

}  // namespace tollgate::dialect
