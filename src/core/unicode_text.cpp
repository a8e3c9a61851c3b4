#include "core/unicode_text.h"

#include <clocale>
#include <cwctype>

namespace tollgate::core {
namespace {

// What one character is, or the byte that is none.
struct Character {
  wint_t code = 0;
  std::size_t size = 1;
  bool valid = false;
};

Character first_character(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto first = byte(0);
  if (first < 0x80) return {first, 1, true};
  std::size_t size = first >= 0xF0 && first <= 0xF4 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
  if (size == 1 || first > 0xF4 || text.size() < size) return {};
  wint_t code = first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  return {code, size, true};
}

template <class Map>
std::string mapped(std::string_view text, Map map) {
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto character = first_character(text);
    if (character.valid && unicode)
      append_utf8(out, map(character.code, unicode));
    else
      out += text.substr(0, character.size);
    text.remove_prefix(character.size);
  }
  return out;
}

bool is_space(wint_t code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
         code == 0x3000;
}

}  // namespace

void append_utf8(std::string& out, unsigned code) {
  auto put = [&](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::string unicode_lower(std::string_view text) { return mapped(text, towlower_l); }
std::string unicode_upper(std::string_view text) { return mapped(text, towupper_l); }

std::string_view unicode_trim(std::string_view text) {
  while (!text.empty()) {
    auto character = first_character(text);
    if (!character.valid || !is_space(character.code)) break;
    text.remove_prefix(character.size);
  }
  while (!text.empty()) {
    std::size_t size = 1;
    while (size < text.size() && size < 4 && (static_cast<unsigned char>(text[text.size() - size]) & 0xC0) == 0x80)
      ++size;
    auto character = first_character(text.substr(text.size() - size));
    if (!character.valid || character.size != size || !is_space(character.code)) break;
    text.remove_suffix(size);
  }
  return text;
}

}  // namespace tollgate::core
