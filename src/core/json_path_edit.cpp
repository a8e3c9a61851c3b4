#include "core/json_path_edit.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "core/json_edit.h"
#include "core/json_path.h"
#include "core/json_text.h"

namespace tollgate::core {
namespace {

// So far may an index be behind the end of its array: what lies between becomes null.
constexpr std::size_t kMostPadding = 10'000;
constexpr std::size_t kMostComponents = 100;

struct Component {
  std::string name;
  bool is_key = false;  // written with a colon: never an index

  std::optional<std::size_t> index() const {
    std::size_t value = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
    if (name.empty() || error != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return value;
  }
  bool is_index() const { return !is_key && index().has_value(); }
  bool is_last() const { return !is_key && name == "-1"; }
};

struct Parsed {
  std::vector<Component> components;
  bool complex = false;  // looks for values instead of naming one
};

Result<Parsed> parse(std::string_view path) {
  if (path.empty()) return error(Errc::kInvalid, "path cannot be empty");
  Parsed out;
  Component component;
  auto begin = [&](std::size_t at) { component.is_key = at < path.size() && path[at] == ':'; };
  begin(0);
  for (std::size_t at = component.is_key ? 1 : 0; at < path.size(); ++at) {
    switch (char c = path[at]) {
      case '.':
        out.components.push_back(std::move(component));
        component = {};
        begin(at + 1);
        if (component.is_key) ++at;
        break;
      case '|':
      case '#':
      case '@':
      case '*':
      case '?': out.complex = true; return out;
      case '\\':
        if (++at < path.size()) component.name += path[at];
        break;
      default: component.name += c;
    }
  }
  out.components.push_back(std::move(component));
  if (out.components.size() > kMostComponents) return error(Errc::kInvalid, "the path has too many components");
  return out;
}

// A member or element, and the comma before it when there is one.
struct Place {
  JsonMember member;
  std::optional<std::size_t> comma;
};

// `container` begins at its bracket.
std::optional<Place> find_place(std::string_view text, JsonSpan container, const Component& component, bool last_too) {
  JsonSteps steps(text.substr(0, container.end), container.begin);
  auto index = component.index();
  std::optional<Place> last;
  std::size_t previous_end = 0;
  JsonMember member;
  for (std::size_t i = 0; steps.next(member); ++i) {
    Place place{member, std::nullopt};
    if (i > 0) place.comma = skip_json_blanks(text, previous_end);
    previous_end = member.value.end;
    auto key = text.substr(member.key.begin, member.key.size());
    if (steps.is_object() ? json_string_equals(key, component.name) : index && i == *index) return place;
    if (steps.is_array() && last_too && component.is_last()) last = place;
  }
  return last;
}

bool is_container(std::string_view text, JsonSpan value) {
  return value.begin < value.end && (text[value.begin] == '{' || text[value.begin] == '[');
}

JsonSpan whole_value(std::string_view text) {
  auto begin = skip_json_blanks(text, 0);
  auto end = skip_json_value(text, begin);
  return {begin, end == std::string_view::npos ? text.size() : end};
}

using Components = std::vector<Component>;

Result<void> check_padding(std::size_t from, std::size_t to) {
  if (to > from && to - from > kMostPadding)
    return error(Errc::kInvalid, "array index " + std::to_string(to) + " is too far behind the end");
  return {};
}

// The value that stands at components[at], with what the components behind it say around `raw`.
Result<std::string> build_value(const Components& components, std::size_t at, std::string_view raw) {
  std::string out, close;
  for (auto i = at + 1; i < components.size(); ++i) {
    const auto& inner = components[i];
    if (inner.is_index() || inner.is_last()) {
      out += '[';
      auto index = inner.is_last() ? 0 : *inner.index();
      if (auto fine = check_padding(0, index); !fine) return fine.error();
      for (std::size_t n = 0; n < index; ++n) out += "null,";
      close += ']';
    } else {
      out += '{' + plain_json_string(inner.name) + ':';
      close += '}';
    }
  }
  out += raw;
  std::reverse(close.begin(), close.end());
  return out += close;
}

// Adds a member or element at the end of the container.
Result<void> add_to(std::string& text, JsonSpan container, const Components& components, std::size_t at,
                    std::string_view raw) {
  const auto& component = components[at];
  JsonSteps steps(std::string_view(text).substr(0, container.end), container.begin);
  std::size_t count = 0;
  for (JsonMember member; steps.next(member);) ++count;
  if (!steps.complete()) return error(Errc::kInvalid, "the text is no JSON");
  auto value = build_value(components, at, raw);
  if (!value) return value.error();
  std::string added;
  if (steps.is_object()) {
    added = (count > 0 ? "," : "") + plain_json_string(component.name) + ':' + *value;
  } else if (component.is_last()) {
    added = (count > 0 ? "," : "") + *value;
  } else if (component.is_index()) {
    auto index = *component.index();
    if (auto fine = check_padding(count, index); !fine) return fine.error();
    for (; count < index; ++count) added += count > 0 ? ",null" : "null";
    added += (count > 0 ? "," : "") + *value;
  } else {
    return error(Errc::kInvalid, "cannot set array element for non-numeric key '" + component.name + "'");
  }
  text.insert(steps.position(), added);
  return {};
}

void replace_found(std::string& text, std::string_view path, std::string_view raw) {
  auto found = find_json(text, path);
  if (found.span) {
    text.replace(found.span->begin, found.span->size(), raw);
    return;
  }
  // Of two that overlap the second would not be where it was.
  std::size_t before = std::string::npos;
  for (auto part = found.parts.rbegin(); part != found.parts.rend(); ++part) {
    if (part->end > before) return;
    before = part->begin;
  }
  for (auto part = found.parts.rbegin(); part != found.parts.rend(); ++part)
    text.replace(part->begin, part->size(), raw);
}

}  // namespace

Result<void> set_json(std::string& text, std::string_view path, std::string_view raw) {
  auto parsed = parse(path);
  if (!parsed) return parsed.error();
  if (parsed->complex) {
    replace_found(text, path, raw);
    return {};
  }
  const auto& components = parsed->components;
  auto value = whole_value(text);
  for (std::size_t at = 0; at < components.size(); ++at) {
    if (!is_container(text, value)) {
      // A plain value gives way to a container that has the rest of the path in it.
      Components around{Component{}};
      around.insert(around.end(), components.begin() + static_cast<std::ptrdiff_t>(at), components.end());
      auto built = build_value(around, 0, raw);
      if (!built) return built.error();
      text.replace(value.begin, value.size(), *built);
      return {};
    }
    auto place = find_place(text, value, components[at], false);
    if (!place) return add_to(text, value, components, at, raw);
    value = place->member.value;
  }
  text.replace(value.begin, value.size(), raw);
  return {};
}

Result<void> delete_json(std::string& text, std::string_view path) {
  auto parsed = parse(path);
  if (!parsed) return parsed.error();
  if (parsed->complex) return error(Errc::kInvalid, "cannot delete value from a complex path");
  auto value = whole_value(text);
  std::optional<Place> place;
  bool in_object = false;
  for (const auto& component : parsed->components) {
    if (!is_container(text, value)) return {};
    in_object = text[value.begin] == '{';
    auto container = value;
    place = find_place(text, container, component, true);
    if (!place) return {};
    value = place->member.value;
    if (!place->comma && in_object) place->member.key.begin = container.begin + 1;
  }
  auto begin = place->comma.value_or(place->member.key.begin), end = value.end;
  if (!place->comma)
    if (auto next = skip_json_blanks(text, end); next < text.size() && text[next] == ',') end = next + 1;
  text.erase(begin, end - begin);
  return {};
}

std::string resolve_negative_indexes(std::string_view text, std::string_view path) {
  std::string out(path);
  for (std::size_t at = 0; (at = out.find(".-", at)) != std::string::npos; ++at) {
    auto end = at + 2;
    while (end < out.size() && out[end] >= '0' && out[end] <= '9') ++end;
    std::size_t back = 0;
    auto [stop, error] = std::from_chars(out.data() + at + 2, out.data() + end, back);
    bool is_component = end == out.size() || out[end] == '.' || out[end] == '|';
    if (error != std::errc() || !is_component || back == 0) continue;
    auto array = find_json(text, std::string_view(out).substr(0, at));
    JsonSteps steps(array.raw(text));
    if (!steps.is_array()) continue;
    std::size_t count = 0;
    for (JsonMember element; steps.next(element);) ++count;
    if (count < back) continue;
    out.replace(at + 1, end - at - 1, std::to_string(count - back));
  }
  return out;
}

void edit_json_string(std::string& text, JsonSpan quoted, std::string_view content) {
  if (quoted.size() < 2) return;
  const JsonSpan inside{quoted.begin + 1, quoted.end - 1};
  const auto body = std::string_view(text).substr(inside.begin, inside.size());
  const auto old = decode_json_string(std::string_view(text).substr(quoted.begin, quoted.size()));
  const auto most = std::min(old.size(), content.size());
  std::size_t head = 0, tail = 0;
  // What was put in front leaves all of the old text behind it.
  const bool prepended = content.ends_with(old) && !content.starts_with(old);
  while (!prepended && head < most && old[head] == content[head]) ++head;
  while (tail < most - head && old[old.size() - tail - 1] == content[content.size() - tail - 1]) ++tail;

  // The last character border within the common beginning, and the first within the common end.
  std::size_t spelled = 0, at = 0, kept_spelled = 0, kept_at = 0;
  while (at < body.size() && spelled + tail < old.size()) {
    auto character = next_json_character(body.substr(at));
    spelled += character.bytes.size();
    at += character.size;
    if (spelled <= head) {
      kept_spelled = spelled;
      kept_at = at;
    }
  }
  tail = old.size() - spelled;
  auto middle = plain_json_string(content.substr(kept_spelled, content.size() - tail - kept_spelled));
  text.replace(inside.begin + kept_at, at - kept_at, std::string_view(middle).substr(1, middle.size() - 2));
}

}  // namespace tollgate::core
