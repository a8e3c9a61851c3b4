// Letter case of ASCII texts, whatever the locale.
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

}  // namespace tollgate::core
