// Letter case and blanks of ASCII texts, whatever the locale.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

inline std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

inline constexpr std::string_view kBlanks = " \t\r\n";
inline constexpr std::string_view kHttpBlanks = " \t";  // RFC 9110 §5.6.3

// Without the blanks at both ends.
inline std::string_view trimmed(std::string_view text, std::string_view blanks = kBlanks) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace tollgate::core
