#include "sql/statement.h"

#include <charconv>
#include <cmath>

namespace tollgate::sql {
namespace {

// Length of the well-formed character at `at`, 0 when there is none (Unicode 15, table 3-7).
std::size_t character_at(std::string_view text, std::size_t at) {
  auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned a = byte(0), b = byte(1);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF) return follows(1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F)) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    if ((a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F)) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::vector<std::string_view> split_placeholders(std::string_view statement) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < statement.size(); ++i) {
    const char c = statement[i];
    if (c == '\'' || c == '"' || c == '`') {
      auto end = statement.find(c, i + 1);
      i = end == std::string_view::npos ? statement.size() : end;
    } else if (statement.substr(i, 2) == "/*") {
      auto end = statement.find("*/", i + 2);
      i = end == std::string_view::npos ? statement.size() : end + 1;
    } else if (c == '?') {
      pieces.push_back(statement.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  pieces.push_back(statement.substr(begin));
  return pieces;
}

std::string_view storable(std::string_view text, std::string& copy) {
  std::size_t good = 0;
  while (good < text.size() && text[good] != '\0') {
    auto length = character_at(text, good);
    if (length == 0) break;
    good += length;
  }
  if (good == text.size()) return text;
  copy.assign(text.substr(0, good));
  for (std::size_t at = good; at < text.size();) {
    auto length = character_at(text, at);
    if (length == 0)
      copy += "\xEF\xBF\xBD";
    else if (text[at] != '\0')
      copy.append(text.substr(at, length));
    at += length == 0 ? 1 : length;
  }
  return copy;
}

std::string number_text(std::int64_t value) { return std::to_string(value); }

std::string number_text(double value) {
  if (!std::isfinite(value)) return "NULL";
  char buffer[40];
  auto [end, ec] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end);
}

std::int64_t integer_value(std::string_view text, std::int64_t otherwise) {
  std::int64_t number = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  return ec == std::errc() && end == text.data() + text.size() ? number : otherwise;
}

double real_value(std::string_view text) {
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Value decimal_value(std::string_view text) {
  std::int64_t number = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec == std::errc() && end == text.data() + text.size()) return number;
  return real_value(text);
}

}  // namespace tollgate::sql
