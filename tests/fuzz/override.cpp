// Parameter overrides: any rules on any body. What comes out of a valid body is valid JSON; an operation on one member
// leaves the others as they were, byte for byte; a value that is set is found by the same path. Any path of any text
// ends.
#include <algorithm>
#include <string>
#include <vector>

#include "core/json_edit.h"
#include "core/json_path.h"
#include "core/json_path_edit.h"
#include "core/json_text.h"
#include "dialect/body_override.h"
#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

std::string_view part(std::string_view text, core::JsonSpan span) { return text.substr(span.begin, span.size()); }

bool is_object(std::string_view text) { return core::is_valid_json(text, 100) && core::scan_object(text).has_value(); }

// Copies may nest a value deeper than the check looks.
bool is_shallow(std::string_view text) {
  return std::count(text.begin(), text.end(), '{') + std::count(text.begin(), text.end(), '[') < 900;
}

std::size_t count_of(std::string_view text, std::string_view name) {
  std::size_t count = 0;
  const auto members = core::scan_object(text);
  for (const auto& member : *members)
    if (core::json_string_equals(part(text, member.key), name)) ++count;
  return count;
}

// The members of `after` that are not called `name` are those of `before`, spelled alike and in the same order.
void check_others(std::string_view before, std::string_view after, std::string_view name) {
  auto others = [&](std::string_view text) {
    std::vector<std::string> out;
    const auto members = core::scan_object(text);
    FUZZ_CHECK(members);
    for (const auto& member : *members)
      if (!core::json_string_equals(part(text, member.key), name))
        out.push_back(std::string(part(text, member.key)) + ":" + std::string(part(text, member.value)));
    return out;
  };
  FUZZ_CHECK(others(before) == others(after));
}

}  // namespace

// The input: rules, a line feed, a path, a line feed, a body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = fuzz::text(data, size);
  auto next = [&] {
    auto line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    return line;
  };
  const std::string rules(next()), path(next()), body(input);

  const auto found = core::find_json(body, path);
  if (found.span) FUZZ_CHECK(found.span->begin <= found.span->end && found.span->end <= body.size());
  if (!is_object(body)) return 0;
  if (found.span) FUZZ_CHECK(core::is_valid_json(found.raw(body)));

  const dialect::OverrideContext context{.upstream_model = "up", .original_model = "m", .request_path = "/v1"};
  if (auto compiled = dialect::BodyOverride::compile(rules)) {
    std::string changed = body;
    if (compiled->apply(changed, context) && is_shallow(changed)) FUZZ_CHECK(core::is_valid_json(changed));
  }

  std::string set = body;
  if (core::set_json(set, path, "[\"new\"]")) {
    FUZZ_CHECK(core::is_valid_json(set));
    const bool plain =
        path.find_first_of("|#@*?\\.:[{!-") == std::string::npos &&
        std::all_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (plain) {
      FUZZ_CHECK(core::find_json(set, path).raw(set) == "[\"new\"]");
      if (count_of(body, path) < 2) check_others(body, set, path);
      std::string without = set;
      FUZZ_CHECK(core::delete_json(without, path));
      FUZZ_CHECK(core::is_valid_json(without));
      if (count_of(body, path) < 2) check_others(set, without, path);
    }
  }
  std::string without = body;
  if (core::delete_json(without, path)) FUZZ_CHECK(core::is_valid_json(without));

  if (found.span && core::kind_of_json(found.raw(body)) == core::JsonKind::kString) {
    std::string edited = body;
    const auto content = core::decode_json_string(found.raw(body)) + rules.substr(0, 20);
    core::edit_json_string(edited, *found.span, content);
    FUZZ_CHECK(core::is_valid_json(edited));
    FUZZ_CHECK(edited.starts_with(std::string_view(body).substr(0, found.span->begin)));
    FUZZ_CHECK(edited.ends_with(std::string_view(body).substr(found.span->end)));
  }
  return 0;
}
