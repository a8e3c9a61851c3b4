#include "dialect/override_condition.h"

#include <cstdlib>

#include "core/ascii.h"
#include "core/json_path_edit.h"

namespace tollgate::dialect {
namespace {

using core::Errc;
using core::JsonKind;

core::Error different_kinds(std::string_view what, JsonKind left, JsonKind right) {
  return core::error(Errc::kInvalid, std::string(what) + ", got " + to_string(left) + " and " + to_string(right));
}

double number(std::string_view raw) { return std::strtod(std::string(raw).c_str(), nullptr); }

bool is_boolean(JsonKind kind) { return kind == JsonKind::kTrue || kind == JsonKind::kFalse; }

core::Result<bool> equal(std::string_view raw, const OverrideValue& value) {
  auto kind = core::kind_of_json(raw);
  if (kind == JsonKind::kNull || value.kind == JsonKind::kNull) return kind == value.kind;
  if (is_boolean(kind) && is_boolean(value.kind)) return kind == value.kind;
  if (kind != value.kind) return different_kinds("compare for different types", kind, value.kind);
  if (kind == JsonKind::kNumber) return number(raw) == value.number;
  if (kind == JsonKind::kString) return core::json_as_text(raw) == value.text;
  return raw == value.canonical;
}

core::Result<bool> numbers_compare(std::string_view mode, std::string_view raw, const OverrideValue& value) {
  auto kind = core::kind_of_json(raw);
  if (kind != JsonKind::kNumber || value.kind != JsonKind::kNumber)
    return different_kinds("numeric comparison requires both values to be numbers", kind, value.kind);
  auto left = number(raw), right = value.number;
  if (mode == "gt") return left > right;
  if (mode == "gte") return left >= right;
  if (mode == "lt") return left < right;
  return left <= right;
}

core::Result<bool> compares(const OverrideCondition& condition, std::string_view raw) {
  auto mode = core::ascii_lower(condition.mode);
  if (mode == "full") return equal(raw, condition.value);
  if (mode == "gt" || mode == "gte" || mode == "lt" || mode == "lte")
    return numbers_compare(mode, raw, condition.value);
  if (mode != "prefix" && mode != "suffix" && mode != "contains")
    return core::error(Errc::kInvalid, "unsupported comparison mode: " + condition.mode);
  auto text = core::json_as_text(raw), wanted = core::json_as_text(condition.value.canonical);
  if (mode == "prefix") return text.starts_with(wanted);
  if (mode == "suffix") return text.ends_with(wanted);
  return text.find(wanted) != std::string::npos;
}

core::Result<bool> holds(const OverrideCondition& condition, std::string_view body, std::string_view context) {
  auto text = body;
  auto found = core::find_json(body, core::resolve_negative_indexes(body, condition.path));
  if (!found.exists) {
    text = context;
    found = core::find_json(context, condition.path);
  }
  if (!found.exists) return condition.pass_missing_key;
  auto result = compares(condition, found.raw(text));
  if (!result)
    return core::error(Errc::kInvalid, "comparison failed for path " + condition.path + ": " + result.error().message);
  return *result != condition.invert;
}

}  // namespace

std::vector<OverrideCondition> read_override_conditions(std::string_view raw) {
  std::vector<OverrideCondition> out;
  core::JsonSteps steps(raw);
  if (!steps.is_array()) return out;
  for (core::JsonMember element; steps.next(element);) {
    auto object = raw.substr(element.value.begin, element.value.size());
    if (!object.starts_with('{')) continue;
    out.push_back({.path = override_text(object, "path"),
                   .mode = override_text(object, "mode"),
                   .value = read_override_value(override_member(object, "value")),
                   .invert = override_flag(object, "invert"),
                   .pass_missing_key = override_flag(object, "pass_missing_key")});
  }
  return out;
}

core::Result<bool> conditions_hold(const OverrideConditions& conditions, std::string_view body,
                                   std::string_view context) {
  bool any = false, all = true;
  for (const auto& condition : conditions.list) {
    auto result = holds(condition, body, context);
    if (!result) return result.error();
    any = any || *result;
    all = all && *result;
  }
  return conditions.list.empty() || (conditions.all ? all : any);
}

}  // namespace tollgate::dialect
