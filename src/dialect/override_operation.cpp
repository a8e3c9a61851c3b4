#include "dialect/override_operation.h"

#include "core/ascii.h"
#include "core/json_path.h"
#include "core/json_path_edit.h"
#include "core/json_text.h"
#include "core/unicode_text.h"

namespace tollgate::dialect {
namespace {

using core::Errc;
using core::JsonKind;
using core::Result;
using Mode = OverrideMode;

struct NamedMode {
  std::string_view name;
  Mode mode;
};
constexpr NamedMode kModes[] = {
    {"set", Mode::kSet},
    {"delete", Mode::kDelete},
    {"move", Mode::kMove},
    {"copy", Mode::kCopy},
    {"append", Mode::kAppend},
    {"prepend", Mode::kPrepend},
    {"trim_prefix", Mode::kTrimPrefix},
    {"trim_suffix", Mode::kTrimSuffix},
    {"ensure_prefix", Mode::kEnsurePrefix},
    {"ensure_suffix", Mode::kEnsureSuffix},
    {"trim_space", Mode::kTrimSpace},
    {"to_lower", Mode::kToLower},
    {"to_upper", Mode::kToUpper},
    {"replace", Mode::kReplace},
    {"regex_replace", Mode::kRegexReplace},
};

core::Error invalid(std::string text) { return core::error(Errc::kInvalid, std::move(text)); }

core::Error unsupported(JsonKind kind) {
  return invalid(std::string("operation not supported for type: ") + to_string(kind));
}

Result<void> relocate(const OverrideOperation& operation, std::string& body) {
  auto from = core::resolve_negative_indexes(body, operation.from);
  auto to = core::resolve_negative_indexes(body, operation.to);
  auto source = core::find_json(body, from);
  if (!source.exists) return invalid("source path does not exist: " + from);
  const std::string raw(source.raw(body));
  if (auto done = core::set_json(body, to, raw); !done) return done;
  return operation.mode == Mode::kMove ? core::delete_json(body, from) : Result<void>();
}

// Elements at the begin or end of an array.
void extend(const OverrideOperation& operation, std::string& body, core::JsonSpan array) {
  std::string added;
  if (operation.value.is_array()) {
    for (const auto& element : operation.value.elements) added += (added.empty() ? "" : ",") + element;
  } else {
    added = operation.value.json;
  }
  if (added.empty()) return;
  const bool empty = core::skip_json_blanks(body, array.begin + 1) + 1 == array.end;
  if (operation.mode == Mode::kPrepend)
    body.insert(array.begin + 1, empty ? added : added + ",");
  else
    body.insert(array.end - 1, empty ? added : "," + added);
}

// The members of the value, put into an object.
Result<void> merge(const OverrideOperation& operation, std::string& body, core::JsonSpan span) {
  if (!operation.value.is_object()) return invalid("the value to merge is not an object");
  auto object = body.substr(span.begin, span.size());
  for (const auto& [name, json] : operation.value.members) {
    auto member = core::find_json_member(object, name);
    if (!member) {
      const bool empty = core::skip_json_blanks(object, 1) + 1 == object.size();
      object.insert(object.size() - 1, (empty ? "" : ",") + core::plain_json_string(name) + ":" + json);
      continue;
    }
    auto old = std::string_view(object).substr(member->value.begin, member->value.size());
    if (!operation.keep_origin || old == "null") object.replace(member->value.begin, member->value.size(), json);
  }
  body.replace(span.begin, span.size(), object);
  return {};
}

Result<std::string> replaced(std::string_view text, std::string_view from, std::string_view to, std::size_t limit) {
  if (from.empty()) return invalid("replace from is required");
  std::string out;
  for (;;) {
    auto at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += to;
    if (out.size() > limit) return core::error(Errc::kTooLarge, "the result of the replacement is too large");
    text.remove_prefix(at + from.size());
  }
}

// What a string becomes.
Result<std::string> changed(const OverrideOperation& operation, std::string text, std::size_t limit) {
  const auto& value = operation.value;
  switch (operation.mode) {
    case Mode::kAppend: return text + value.text;
    case Mode::kPrepend: return value.text + text;
    case Mode::kTrimPrefix:
    case Mode::kTrimSuffix: {
      if (value.kind == JsonKind::kNull) return invalid("trim value is required");
      if (operation.mode == Mode::kTrimPrefix) return text.substr(text.starts_with(value.text) ? value.text.size() : 0);
      return text.substr(0, text.size() - (text.ends_with(value.text) ? value.text.size() : 0));
    }
    case Mode::kEnsurePrefix:
    case Mode::kEnsureSuffix: {
      if (value.kind == JsonKind::kNull || value.text.empty()) return invalid("ensure value is required");
      if (operation.mode == Mode::kEnsurePrefix) return text.starts_with(value.text) ? text : value.text + text;
      return text.ends_with(value.text) ? text : text + value.text;
    }
    case Mode::kTrimSpace: return std::string(core::unicode_trim(text));
    case Mode::kToLower: return core::unicode_lower(text);
    case Mode::kToUpper: return core::unicode_upper(text);
    case Mode::kReplace: return replaced(text, operation.from, operation.to, limit);
    case Mode::kRegexReplace: {
      if (!operation.regex) return invalid("regex pattern is required");
      if (!*operation.regex) return operation.regex->error();
      return (*operation.regex)->replace_all(text, operation.to, limit);
    }
    default: return text;
  }
}

Result<void> change_found(const OverrideOperation& operation, std::string& body, std::size_t limit) {
  auto path = core::resolve_negative_indexes(body, operation.path);
  auto found = core::find_json(body, path);
  const bool adds = operation.mode == Mode::kAppend || operation.mode == Mode::kPrepend;
  auto raw = found.raw(body);
  auto kind = core::kind_of_json(raw);
  if (kind != JsonKind::kString && !(adds && kind == JsonKind::kJson)) return unsupported(kind);
  if (kind == JsonKind::kString) {
    auto text = changed(operation, core::decode_json_string(raw), limit);
    if (!text) return text.error();
    // What a path computes stands nowhere in the body.
    if (found.span) core::edit_json_string(body, *found.span, *text);
    return {};
  }
  if (raw.starts_with('{')) {
    if (found.span) return merge(operation, body, *found.span);
  } else if (found.span) {
    extend(operation, body, *found.span);
  }
  return {};
}

Result<void> run(const OverrideOperation& operation, std::string& body, std::size_t limit) {
  switch (operation.mode) {
    case Mode::kSet: {
      auto path = core::resolve_negative_indexes(body, operation.path);
      if (operation.keep_origin && core::find_json(body, path).exists) return {};
      return core::set_json(body, path, operation.value.json);
    }
    case Mode::kDelete: return core::delete_json(body, core::resolve_negative_indexes(body, operation.path));
    case Mode::kMove:
    case Mode::kCopy: return relocate(operation, body);
    default: return change_found(operation, body, limit);
  }
}

}  // namespace

OverrideOperation read_override_operation(std::string_view raw) {
  OverrideOperation out;
  out.mode_name = override_text(raw, "mode");
  for (const auto& named : kModes)
    if (named.name == out.mode_name) out.mode = named.mode;
  out.path = override_text(raw, "path");
  out.from = override_text(raw, "from");
  out.to = override_text(raw, "to");
  out.value = read_override_value(override_member(raw, "value"));
  out.keep_origin = override_flag(raw, "keep_origin");
  out.conditions.list = read_override_conditions(override_member(raw, "conditions"));
  out.conditions.all = core::ascii_lower(override_text(raw, "logic")) == "and";
  if (out.mode == Mode::kRegexReplace && !out.from.empty()) out.regex = core::Regex::compile(out.from);
  return out;
}

Result<void> run_override(const OverrideOperation& operation, std::string& body, std::size_t limit) {
  if (operation.mode == Mode::kUnknown) return invalid("unknown operation: " + operation.mode_name);
  if (operation.mode == Mode::kCopy && (operation.from.empty() || operation.to.empty()))
    return invalid("copy from/to is required");
  auto done = run(operation, body, limit);
  if (done && body.size() > limit) done = core::error(Errc::kTooLarge, "the body has become too large");
  if (!done) return invalid("operation " + operation.mode_name + " failed: " + done.error().message);
  return {};
}

}  // namespace tollgate::dialect
