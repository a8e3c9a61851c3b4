// Counting tokens without a tokenizer: characters by class, each class with a weight.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace tollgate::billing {

enum class TextFamily : std::uint8_t { kOpenAi, kClaude, kGemini };

// By the lower-cased model name.
TextFamily text_family(std::string_view model);

// A running count over text that arrives in pieces of any split, also within a character. A few integers: cheap to keep
// for every stream. Bytes that are no UTF-8 count as one symbol each.
class TokenEstimator {
 public:
  void add(std::string_view text);
  std::int64_t tokens(TextFamily family) const;  // rounded up
  bool empty() const { return bytes_ == 0; }
  std::int64_t bytes() const { return bytes_; }
  // Ends the run of letters or digits, as a line feed between two texts would, without counting one.
  void break_run() { run_ = Run::kNone; }

 private:
  enum Class : std::uint8_t { kWord, kNumber, kCjk, kSymbol, kMath, kUrl, kAt, kEmoji, kNewline, kSpace, kClasses };
  enum class Run : std::uint8_t { kNone, kLetters, kNumbers };

  static Class ascii_class(std::uint8_t byte);  // most text is ASCII: a table instead of Unicode's properties
  void count_ascii(Class c);
  void add_code_point(char32_t c);
  void count(Class c) {
    ++counts_[c];
    run_ = Run::kNone;
  }

  std::array<std::int64_t, kClasses> counts_{};
  std::int64_t bytes_ = 0;
  Run run_ = Run::kNone;
  std::uint8_t held_size_ = 0;  // bytes of a character whose rest has not come yet
  std::array<char, 4> held_{};
};

std::int64_t estimate_tokens(TextFamily family, std::string_view text);

// Tokens of a whole text for this model: byte pairs where the model is one of OpenAI's (bpe.h), else the estimate.
// Takes 15–50 µs a kilobyte: above some kilobytes not for a network thread.
std::int64_t count_tokens(std::string_view model, std::string_view text);

// The most tokens that a body of so many bytes can hold for this model; cheap, and never charged.
std::int64_t token_upper_bound(std::string_view model, std::int64_t bytes);

}  // namespace tollgate::billing
