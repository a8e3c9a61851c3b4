#include "api/search_pattern.h"

#include <algorithm>

namespace tollgate::api {

std::string check_pattern(std::string_view pattern) {
  if (pattern.find("%%") != std::string_view::npos) return "搜索模式中不允许包含连续的 % 通配符";
  const auto wild = std::ranges::count(pattern, '%');
  if (wild > 2) return "搜索模式中最多允许包含 2 个 % 通配符";
  if (wild > 0 && pattern.size() - static_cast<std::size_t>(wild) < 2)
    return "使用模糊搜索时，关键词长度至少为 2 个字符";
  return {};
}

bool matches_pattern(std::string_view text, std::string_view pattern) {
  if (pattern.find('%') == std::string_view::npos) return text == pattern;
  auto lower = [](std::string_view from) {
    std::string out(from);
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
  };
  const std::string whole = lower(text), rule = lower(pattern);
  // Pieces between wild cards must occur in order, the first at the beginning, the last at the end.
  std::string_view rest = whole;
  std::string_view left = rule;
  bool first = true;
  while (true) {
    const auto wild = left.find('%');
    const std::string_view piece = left.substr(0, wild);
    if (wild == std::string_view::npos) return rest.ends_with(piece);
    const auto at = rest.find(piece);
    if (at == std::string_view::npos || (first && at != 0)) return false;
    rest.remove_prefix(at + piece.size());
    left.remove_prefix(wild + 1);
    first = false;
  }
}

}  // namespace tollgate::api
