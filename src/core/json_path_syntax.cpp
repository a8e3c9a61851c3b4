#include "core/json_path_syntax.h"

#include <algorithm>

#include "core/ascii.h"
#include "core/json_modifiers.h"
#include "core/json_scan.h"
#include "core/json_text.h"

namespace tollgate::core {
namespace {

constexpr auto kNone = std::string_view::npos;

std::string_view behind(std::string_view text, std::size_t at) { return at < text.size() ? text.substr(at) : ""; }

// Whether what follows a dot is no key but works on the whole value.
bool begins_pipe(std::string_view path) {
  if (path.empty()) return false;
  if (path[0] == '@') return is_path_modifier(path.substr(1, path.find_first_of(".|:") - 1));
  return path[0] == '[' || path[0] == '{' || path[0] == '!';
}

// Behind the closing quote of a string in a path; npos when there is none.
std::size_t skip_quoted(std::string_view path, std::size_t at) {
  for (++at; at < path.size(); ++at) {
    if (path[at] == '\\')
      ++at;
    else if (path[at] == '"')
      return at + 1;
  }
  return kNone;
}

// Behind the bracket that closes the one at `at`; npos when there is none.
std::size_t skip_brackets(std::string_view path, std::size_t at) {
  std::size_t depth = 0;
  while (at < path.size()) {
    switch (path[at]) {
      case '\\': ++at; break;
      case '"':
        at = skip_quoted(path, at);
        if (at == kNone) return kNone;
        continue;
      case '(':
      case '[':
      case '{': ++depth; break;
      case ')':
      case ']':
      case '}':
        if (--depth == 0) return at + 1;
        break;
      default: break;
    }
    ++at;
  }
  return kNone;
}

void end_step(PathStep& step, std::string_view path, std::size_t at, bool dot_may_pipe) {
  step.written = path.substr(0, at);
  if (at >= path.size()) return;
  step.rest = path.substr(at + 1);
  step.piped = path[at] == '|' || (dot_may_pipe && begins_pipe(step.rest));
  step.more = !step.piped;
}

}  // namespace

PathStep object_step(std::string_view path) {
  PathStep step;
  std::size_t at = 0;
  for (; at < path.size() && path[at] != '.' && path[at] != '|'; ++at) {
    if (path[at] == '\\')
      ++at;
    else if (path[at] == '*' || path[at] == '?')
      step.wild = true;
  }
  end_step(step, path, std::min(at, path.size()), true);
  return step;
}

PathStep array_step(std::string_view path) {
  PathStep step;
  auto at = std::min(path.find_first_of(".|"), path.size());
  end_step(step, path, at, path.substr(0, at).find('#') == kNone);
  return step;
}

std::optional<PathQuery> path_query(std::string_view path) {
  if (!path.starts_with("#(") && !path.starts_with("#[")) return std::nullopt;
  auto end = skip_brackets(path, 1);
  if (end == kNone) return std::nullopt;
  PathQuery query;
  query.rest = path.substr(end);
  if (query.rest.starts_with('#')) {
    query.all = true;
    query.rest.remove_prefix(1);
  }
  auto inside = path.substr(2, end - 3);
  // The operator is the first one that stands outside of inner brackets and strings.
  std::size_t at = 0;
  while (at < inside.size()) {
    char c = inside[at];
    if (c == '!' || c == '=' || c == '<' || c == '>' || c == '%') break;
    if (c == '\\')
      at += 2;
    else if (c == '"')
      at = skip_quoted(inside, at);
    else if (c == '(' || c == '[' || c == '{')
      at = skip_brackets(inside, at);
    else
      ++at;
  }
  at = std::min(at, inside.size());
  query.left = trim_json_blanks(inside.substr(0, at));
  auto value = inside.substr(at);
  if (value.empty()) return query;
  std::size_t size = value.starts_with("!=") || value.starts_with("!%") || value.starts_with("<=") ||
                             value.starts_with(">=") || value.starts_with("==")
                         ? 2
                         : 1;
  query.op = value.starts_with("==") ? "=" : value.substr(0, size);
  value = trim_json_blanks(value.substr(size));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    query.value = decode_json_string(value);
  else
    query.value = value;
  return query;
}

PathPipe split_pipe(std::string_view path) {
  std::size_t at = 0;
  while (at < path.size()) {
    char c = path[at];
    if (c == '|') return {path.substr(0, at), path.substr(at + 1)};
    bool opens =
        c == '{' || c == '[' || (c == '#' && at + 1 < path.size() && (path[at + 1] == '(' || path[at + 1] == '['));
    // A bracket is one only where a component begins.
    if (opens && (at == 0 || path[at - 1] == '.' || path[at - 1] == ':')) {
      auto end = skip_brackets(path, c == '#' ? at + 1 : at);
      if (end != kNone) {
        at = end;
        continue;
      }
    }
    at += c == '\\' ? 2 : 1;
  }
  return {path, std::nullopt};
}

std::optional<PathModifier> path_modifier(std::string_view path) {
  if (!path.starts_with('@')) return std::nullopt;
  auto end = std::min(path.find_first_of(".|:"), path.size());
  PathModifier modifier{path.substr(1, end - 1), {}, path.substr(end)};
  if (!is_path_modifier(modifier.name)) return std::nullopt;
  if (!modifier.rest.starts_with(':')) return modifier;
  modifier.rest.remove_prefix(1);
  auto arguments = modifier.rest;
  std::size_t at = 0;
  bool is_json = !arguments.empty() && (arguments[0] == '{' || arguments[0] == '[' || arguments[0] == '"');
  if (is_json) at = skip_json_value(arguments, 0);
  if (!is_json || at == kNone) {
    for (at = 0; at < arguments.size() && arguments[at] != '|';) {
      char c = arguments[at];
      auto next = c == '"'                           ? skip_quoted(arguments, at)
                  : c == '{' || c == '[' || c == '(' ? skip_brackets(arguments, at)
                                                     : at + 1;
      at = std::min(next, arguments.size());
    }
  }
  modifier.arguments = arguments.substr(0, at);
  modifier.rest = arguments.substr(at);
  return modifier;
}

std::optional<PathLiteral> path_literal(std::string_view path) {
  if (!path.starts_with('!') || path.size() < 2) return std::nullopt;
  path.remove_prefix(1);
  char c = path[0];
  std::size_t end = 0;
  if (c == '{' || c == '[' || c == '"')
    end = skip_json_value(path, 0);
  else if (c == '-' || (c >= '0' && c <= '9'))
    end = std::min(path.find_first_not_of("0123456789+-.eE"), path.size());
  else
    end = std::min(path.find_first_of(".|"), path.size());
  if (end == kNone) return std::nullopt;
  PathLiteral literal{path.substr(0, end), path.substr(end)};
  bool is_word = literal.json == "true" || literal.json == "false" || literal.json == "null";
  bool is_number = c == '-' || (c >= '0' && c <= '9');
  if (c != '{' && c != '[' && c != '"' && !is_word && !is_number) return std::nullopt;
  return literal;
}

std::optional<PathSelectors> path_selectors(std::string_view path) {
  if (!path.starts_with('[') && !path.starts_with('{')) return std::nullopt;
  auto end = skip_brackets(path, 0);
  if (end == kNone) return std::nullopt;
  PathSelectors out;
  out.rest = path.substr(end);
  auto inside = path.substr(1, end - 2);
  std::size_t start = 0, at = 0, colon = kNone;
  bool in_modifier = false;
  auto push = [&] {
    PathSelector selector;
    if (colon != kNone) selector.name = trim_json_blanks(inside.substr(start, colon - start));
    auto begin = colon == kNone ? start : colon + 1;
    selector.path = inside.substr(begin, at - begin);
    out.selectors.push_back(selector);
    start = at + 1;
    colon = kNone;
    in_modifier = false;
  };
  while (at < inside.size()) {
    char c = inside[at];
    auto next = at + 1;
    if (c == ',') {
      push();
    } else if (c == ':' && !in_modifier && colon == kNone) {
      colon = at;
    } else if (c == '@') {
      in_modifier = in_modifier || at == start || colon + 1 == at || inside[at - 1] == '.' || inside[at - 1] == '|';
    } else if (c == '\\') {
      ++next;
    } else if (c == '"') {
      next = skip_quoted(inside, at);
    } else if (c == '(' || c == '[' || c == '{') {
      next = skip_brackets(inside, at);
    }
    at = std::min(next, inside.size());
  }
  push();
  return out;
}

std::string_view last_component(std::string_view path) {
  for (std::size_t at = path.size(); at > 0; --at)
    if ((path[at - 1] == '.' || path[at - 1] == '|') && (at < 2 || path[at - 2] != '\\')) return behind(path, at);
  return path;
}

bool is_path_modifier(std::string_view name) {
  return name == "this" || name == "valid" || name == "dig" || find_json_modifier(name) != nullptr;
}

std::string unescape_path(std::string_view written) {
  std::string out;
  for (std::size_t at = 0; at < written.size(); ++at) {
    if (written[at] == '\\' && ++at == written.size()) break;
    out += written[at];
  }
  return out;
}

bool fits_pattern(std::string_view text, std::string_view pattern) {
  auto next_character = [](std::string_view from, std::size_t at) {
    ++at;
    while (at < from.size() && (static_cast<unsigned char>(from[at]) & 0xC0) == 0x80) ++at;
    return at;
  };
  std::size_t t = 0, p = 0, star = kNone, starred = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      starred = t;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '?') {
      t = next_character(text, t);
      ++p;
      continue;
    }
    bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    if (p < pattern.size() && pattern[p + (escaped ? 1 : 0)] == text[t]) {
      p += escaped ? 2 : 1;
      ++t;
      continue;
    }
    // The last star takes one byte more; earlier ones need not be tried again.
    if (star == kNone) return false;
    p = star + 1;
    t = ++starred;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace tollgate::core
