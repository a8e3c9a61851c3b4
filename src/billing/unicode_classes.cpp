#include "billing/unicode_classes.h"

#include <algorithm>

namespace tollgate::billing {

namespace {

struct Range {
  std::uint32_t first, last;
  std::uint8_t classes;
};

constexpr Range kRanges[] = {
#include "billing/unicode_classes.inc"
};

}  // namespace

UnicodeClasses::UnicodeClasses() {
  for (const Range& range : kRanges) std::fill(classes_ + range.first, classes_ + range.last + 1, range.classes);
}

const UnicodeClasses& unicode_classes() {
  static const UnicodeClasses classes;
  return classes;
}

char32_t decode_utf8(std::string_view text, std::size_t at, std::size_t& size) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(at);
  size = 1;
  if (lead < 0x80) return lead;
  const std::size_t length = lead >= 0xF0 ? 4 : (lead >= 0xE0 ? 3 : 2);
  if (lead < 0xC2 || lead > 0xF4 || text.size() - at < length) return 0xFFFD;
  char32_t c = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0xFFFD;
    c = c << 6 | (byte(at + i) & 0x3F);
  }
  const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  if (overlong || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF) return 0xFFFD;
  size = length;
  return c;
}

}  // namespace tollgate::billing
