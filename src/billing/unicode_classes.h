// Unicode properties of code points, as far as counting tokens needs them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tollgate::billing {

// A point's classes are the sum of these.
enum UnicodeClass : std::uint8_t {
  kUpper = 1,          // Lu, Lt
  kLower = 2,          // Ll
  kOtherLetter = 4,    // Lm, Lo
  kMark = 8,           // M
  kNumeric = 16,       // N
  kPatternSpace = 32,  // what \s matches in the patterns of the encodings (with U+FEFF, without U+0085)
  kWhiteSpace = 64,    // White_Space
  kHan = 128,          // Script=Han
  kLetter = kUpper | kLower | kOtherLetter,
};

class UnicodeClasses {
 public:
  UnicodeClasses();
  std::uint8_t operator[](char32_t c) const {
    if (c < kDense) return classes_[c];
    return c >= 0xE0100 && c <= 0xE01EF ? kMark : std::uint8_t{0};  // variation selectors, the only ones above
  }

 private:
  static constexpr std::size_t kDense = 0x33480;  // every other point with a class lies below
  std::uint8_t classes_[kDense] = {};
};

// Built at the first call; thread-safe.
const UnicodeClasses& unicode_classes();

// The character at text[at]; `size` is the number of its bytes. Bytes that are no UTF-8 give U+FFFD, one byte each.
// at < text.size().
char32_t decode_utf8(std::string_view text, std::size_t at, std::size_t& size);

}  // namespace tollgate::billing
