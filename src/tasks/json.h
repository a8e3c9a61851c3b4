// Members of JSON objects as this folder reads them: what is missing or of another kind counts as empty.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace tollgate::tasks {

// null when the text is none.
inline boost::json::value parsed(std::string_view text) {
  boost::system::error_code ec;
  auto value = boost::json::parse(boost::json::string_view(text.data(), text.size()), ec);
  return ec ? boost::json::value() : value;
}

inline std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

inline std::int64_t integer_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (!value || !value->is_number()) return 0;
  boost::system::error_code ec;
  auto number = value->to_number<std::int64_t>(ec);
  return ec ? 0 : number;
}

inline const boost::json::object* object_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value ? value->if_object() : nullptr;
}

// Where such a member stands as it came, for texts that pass on unchanged; empty when it is missing.
std::string raw_member(std::string_view object, std::string_view name);

}  // namespace tollgate::tasks
