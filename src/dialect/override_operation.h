// One rule of a parameter override: what it does to a body. Private to body_override.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/regex.h"
#include "core/result.h"
#include "dialect/override_condition.h"
#include "dialect/override_value.h"

namespace tollgate::dialect {

enum class OverrideMode {
  kSet,
  kDelete,
  kMove,
  kCopy,
  kAppend,
  kPrepend,
  kTrimPrefix,
  kTrimSuffix,
  kEnsurePrefix,
  kEnsureSuffix,
  kTrimSpace,
  kToLower,
  kToUpper,
  kReplace,
  kRegexReplace,
  kUnknown,
};

struct OverrideOperation {
  OverrideMode mode = OverrideMode::kUnknown;
  std::string mode_name;
  std::string path, from, to;
  OverrideValue value;
  bool keep_origin = false;
  OverrideConditions conditions;
  std::optional<core::Result<core::Regex>> regex;  // of regex_replace: `from`, or what is wrong with it
};

// `raw` is a JSON object with a mode. Members of the wrong type count as absent.
OverrideOperation read_override_operation(std::string_view raw);

// Changes the body; its conditions are the caller's. The error is a text for operators. `limit` bounds the body's size.
core::Result<void> run_override(const OverrideOperation& operation, std::string& body, std::size_t limit);

}  // namespace tollgate::dialect
