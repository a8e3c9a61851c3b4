#include "dialect/override_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "core/json_edit.h"
#include "core/json_text.h"
#include "dialect/go_text.h"

namespace tollgate::dialect {
namespace {

using core::JsonKind;

std::string_view part(std::string_view text, core::JsonSpan span) { return text.substr(span.begin, span.size()); }

using Members = std::vector<std::pair<std::string, std::string_view>>;

// In the order in which names first stand; of a name that stands twice the last value.
Members members_of(std::string_view object) {
  Members out;
  core::JsonSteps steps(object);
  for (core::JsonMember member; steps.next(member);) {
    auto name = core::decode_json_string(part(object, member.key));
    auto known = std::find_if(out.begin(), out.end(), [&](const auto& other) { return other.first == name; });
    if (known != out.end())
      known->second = part(object, member.value);
    else
      out.emplace_back(std::move(name), part(object, member.value));
  }
  return out;
}

Members sorted_members(std::string_view object) {
  auto out = members_of(object);
  std::sort(out.begin(), out.end());
  return out;
}

bool is_integer(std::string_view number) { return number.find_first_not_of("-0123456789") == std::string_view::npos; }

double to_double(std::string_view number) { return std::strtod(std::string(number).c_str(), nullptr); }

std::string shortest(double value, std::chars_format format) {
  char buffer[512];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  return error == std::errc() ? std::string(buffer, end) : std::string("0");
}

// Plain decimal notation. An integer stays as it is written: a double would not hold all of its digits.
std::string plain_number(std::string_view raw) {
  if (is_integer(raw)) return std::string(raw);
  auto value = to_double(raw);
  return std::isfinite(value) ? shortest(value, std::chars_format::fixed) : std::string(raw);
}

std::string canonical_number(std::string_view raw) {
  auto value = to_double(raw);
  if (!std::isfinite(value)) return std::string(raw);
  auto size = std::abs(value);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) return shortest(value, std::chars_format::fixed);
  auto text = shortest(value, std::chars_format::scientific);
  if (auto mark = text.find("e-0"); mark != std::string::npos) text.erase(mark + 2, 1);
  return text;
}

std::string printed_number(std::string_view raw) {
  const auto value = to_double(raw);
  return std::isfinite(value) ? go_number(value) : std::string(raw);
}

void append_printed(std::string& out, std::string_view raw) {
  if (raw.starts_with('{')) {
    out += "map[";
    bool first = true;
    for (const auto& [name, value] : sorted_members(raw)) {
      if (!first) out += ' ';
      first = false;
      out += name;
      out += ':';
      append_printed(out, value);
    }
    out += ']';
  } else if (raw.starts_with('[')) {
    out += '[';
    core::JsonSteps steps(raw);
    bool first = true;
    for (core::JsonMember element; steps.next(element); first = false) {
      if (!first) out += ' ';
      append_printed(out, part(raw, element.value));
    }
    out += ']';
  } else {
    switch (core::kind_of_json(raw)) {
      case JsonKind::kString: out += core::decode_json_string(raw); break;
      case JsonKind::kNumber: out += printed_number(raw); break;
      case JsonKind::kNull: out += "<nil>"; break;
      default: out += raw;
    }
  }
}

// How a value is written as JSON without blanks.
struct Style {
  Members (*members)(std::string_view object);
  std::string (*string)(std::string_view decoded);
  std::string (*number)(std::string_view raw);
};
// For comparing: as the compatible product would write it.
constexpr Style kCanonical{sorted_members, core::json_string, canonical_number};
// What goes into a body: as the operator wrote it; numbers in plain notation.
constexpr Style kAsWritten{members_of, core::plain_json_string, plain_number};

void append_json(std::string& out, std::string_view raw, const Style& style) {
  if (raw.starts_with('{')) {
    out += '{';
    for (const auto& [name, value] : style.members(raw)) {
      if (out.back() != '{') out += ',';
      out += style.string(name);
      out += ':';
      append_json(out, value, style);
    }
    out += '}';
  } else if (raw.starts_with('[')) {
    out += '[';
    core::JsonSteps steps(raw);
    bool first = true;
    for (core::JsonMember element; steps.next(element); first = false) {
      if (!first) out += ',';
      append_json(out, part(raw, element.value), style);
    }
    out += ']';
  } else if (core::kind_of_json(raw) == JsonKind::kNumber) {
    out += style.number(raw);
  } else if (core::kind_of_json(raw) == JsonKind::kString) {
    out += style.string(core::decode_json_string(raw));
  } else {
    out += raw;
  }
}

std::string written(std::string_view raw) {
  std::string out;
  append_json(out, raw, kAsWritten);
  return out;
}

}  // namespace

std::string_view override_member(std::string_view object, std::string_view name) {
  std::string_view found;
  core::JsonSteps steps(object);
  for (core::JsonMember member; steps.next(member);)
    if (core::json_string_equals(part(object, member.key), name)) found = part(object, member.value);
  return found;
}

std::string override_text(std::string_view object, std::string_view name) {
  auto raw = override_member(object, name);
  return core::kind_of_json(raw) == JsonKind::kString ? core::decode_json_string(raw) : std::string();
}

bool override_flag(std::string_view object, std::string_view name) { return override_member(object, name) == "true"; }

OverrideValue read_override_value(std::string_view raw) {
  if (raw.empty()) raw = "null";
  OverrideValue out;
  out.kind = core::kind_of_json(raw);
  out.json = written(raw);
  append_json(out.canonical, raw, kCanonical);
  append_printed(out.text, raw);
  if (out.kind == JsonKind::kNumber) out.number = to_double(raw);
  if (out.is_array()) {
    core::JsonSteps steps(raw);
    for (core::JsonMember element; steps.next(element);) out.elements.push_back(written(part(raw, element.value)));
  }
  if (out.is_object())
    for (const auto& [name, value] : members_of(raw)) out.members.emplace_back(name, written(value));
  return out;
}

}  // namespace tollgate::dialect
