// The pieces of a JSON path's text (GJSON 1.18 path syntax). Private to json_path.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::core {

// The first component of a path and what follows it.
struct PathStep {
  std::string_view written;  // with its escapes
  bool wild = false;         // has * or ? that are not escaped
  bool more = false;         // `rest` goes on inside the value
  bool piped = false;        // `rest` is a path of its own for the whole result
  std::string_view rest;
};
PathStep object_step(std::string_view path);
// Without escapes and wildcards; `.` never pipes when the component has a '#'.
PathStep array_step(std::string_view path);

// `#(left op value)` at the start of a path.
struct PathQuery {
  std::string_view left;  // a path inside each element
  std::string_view op;    // = != < <= > >= % !% or empty: is it there at all
  std::string value;      // without its quotes
  bool all = false;       // followed by '#'
  std::string_view rest;  // of the path, behind the query
};
std::optional<PathQuery> path_query(std::string_view path);

// The path up to the first `|` that stands outside of queries, and what is behind it.
struct PathPipe {
  std::string_view left;
  std::optional<std::string_view> right;
};
PathPipe split_pipe(std::string_view path);

// `@name:arguments`, `!literal`, `[a,b]` or `{"x":a}` at the start of a path: what it is, and what follows.
struct PathModifier {
  std::string_view name, arguments, rest;
};
std::optional<PathModifier> path_modifier(std::string_view path);
struct PathLiteral {
  std::string_view json, rest;
};
std::optional<PathLiteral> path_literal(std::string_view path);
struct PathSelector {
  std::string_view name;  // may be empty; may have quotes
  std::string_view path;
};
struct PathSelectors {
  std::vector<PathSelector> selectors;
  std::string_view rest;
};
std::optional<PathSelectors> path_selectors(std::string_view path);
// The key of a selector without a name.
std::string_view last_component(std::string_view path);

bool is_path_modifier(std::string_view name);
std::string unescape_path(std::string_view written);

// Whether the text fits a pattern with `*`, `?` (one character) and `\` escapes.
bool fits_pattern(std::string_view text, std::string_view pattern);

}  // namespace tollgate::core
