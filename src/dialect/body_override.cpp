#include "dialect/body_override.h"

#include <algorithm>

#include "core/json_edit.h"
#include "core/json_text.h"

namespace tollgate::dialect {
namespace {

using core::Result;

constexpr std::size_t kMostLevels = 100;
// Rules that copy a value into itself, or put a page for each letter, must not fill the memory.
constexpr std::size_t kMostGrowth = 64U << 20U;
constexpr std::string_view kOperations = "operations";

std::string_view part(std::string_view text, core::JsonSpan span) { return text.substr(span.begin, span.size()); }

// The text when it is a JSON object.
std::string_view object_of(std::string_view source) {
  source = core::trim_json_blanks(source);
  return source.starts_with('{') && core::is_valid_json(source, kMostLevels) ? source : std::string_view();
}

// A list of objects that each name a mode.
bool are_operations(std::string_view raw) {
  core::JsonSteps steps(raw);
  if (!steps.is_array()) return false;
  for (core::JsonMember element; steps.next(element);) {
    auto object = part(raw, element.value);
    if (!object.starts_with('{') || core::kind_of_json(override_member(object, "mode")) != core::JsonKind::kString)
      return false;
  }
  return true;
}

std::string context_json(const OverrideContext& context) {
  std::string out = "{";
  auto add = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) out += core::plain_json_string(name) + ':' + core::plain_json_string(text) + ',';
  };
  add("model", context.upstream_model.empty() ? context.original_model : context.upstream_model);
  add("upstream_model", context.upstream_model);
  add("original_model", context.original_model);
  add("request_path", context.request_path);
  out += std::string(R"("is_channel_test":)") + (context.is_channel_test ? "true}" : "false}");
  return out;
}

}  // namespace

std::shared_ptr<const BodyOverride> BodyOverride::compile(std::string_view source) {
  auto object = object_of(source);
  if (object.empty()) return nullptr;
  auto out = std::make_shared<BodyOverride>();
  if (auto operations = override_member(object, kOperations); are_operations(operations)) {
    core::JsonSteps steps(operations);
    for (core::JsonMember element; steps.next(element);)
      out->operations_.push_back(read_override_operation(part(operations, element.value)));
  } else {
    out->fields_ = read_override_value(object).members;
  }
  if (out->operations_.empty() && out->fields_.empty()) return nullptr;
  return out;
}

Result<void> BodyOverride::apply(std::string& body, const OverrideContext& context) const {
  if (!fields_.empty()) {
    core::JsonEditor editor(body);
    for (const auto& [name, json] : fields_) editor.set(name, json);
    body = editor.text();
    return {};
  }
  const auto limit = body.size() + kMostGrowth;
  const bool asks = std::any_of(operations_.begin(), operations_.end(),
                                [](const auto& operation) { return !operation.conditions.list.empty(); });
  const auto about = asks ? context_json(context) : std::string();
  for (const auto& operation : operations_) {
    auto applies = conditions_hold(operation.conditions, body, about);
    if (!applies) return applies.error();
    if (!*applies) continue;
    if (auto done = run_override(operation, body, limit); !done) return done;
  }
  // Growing doubled the room; the body may wait long for its upstream.
  if (body.capacity() - body.size() > body.size() / 4) body.shrink_to_fit();
  return {};
}

std::string why_not_store_override(std::string_view source) {
  auto object = object_of(source);
  auto operations = override_member(object, kOperations);
  if (operations.empty() || are_operations(operations)) return {};
  return "param_override: operations must be a list of objects, each with a text as its mode";
}

}  // namespace tollgate::dialect
