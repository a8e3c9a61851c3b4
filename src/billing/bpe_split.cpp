#include "billing/bpe_split.h"

namespace tollgate::billing {

namespace {

// The two letter classes of o200k's words; marks and letters without case are in both.
constexpr std::uint8_t kUpperPart = kUpper | kOtherLetter | kMark;
constexpr std::uint8_t kLowerPart = kLower | kOtherLetter | kMark;

bool line_end(char32_t c) { return c == '\r' || c == '\n'; }

}  // namespace

PieceSplitter::Char PieceSplitter::at(std::size_t place) const {
  if (place >= text_.size()) return {};
  Char found;
  found.c = decode_utf8(text_, place, found.size);
  found.classes = classes_[found.c];
  return found;
}

std::size_t PieceSplitter::run_end(std::size_t from, std::uint8_t classes) const {
  for (Char next = at(from); next.classes & classes; next = at(from)) from += next.size;
  return from;
}

// After 's 't 'm 'd 're 've 'll in any case; `from` itself when there is none.
std::size_t PieceSplitter::contraction_end(std::size_t from) const {
  const std::string_view rest = text_.substr(from, 3);
  if (rest.size() < 2 || rest[0] != '\'') return from;
  const auto lower = [&](std::size_t i) {
    return rest[i] >= 'A' && rest[i] <= 'Z' ? static_cast<char>(rest[i] - 'A' + 'a') : rest[i];
  };
  const char first = lower(1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return from + 2;
  if (rest.size() < 3) return from;
  const char second = lower(2);
  const bool two =
      (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return two ? from + 3 : from;
}

// cl100k: [^\r\n\p{L}\p{N}]?\p{L}+
std::size_t PieceSplitter::word_end() const {
  const Char first = at(begin_);
  std::size_t from = begin_;
  if (!(first.classes & kLetter)) {
    if (line_end(first.c) || first.classes & kNumeric) return begin_;
    from += first.size;
  }
  const std::size_t end = run_end(from, kLetter);
  return end == from ? begin_ : end;
}

// o200k: [^\r\n\p{L}\p{N}]? U* L+ contraction?, else [^\r\n\p{L}\p{N}]? U+ L* contraction?, with U and L the upper and
// lower parts above.
std::size_t PieceSplitter::cased_word_end() const {
  const Char first = at(begin_);
  const bool may_lead = !line_end(first.c) && !(first.classes & (kLetter | kNumeric));
  const std::size_t starts[] = {begin_ + (may_lead ? first.size : 0), begin_};
  for (const std::size_t from : starts) {
    const std::size_t upper_end = run_end(from, kUpperPart);
    std::size_t end = run_end(upper_end, kLowerPart);
    if (end == upper_end) {
      // The upper part has to give back up to its last character that may stand in a lower part.
      end = from;
      for (std::size_t i = from; i < upper_end;) {
        const Char c = at(i);
        i += c.size;
        if (c.classes & kLowerPart) end = i;
      }
    }
    if (end != from) return contraction_end(end);
  }
  for (const std::size_t from : starts) {
    const std::size_t upper_end = run_end(from, kUpperPart);
    if (upper_end != from) return contraction_end(run_end(upper_end, kLowerPart));
  }
  return begin_;
}

// " ?[^\s\p{L}\p{N}]+" and line ends (o200k: and slashes) behind it.
std::size_t PieceSplitter::symbols_end() const {
  const std::size_t from = begin_ + (text_[begin_] == ' ' ? 1 : 0);
  std::size_t end = from;
  for (Char next = at(end); next.size > 0 && !(next.classes & (kPatternSpace | kLetter | kNumeric)); next = at(end)) {
    end += next.size;
  }
  if (end == from) return begin_;
  while (end < text_.size() &&
         (line_end(static_cast<unsigned char>(text_[end])) || (words_by_case_ && text_[end] == '/'))) {
    ++end;
  }
  return end;
}

// \s*[\r\n]+, else \s+(?!\S), else \s+
std::size_t PieceSplitter::blanks_end() const {
  std::size_t end = begin_, last = begin_, after_line_end = begin_;
  for (Char next = at(end); next.classes & kPatternSpace; next = at(end)) {
    last = end;
    end += next.size;
    if (line_end(next.c)) after_line_end = end;
  }
  if (after_line_end != begin_) return after_line_end;
  return end == text_.size() || last == begin_ ? end : last;  // the last blank goes to the word that follows
}

bool PieceSplitter::next(std::string_view& piece) {
  if (begin_ >= text_.size()) return false;
  std::size_t end = words_by_case_ ? begin_ : contraction_end(begin_);
  if (end == begin_) end = words_by_case_ ? cased_word_end() : word_end();
  if (end == begin_) {
    for (int digits = 0; digits < 3; ++digits) {
      const Char next = at(end);
      if (!(next.classes & kNumeric)) break;
      end += next.size;
    }
  }
  if (end == begin_) end = symbols_end();
  if (end == begin_) end = blanks_end();
  piece = text_.substr(begin_, end - begin_);
  begin_ = end;
  return true;
}

}  // namespace tollgate::billing
