// Finds any of many words in a text in one pass, in any letter case: Aho and Corasick's automaton over code points.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tollgate::core {

// Immutable; read from any thread.
class WordFinder {
 public:
  // Words as UTF-8; empty ones are dropped. Memory: some 30 bytes a character.
  explicit WordFinder(const std::vector<std::string>& words);

  bool empty() const { return words_.empty(); }
  // The word whose end comes first in the text, lower-cased as it is compared; words may stand inside others. Takes one
  // step a character, however many words there are.
  std::optional<std::string_view> find(std::string_view text) const;

 private:
  struct Node {
    std::uint32_t edges = 0;  // place of the first one
    std::uint32_t count = 0;
    std::uint32_t fail = 0;  // the longest proper suffix that begins a word too
    std::int32_t word = -1;  // that ends here
  };
  // By a search for one character of each word, which leaps over most of the text.
  bool surely_none(std::string_view text) const;
  // The node behind `c`; 0 when there is none.
  std::uint32_t step(std::uint32_t node, char32_t c) const;

  std::vector<std::string> words_;
  std::vector<std::size_t> rare_;  // place of that character in each word; empty: many words, or one that has none
  std::vector<Node> nodes_;
  std::vector<std::pair<char32_t, std::uint32_t>> edges_;  // of each node, by character
  std::array<bool, 256> may_begin_{};                      // a word, by the first byte of the character
};

// One code point in lower case, by the simple mapping of Unicode.
char32_t lower_case(char32_t c);

}  // namespace tollgate::core
