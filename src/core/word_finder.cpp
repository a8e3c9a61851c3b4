#include "core/word_finder.h"

#include <locale.h>
#include <wctype.h>

#include <algorithm>

namespace tollgate::core {
namespace {

// Bytes that are no UTF-8 give U+FFFD, one each.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t size = first < 0x80   ? 1
                           : first < 0xC2 ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
  if (size == 0 || at + size > text.size()) return ++at, U'\uFFFD';
  char32_t c = size == 1 ? first : first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80U) return ++at, U'\uFFFD';
    c = (c << 6U) | (byte(at + i) & 0x3FU);
  }
  at += size;
  return c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6U));
  } else {
    if (c < 0x10000) {
      put(0xE0 | (c >> 12U));
    } else {
      put(0xF0 | (c >> 18U));
      put(0x80 | ((c >> 12U) & 0x3FU));
    }
    put(0x80 | ((c >> 6U) & 0x3FU));
  }
  put(0x80 | (c & 0x3FU));
}

// The character of a word that ordinary text holds least: where it does not stand, the word does not. Letters to which
// others than their capital are lowered (U+0130, U+212A) are no help. npos when the word has none.
std::size_t rarest(std::string_view word) {
  constexpr std::string_view kByFrequency = " \",:{}etaonsrhldcumfpg-.wybv0123456789/_xjqz";
  std::size_t best = std::string_view::npos, rank = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto c = static_cast<unsigned char>(word[i]);
    if (c >= 0x80 || c == 'i' || c == 'k') continue;
    const auto place = kByFrequency.find(word[i]);
    if (best == std::string_view::npos || place > rank) best = i, rank = place;
  }
  return best;
}

// Whether the word may stand in the text around one of its characters. Sure of ASCII only.
bool may_stand(std::string_view text, std::size_t begin, std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[begin + i]);
    if (c >= 0x80) return true;
    if (lower_case(c) != static_cast<unsigned char>(word[i])) return false;
  }
  return true;
}

bool may_hold(std::string_view text, std::string_view word, std::size_t rare) {
  const char c = word[rare];
  const bool letter = c >= 'a' && c <= 'z';
  const char cases[] = {c, letter ? static_cast<char>(c - ('a' - 'A')) : c};
  for (int i = 0; i < (letter ? 2 : 1); ++i)
    for (auto at = text.find(cases[i]); at != std::string_view::npos; at = text.find(cases[i], at + 1)) {
      // Characters of other lengths may stand before it: then where the word begins is not known.
      if (at >= rare && at - rare + word.size() <= text.size() && may_stand(text, at - rare, word)) return true;
      const auto from = at > 4 * word.size() ? at - 4 * word.size() : 0;
      const auto near = text.substr(from, 8 * word.size());
      if (std::any_of(near.begin(), near.end(), [](char n) { return static_cast<unsigned char>(n) >= 0x80; }))
        return true;
    }
  return false;
}

}  // namespace

char32_t lower_case(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  // Part of the C library itself since glibc 2.35: no locale need be installed.
  static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale ? static_cast<char32_t>(::towlower_l(static_cast<wint_t>(c), locale)) : c;
}

WordFinder::WordFinder(const std::vector<std::string>& words) {
  struct Growing {
    std::vector<std::pair<char32_t, std::uint32_t>> edges;
    std::int32_t word = -1;
  };
  std::vector<Growing> tree(1);
  for (const auto& word : words) {
    std::string lower;
    std::uint32_t node = 0;
    for (std::size_t at = 0; at < word.size();) {
      const auto c = lower_case(next_code_point(word, at));
      append_utf8(lower, c);
      auto& edges = tree[node].edges;
      auto edge = std::ranges::lower_bound(edges, c, {}, &std::pair<char32_t, std::uint32_t>::first);
      if (edge != edges.end() && edge->first == c) {
        node = edge->second;
        continue;
      }
      edges.insert(edge, {c, static_cast<std::uint32_t>(tree.size())});
      node = static_cast<std::uint32_t>(tree.size());
      tree.emplace_back();
    }
    if (node == 0 || tree[node].word >= 0) continue;
    tree[node].word = static_cast<std::int32_t>(words_.size());
    words_.push_back(std::move(lower));
  }
  constexpr std::size_t kFew = 8;
  for (const auto& word : words_) {
    const auto rare = rarest(word);
    if (words_.size() > kFew || rare == std::string::npos) {
      rare_.clear();
      break;
    }
    rare_.push_back(rare);
  }

  nodes_.resize(tree.size());
  for (std::size_t i = 0; i < tree.size(); ++i) {
    nodes_[i].edges = static_cast<std::uint32_t>(edges_.size());
    nodes_[i].count = static_cast<std::uint32_t>(tree[i].edges.size());
    nodes_[i].word = tree[i].word;
    edges_.insert(edges_.end(), tree[i].edges.begin(), tree[i].edges.end());
  }
  // Characters beyond ASCII are looked at one by one: some of them are ASCII in lower case.
  std::fill(may_begin_.begin() + 0x80, may_begin_.end(), true);
  for (const auto& [c, node] : tree[0].edges) {
    if (c >= 0x80) continue;
    may_begin_[c] = true;
    if (c >= 'a' && c <= 'z') may_begin_[c - ('a' - 'A')] = true;
  }

  // By length, so that the suffixes of a node are done before it.
  std::vector<std::uint32_t> order;
  for (const auto& [c, node] : tree[0].edges) order.push_back(node);
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const auto& [c, child] : tree[order[i]].edges) {
      auto suffix = nodes_[order[i]].fail;
      while (suffix != 0 && step(suffix, c) == 0) suffix = nodes_[suffix].fail;
      nodes_[child].fail = step(suffix, c);
      if (nodes_[child].word < 0) nodes_[child].word = nodes_[nodes_[child].fail].word;
      order.push_back(child);
    }
  }
}

std::uint32_t WordFinder::step(std::uint32_t node, char32_t c) const {
  const auto begin = edges_.begin() + nodes_[node].edges;
  const auto end = begin + nodes_[node].count;
  const auto edge = std::lower_bound(begin, end, c, [](const auto& a, char32_t b) { return a.first < b; });
  return edge != end && edge->first == c ? edge->second : 0;
}

bool WordFinder::surely_none(std::string_view text) const {
  if (rare_.empty()) return false;
  for (std::size_t i = 0; i < words_.size(); ++i)
    if (may_hold(text, words_[i], rare_[i])) return false;
  return true;
}

std::optional<std::string_view> WordFinder::find(std::string_view text) const {
  if (empty() || surely_none(text)) return std::nullopt;
  std::uint32_t node = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (node == 0 && !may_begin_[static_cast<unsigned char>(text[at])]) {  // the usual case
      ++at;
      continue;
    }
    const auto c = lower_case(next_code_point(text, at));
    auto next = step(node, c);
    while (next == 0 && node != 0) {
      node = nodes_[node].fail;
      next = step(node, c);
    }
    node = next;
    if (nodes_[node].word >= 0) return words_[static_cast<std::size_t>(nodes_[node].word)];
  }
  return std::nullopt;
}

}  // namespace tollgate::core
