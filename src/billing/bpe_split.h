// Cutting text into the pieces that byte pairs are merged in. Internal to bpe.
#pragma once
#include <cstddef>
#include <string_view>

#include "billing/bpe.h"
#include "billing/unicode_classes.h"

namespace tollgate::billing {

// Hands out the pieces of a text in order; they cover it without gaps. Follows, by hand, the regular expressions that
// OpenAI publishes for the encodings (tiktoken), as JavaScript reads them. The text is valid UTF-8 and outlives this.
class PieceSplitter {
 public:
  PieceSplitter(Encoding encoding, std::string_view text)
      : text_(text), classes_(unicode_classes()), words_by_case_(encoding == Encoding::kO200k) {}

  bool next(std::string_view& piece);

 private:
  struct Char {
    char32_t c = 0;
    std::uint8_t classes = 0;
    std::size_t size = 0;  // 0: the text has ended
  };
  Char at(std::size_t place) const;
  std::size_t run_end(std::size_t from, std::uint8_t classes) const;
  std::size_t contraction_end(std::size_t from) const;
  std::size_t word_end() const;
  std::size_t cased_word_end() const;
  std::size_t symbols_end() const;
  std::size_t blanks_end() const;

  std::string_view text_;
  const UnicodeClasses& classes_;
  bool words_by_case_;
  std::size_t begin_ = 0;  // of the next piece
};

}  // namespace tollgate::billing
