#include <charconv>

#include "sql/connection.h"

namespace tollgate::sql {

bool Row::is_null(std::size_t column) const { return std::holds_alternative<std::nullptr_t>(values_.at(column)); }

std::int64_t Row::integer(std::size_t column) const {
  const auto& value = values_.at(column);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return static_cast<std::int64_t>(*number);
  if (const auto* text = std::get_if<std::string>(&value)) {
    std::int64_t number = 0;
    auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (ec == std::errc() && end == text->data() + text->size()) return number;
    if (*text == "true" || *text == "t") return 1;
  }
  return 0;
}

double Row::real(std::size_t column) const {
  const auto& value = values_.at(column);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  if (const auto* text = std::get_if<std::string>(&value)) {
    double number = 0;
    auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (ec == std::errc()) return number;
  }
  return 0;
}

bool Row::boolean(std::size_t column) const { return integer(column) != 0; }

std::string Row::text(std::size_t column) const {
  const auto& value = values_.at(column);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value)) {
    char buffer[40];
    auto [end, ec] = std::to_chars(buffer, buffer + sizeof buffer, *number);
    return std::string(buffer, end);
  }
  return {};
}

std::string quoted(Dialect dialect, std::string_view identifier) {
  char mark = dialect == Dialect::kPostgres ? '"' : '`';
  return std::string(1, mark) + std::string(identifier) + mark;
}

}  // namespace tollgate::sql
