// JSON of the management API: reading bodies with the conventions its clients know, writing answers.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace tollgate::api {

namespace json = boost::json;

// Compact text; numbers as the shortest decimal (Boost.JSON 1.81 would write 0.1 as 1E-1), members in their order.
std::string json_text(const json::value& value);

// A copy with the members sorted by name.
json::object sorted(const json::object& object);

// The whole text must be one JSON document, at most 64 levels deep. The error is one line; "EOF" for empty text.
core::Result<json::value> parse_json(std::string_view text);

// Shortest decimal without exponent, as options store numbers.
std::string decimal_text(double value);

// The members of a request body. Names match in any letter case, absent members and null leave the target alone, a
// wrong type is remembered as the error (the first one counts). Integers must be written without fraction or exponent.
class Fields {
 public:
  static core::Result<Fields> parse(std::string_view body);  // the body must be an object (or null)
  static core::Result<Fields> of(json::value value);

  Fields& get(std::string_view name, std::string& out);
  Fields& get(std::string_view name, std::int64_t& out);
  Fields& get(std::string_view name, int& out);
  Fields& get(std::string_view name, double& out);
  Fields& get(std::string_view name, bool& out);
  Fields& get(std::string_view name, std::optional<std::string>& out);
  Fields& get(std::string_view name, std::optional<std::int64_t>& out);
  Fields& get(std::string_view name, std::vector<std::int64_t>& out);

  const json::value* find(std::string_view name) const;  // nullptr when absent
  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }

 private:
  const json::value* present(std::string_view name) const;  // nullptr when absent or null
  void wrong(std::string_view name, std::string_view expected);

  json::object object_;
  std::string error_;
};

}  // namespace tollgate::api
