// The `value` of an override's operation or condition in the forms that operations need. Private to body_override.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json_path.h"

namespace tollgate::dialect {

struct OverrideValue {
  core::JsonKind kind = core::JsonKind::kNull;  // also of one that is absent
  std::string json;                             // as it is written into a body
  std::string canonical;                        // compact, names sorted, as Go's encoding/json writes it
  std::string text;                             // as Go prints it: what string operations add or look for
  double number = 0;
  std::vector<std::string> elements;                         // of an array: JSON
  std::vector<std::pair<std::string, std::string>> members;  // of an object: decoded name, JSON; no name twice

  bool is_array() const { return json.starts_with('['); }
  bool is_object() const { return json.starts_with('{'); }
};

// A member of a rule as the operator wrote it: the last of that name; empty when it is not there or of another type.
std::string_view override_member(std::string_view object, std::string_view name);
std::string override_text(std::string_view object, std::string_view name);
bool override_flag(std::string_view object, std::string_view name);

// `raw` is valid JSON; empty: absent.
OverrideValue read_override_value(std::string_view raw);

}  // namespace tollgate::dialect
