#include "billing/token_estimate.h"

#include <algorithm>
#include <string>

#include "billing/bpe.h"
#include "billing/unicode_classes.h"

namespace tollgate::billing {

namespace {

// Hundredths of a token by class: word, number, CJK, symbol, math, URL delimiter, @, emoji, line feed or tab, space.
constexpr std::array<std::array<std::int64_t, 10>, 3> kWeights = {{
    {102, 155, 85, 40, 268, 100, 200, 212, 50, 42},   // OpenAI
    {113, 163, 121, 40, 452, 126, 282, 260, 89, 39},  // Claude
    {115, 280, 68, 38, 105, 120, 250, 108, 115, 20},  // Gemini
}};

bool in(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

bool is_emoji(char32_t c) { return in(c, 0x1F300, 0x1F9FF) || in(c, 0x2600, 0x27BF) || in(c, 0x1FA00, 0x1FAFF); }

bool is_math(char32_t c) {
  // Operators of U+2200–22FF are in the range below; these are the ones outside. Digits in the raised and lowered
  // blocks are numbers and have been counted as such.
  constexpr std::u32string_view kSigns = U"±×÷¬°′″‴⁺⁻⁼⁽⁾₊₋₌₍₎";
  return in(c, 0x2200, 0x22FF) || in(c, 0x2A00, 0x2AFF) || in(c, 0x1D400, 0x1D7FF) || kSigns.find(c) != kSigns.npos;
}

constexpr bool is_url_delimiter(char32_t c) {
  return c == '/' || c == ':' || c == '?' || c == '&' || c == '=' || c == ';' || c == '#' || c == '%';
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Bytes that a character with this first byte has; 1 for a byte that starts none.
std::size_t expected_size(char lead) {
  const auto byte = static_cast<std::uint8_t>(lead);
  if (byte < 0xC2 || byte > 0xF4) return 1;
  return byte >= 0xF0 ? 4 : (byte >= 0xE0 ? 3 : 2);
}

}  // namespace

TextFamily text_family(std::string_view model) {
  const std::string name = lower(model);
  if (name.find("gemini") != name.npos) return TextFamily::kGemini;
  if (name.find("claude") != name.npos) return TextFamily::kClaude;
  return TextFamily::kOpenAi;
}

TokenEstimator::Class TokenEstimator::ascii_class(std::uint8_t byte) {
  static constexpr auto kClassOf = [] {
    std::array<Class, 128> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
      const char c = static_cast<char>(i);
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        out[i] = kWord;
      else if (c >= '0' && c <= '9')
        out[i] = kNumber;
      else if (c == '\n' || c == '\t')
        out[i] = kNewline;
      else if (c == ' ' || (c >= '\v' && c <= '\r'))
        out[i] = kSpace;
      else if (c == '@')
        out[i] = kAt;
      else
        out[i] = is_url_delimiter(static_cast<char32_t>(c)) ? kUrl : kSymbol;
    }
    return out;
  }();
  return kClassOf[byte];
}

void TokenEstimator::count_ascii(Class c) {
  const Run run = c == kWord ? Run::kLetters : c == kNumber ? Run::kNumbers : Run::kNone;
  counts_[c] += run == Run::kNone || run != run_ ? 1 : 0;
  run_ = run;
}

void TokenEstimator::add_code_point(char32_t c) {
  if (c < 0x80) return count_ascii(ascii_class(static_cast<std::uint8_t>(c)));
  const std::uint8_t classes = unicode_classes()[c];
  if (classes & kWhiteSpace) return count(c == '\n' || c == '\t' ? kNewline : kSpace);
  if (classes & kHan || in(c, 0x3040, 0x30FF) || in(c, 0xAC00, 0xD7A3)) return count(kCjk);
  if (is_emoji(c)) return count(kEmoji);
  if (classes & (kLetter | kNumeric)) {
    const Run run = classes & kLetter ? Run::kLetters : Run::kNumbers;
    if (run != run_) ++counts_[run == Run::kLetters ? kWord : kNumber];
    run_ = run;
    return;
  }
  if (is_math(c)) return count(kMath);
  if (c == '@') return count(kAt);
  count(is_url_delimiter(c) ? kUrl : kSymbol);
}

void TokenEstimator::add(std::string_view text) {
  bytes_ += static_cast<std::int64_t>(text.size());
  std::size_t at = 0, size = 0;
  // A character whose first bytes came with the piece before: its bytes one by one, until it is whole or broken.
  while (held_size_ > 0 && at < text.size()) {
    held_[held_size_++] = text[at++];
    const bool broken = (static_cast<std::uint8_t>(held_[held_size_ - 1U]) & 0xC0) != 0x80;
    if (!broken && held_size_ < expected_size(held_[0])) continue;
    std::string_view held(held_.data(), held_size_);
    held_size_ = 0;
    if (broken) {  // the new byte starts something of its own
      held.remove_suffix(1);
      --at;
    }
    for (std::size_t i = 0; i < held.size(); i += size) add_code_point(decode_utf8(held, i, size));
  }
  while (at < text.size()) {
    if (const auto byte = static_cast<std::uint8_t>(text[at]); byte < 0x80) {
      count_ascii(ascii_class(byte));
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at);
    if (rest.size() < expected_size(rest[0])) {
      const bool unbroken = std::all_of(rest.begin() + 1, rest.end(),
                                        [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0) == 0x80; });
      if (unbroken) {
        std::copy(rest.begin(), rest.end(), held_.begin());
        held_size_ = static_cast<std::uint8_t>(rest.size());
        return;
      }
    }
    add_code_point(decode_utf8(text, at, size));
    at += size;
  }
}

std::int64_t TokenEstimator::tokens(TextFamily family) const {
  const auto& weights = kWeights[static_cast<std::size_t>(family)];
  std::int64_t hundredths = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) hundredths += counts_[i] * weights[i];
  hundredths += held_size_ * weights[kSymbol];  // the text ended within a character
  return (hundredths + 99) / 100;
}

std::int64_t estimate_tokens(TextFamily family, std::string_view text) {
  TokenEstimator estimator;
  estimator.add(text);
  return estimator.tokens(family);
}

std::int64_t count_tokens(std::string_view model, std::string_view text) {
  if (const auto encoding = encoding_of(model)) return count_bpe_tokens(*encoding, text);
  return estimate_tokens(text_family(model), text);
}

std::int64_t token_upper_bound(std::string_view model, std::int64_t bytes) {
  return encoding_of(model) ? bytes : bytes * 3;  // the dearest class of one byte weighs 2.82
}

}  // namespace tollgate::billing
