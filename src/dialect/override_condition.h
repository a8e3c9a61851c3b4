// When an operation of an override applies. Private to body_override.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "dialect/override_value.h"

namespace tollgate::dialect {

struct OverrideCondition {
  std::string path, mode;
  OverrideValue value;
  bool invert = false;
  bool pass_missing_key = false;
};

struct OverrideConditions {
  std::vector<OverrideCondition> list;
  bool all = false;  // must hold; else one is enough
};

// `raw` is the `conditions` of an operation, or empty.
std::vector<OverrideCondition> read_override_conditions(std::string_view raw);

// Whether the conditions hold of `body`, or, where a path is not in it, of `context`; both are JSON objects. All are
// looked at: a comparison that cannot be made is kInvalid whatever the others say.
core::Result<bool> conditions_hold(const OverrideConditions& conditions, std::string_view body,
                                   std::string_view context);

}  // namespace tollgate::dialect
