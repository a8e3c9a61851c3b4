// Reading and writing whole rows: the column lists of the entity files. Private to this folder.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "sql/connection.h"

namespace tollgate::model {

// "a, `group`, …" with reserved words quoted; `names` is a comma list.
inline std::string select_list(const sql::Connection& db, std::string_view names) {
  std::string text;
  while (!names.empty()) {
    auto comma = names.find(',');
    auto name = names.substr(0, comma);
    if (!text.empty()) text += ", ";
    text += name == "group" || name == "key" ? sql::quoted(db.dialect(), name) : std::string(name);
    names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
  }
  return text;
}

// A text column that may be NULL: NULL for nullopt.
inline sql::Param nullable(const std::optional<std::string>& text) {
  return text ? sql::Param(std::string_view(*text)) : sql::Param(nullptr);
}

// %text% with the wild cards of LIKE escaped by '!'.
inline std::string contains_pattern(std::string_view text) {
  std::string pattern = "%";
  for (char c : text) {
    if (c == '%' || c == '_' || c == '!') pattern.push_back('!');
    pattern.push_back(c);
  }
  return pattern + "%";
}

// The text of a class "time" column, in UTC: YYYY-MM-DD hh:mm:ss+00:00, on MySQL without the zone.
std::string time_text(sql::Dialect dialect, std::int64_t unix_seconds);

// The beginning of a UTF-8 text, for columns of limited length: at most so many characters, which the databases count.
inline std::string_view first_characters(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U && ++characters > most) return text.substr(0, i);
  return text;
}

inline sql::Error missing_row() { return sql::Error{sql::ErrorClass::kData, 0, "no such row"}; }

}  // namespace tollgate::model
