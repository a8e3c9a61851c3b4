#include "core/json_path.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <deque>

#include "core/ascii.h"
#include "core/json_edit.h"
#include "core/json_modifiers.h"
#include "core/json_path_syntax.h"
#include "core/json_text.h"

namespace tollgate::core {
namespace {

std::string_view part(std::string_view text, JsonSpan span) { return text.substr(span.begin, span.size()); }

bool is_container(std::string_view json) { return json.starts_with('{') || json.starts_with('['); }

// The first value of a text.
std::string_view first_value(std::string_view json) {
  json = trim_json_blanks(json);
  auto end = skip_json_value(json, 0);
  return end == std::string_view::npos ? std::string_view() : json.substr(0, end);
}

double number(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

std::optional<std::size_t> index_of(std::string_view text) {
  std::size_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The words that a text may spell a boolean with.
std::optional<bool> spelled(std::string_view text) {
  auto word = ascii_lower(text);
  if (word == "1" || word == "t" || word == "true") return true;
  if (word == "0" || word == "f" || word == "false") return false;
  return std::nullopt;
}

bool is_trueish(std::string_view raw) {
  switch (kind_of_json(raw)) {
    case JsonKind::kTrue: return true;
    case JsonKind::kString: return spelled(json_as_text(raw)).value_or(false);
    case JsonKind::kNumber: return number(raw) != 0;
    default: return false;
  }
}

bool is_falseish(std::string_view raw) {
  switch (kind_of_json(raw)) {
    case JsonKind::kNull:
    case JsonKind::kFalse: return true;
    case JsonKind::kString: return !spelled(json_as_text(raw)).value_or(true);
    case JsonKind::kNumber: return number(raw) == 0;
    default: return false;
  }
}

template <class T>
bool compares(const T& left, std::string_view op, const T& right) {
  if (op == "=") return left == right;
  if (op == "!=") return left != right;
  if (op == "<") return left < right;
  if (op == "<=") return left <= right;
  if (op == ">") return left > right;
  if (op == ">=") return left >= right;
  return false;
}

bool query_fits(const PathQuery& query, std::string_view raw) {
  if (query.value.starts_with('~')) {
    auto word = std::string_view(query.value).substr(1);
    bool is = false;
    if (word == "*")
      is = !raw.empty();
    else if (word == "null")
      is = kind_of_json(raw) == JsonKind::kNull;
    else if (word == "true")
      is = is_trueish(raw);
    else if (word == "false")
      is = is_falseish(raw);
    else
      return false;
    return query.op.empty() || compares<int>(is ? 1 : 0, query.op, 1);
  }
  if (raw.empty()) return false;
  if (query.op.empty()) return true;
  switch (auto kind = kind_of_json(raw)) {
    case JsonKind::kString: {
      auto text = json_as_text(raw);
      if (query.op == "%") return fits_pattern(text, query.value);
      if (query.op == "!%") return !fits_pattern(text, query.value);
      return compares<std::string_view>(text, query.op, query.value);
    }
    case JsonKind::kNumber: return compares(number(raw), query.op, number(query.value));
    case JsonKind::kTrue:
    case JsonKind::kFalse: {
      if (query.op == "=" || query.op == "!=")
        return compares<std::string_view>(kind == JsonKind::kTrue ? "true" : "false", query.op, query.value);
      if (query.value != "true" && query.value != "false") return false;
      return compares<int>(kind == JsonKind::kTrue ? 1 : 0, query.op, query.value == "true" ? 1 : 0);
    }
    default: return false;
  }
}

// Whether a selector's last component can be the key of its value.
bool is_simple_name(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || std::string_view("[]{}()#|!").find(c) != std::string_view::npos;
  });
}

struct Found {
  std::string_view raw;                 // empty: missing
  std::vector<std::string_view> parts;  // of a collected array
};

class Finder {
 public:
  explicit Finder(std::string_view text) : text_(text), budget_((16U << 20U) + 4 * text.size()) {}

  JsonFound run(std::string_view path) {
    auto found = get(trim_json_blanks(text_), path);
    JsonFound out;
    if (found.raw.empty() || spent_) return out;
    out.exists = true;
    out.span = place_of(found.raw);
    if (!out.span) out.computed = found.raw;
    for (auto element : found.parts) {
      auto span = place_of(element);
      if (!span) {
        out.parts.clear();
        break;
      }
      out.parts.push_back(*span);
    }
    return out;
  }

 private:
  // A component that ends with a pipe leaves here what is to be done with the whole result.
  using Pipe = std::optional<std::string_view>;

  std::optional<JsonSpan> place_of(std::string_view raw) const {
    auto begin = reinterpret_cast<std::uintptr_t>(raw.data()), start = reinterpret_cast<std::uintptr_t>(text_.data());
    if (begin < start || begin + raw.size() > start + text_.size()) return std::nullopt;
    return JsonSpan{begin - start, begin - start + raw.size()};
  }

  // Keeps what was computed until the end of the search.
  std::string_view keep(std::string made) {
    if (made.size() > budget_) {
      spent_ = true;
      return {};
    }
    budget_ -= made.size();
    return made_.emplace_back(std::move(made));
  }

  // A value or member was looked at; false when it was one too many.
  bool step() {
    if (++steps_ > kMostSteps) spent_ = true;
    return !spent_;
  }

  Found get(std::string_view json, std::string_view path) {
    if (depth_ > kDeepest || spent_) {
      spent_ = true;
      return {};
    }
    ++depth_;
    auto found = get_inside(json, path);
    --depth_;
    return found;
  }

  Found get_inside(std::string_view json, std::string_view path) {
    if (path.size() > 1) {
      if (auto literal = path_literal(path)) return go_on(keep(std::string(literal->json)), literal->rest);
      if (auto modifier = path_modifier(path)) return go_on(modified(json, *modifier), modifier->rest);
      auto selected = path_selectors(path);
      if (selected && (selected->rest.empty() || selected->rest[0] == '.' || selected->rest[0] == '|'))
        return go_on(select(json, path[0], selected->selectors), selected->rest);
    }
    Pipe pipe;
    auto found = inside(json, path, pipe);
    return pipe ? get(found.raw, *pipe) : found;
  }

  // The rest of a path behind something that worked on a whole value.
  Found go_on(std::string_view json, std::string_view rest) {
    if (rest.starts_with('.') || rest.starts_with('|')) return get(json, rest.substr(1));
    return {first_value(json), {}};
  }

  Found inside(std::string_view json, std::string_view path, Pipe& pipe) {
    if (depth_ > kDeepest) {
      spent_ = true;
      return {};
    }
    ++depth_;
    Found found;
    if (json.starts_with('{')) found = in_object(json, path, pipe);
    if (json.starts_with('[')) found = in_array(json, path, pipe);
    --depth_;
    return found;
  }

  Found in_object(std::string_view json, std::string_view path, Pipe& pipe) {
    auto component = object_step(path);
    if (component.piped) pipe = component.rest;
    auto name = component.wild ? std::string(component.written) : unescape_path(component.written);
    JsonSteps steps(json);
    for (JsonMember member; steps.next(member);) {
      if (!step()) return {};
      auto key = part(json, member.key);
      if (component.wild ? !fits_pattern(decode_json_string(key), name) : !json_string_equals(key, name)) continue;
      auto value = part(json, member.value);
      if (!component.more) return {value, {}};
      // A dead end is not the end: the next member that fits may lead on.
      if (auto found = inside(value, component.rest, pipe); !found.raw.empty()) return found;
    }
    return {};
  }

  Found in_array(std::string_view json, std::string_view path, Pipe& pipe) {
    if (path.starts_with('#')) {
      if (path.starts_with("#.")) return collect(json, path.substr(2), pipe);
      if (auto query = path_query(path)) return search(json, *query, pipe);
    }
    auto component = array_step(path);
    if (component.piped) pipe = component.rest;
    if (component.written == "#") return {keep(std::to_string(count(json))), {}};
    auto index = index_of(component.written);
    auto span = index ? find_json_element(json, *index) : std::nullopt;
    if (!span) return {};
    auto value = part(json, *span);
    return component.more ? inside(value, component.rest, pipe) : Found{value, {}};
  }

  std::size_t count(std::string_view json) {
    std::size_t elements = 0;
    JsonSteps steps(json);
    for (JsonMember element; steps.next(element) && step();) ++elements;
    return elements;
  }

  Found collected(std::vector<std::string_view> parts) {
    std::string out = "[";
    for (auto element : parts) {
      if (out.size() > 1) out += ',';
      out += element;
    }
    return {keep(out += ']'), std::move(parts)};
  }

  // `#.path`: the path in each element that has it.
  Found collect(std::string_view json, std::string_view path, Pipe& pipe) {
    auto [left, right] = split_pipe(path);
    if (right) pipe = right;
    std::vector<std::string_view> parts;
    JsonSteps steps(json);
    for (JsonMember element; steps.next(element);) {
      if (!step()) return {};
      if (auto found = get(part(json, element.value), left); !found.raw.empty()) parts.push_back(found.raw);
    }
    return collected(std::move(parts));
  }

  // `#(…)` and `#(…)#`, with what of a path follows.
  Found search(std::string_view json, const PathQuery& query, Pipe& pipe) {
    std::optional<std::string_view> more;
    auto stop = query.rest.find_first_of(".|");
    if (stop != std::string_view::npos) {
      auto rest = query.rest.substr(stop + 1);
      if (query.rest[stop] == '|') {
        pipe = rest;
      } else {
        auto [left, right] = split_pipe(rest);
        more = left;
        if (right) pipe = right;
      }
    }
    std::vector<std::string_view> parts;
    JsonSteps steps(json);
    for (JsonMember element; steps.next(element);) {
      if (!step()) return {};
      auto value = part(json, element.value);
      auto compared = is_container(value)  ? get(value, query.left).raw
                      : query.left.empty() ? value
                                           : std::string_view();
      // A plain element has no members to compare.
      if ((!is_container(value) && !query.left.empty()) || !query_fits(query, compared)) continue;
      auto found = more ? get(value, *more) : Found{value, {}};
      if (!query.all) return found;
      if (!found.raw.empty()) parts.push_back(found.raw);
    }
    return query.all ? collected(std::move(parts)) : Found{};
  }

  std::string_view select(std::string_view json, char kind, const std::vector<PathSelector>& selectors) {
    std::string out(1, kind);
    for (const auto& selector : selectors) {
      auto found = get(json, selector.path);
      if (found.raw.empty()) continue;
      if (out.size() > 1) out += ',';
      if (kind == '{') {
        auto last = last_component(selector.path);
        if (selector.name.starts_with('"') && is_valid_json(selector.name))
          out += selector.name;
        else
          append_json_string(out, !selector.name.empty() ? selector.name : is_simple_name(last) ? last : "_");
        out += ':';
      }
      out += found.raw;
      if (out.size() > budget_) {
        spent_ = true;
        return {};
      }
    }
    return keep(out += kind == '{' ? '}' : ']');
  }

  std::string_view modified(std::string_view json, const PathModifier& modifier) {
    if (modifier.name == "this") return json;
    if (modifier.name == "valid") return is_valid_json(json) ? json : std::string_view();
    if (modifier.name == "dig") {
      std::vector<std::string_view> parts;
      dig(parts, json, modifier.arguments);
      return collected(std::move(parts)).raw;
    }
    return keep(find_json_modifier(modifier.name)(json, modifier.arguments, budget_));
  }

  // The path in the value itself and in everything below it.
  void dig(std::vector<std::string_view>& parts, std::string_view json, std::string_view path) {
    if (depth_ > kDeepest || !step()) {
      spent_ = true;
      return;
    }
    if (auto found = get(json, path); !found.raw.empty()) parts.push_back(found.raw);
    ++depth_;
    JsonSteps steps(json);
    for (JsonMember member; steps.next(member) && !spent_;) dig(parts, part(json, member.value), path);
    --depth_;
  }

  static constexpr std::size_t kDeepest = 500;
  static constexpr std::size_t kMostSteps = 20'000'000;
  std::string_view text_;
  std::deque<std::string> made_;
  std::size_t budget_;  // bytes that may still be computed
  std::size_t steps_ = 0;
  std::size_t depth_ = 0;
  bool spent_ = false;
};

}  // namespace

const char* to_string(JsonKind kind) {
  switch (kind) {
    case JsonKind::kNull: return "Null";
    case JsonKind::kFalse: return "False";
    case JsonKind::kNumber: return "Number";
    case JsonKind::kString: return "String";
    case JsonKind::kTrue: return "True";
    case JsonKind::kJson: return "JSON";
  }
  return "";
}

JsonKind kind_of_json(std::string_view raw) {
  if (raw.empty()) return JsonKind::kNull;
  switch (raw[0]) {
    case '{':
    case '[': return JsonKind::kJson;
    case '"': return JsonKind::kString;
    case 't': return JsonKind::kTrue;
    case 'f': return JsonKind::kFalse;
    case 'n': return JsonKind::kNull;
    default: return JsonKind::kNumber;
  }
}

std::string json_as_text(std::string_view raw) {
  switch (kind_of_json(raw)) {
    case JsonKind::kString: return decode_json_string(raw);
    case JsonKind::kNull: return {};
    default: return std::string(raw);
  }
}

JsonFound find_json(std::string_view text, std::string_view path) { return Finder(text).run(path); }

std::optional<JsonMember> find_json_member(std::string_view text, std::string_view name) {
  JsonSteps steps(text);
  if (!steps.is_object()) return std::nullopt;
  for (JsonMember member; steps.next(member);)
    if (json_string_equals(part(text, member.key), name)) return member;
  return std::nullopt;
}

std::optional<JsonSpan> find_json_element(std::string_view text, std::size_t index) {
  JsonSteps steps(text);
  if (!steps.is_array()) return std::nullopt;
  for (JsonMember element; steps.next(element); --index)
    if (index == 0) return element.value;
  return std::nullopt;
}

}  // namespace tollgate::core
