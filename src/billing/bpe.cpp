#include "billing/bpe.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <queue>
#include <string>
#include <utility>

#include "billing/bpe_split.h"

extern "C" {
extern const unsigned char tollgate_bpe_cl100k_begin[], tollgate_bpe_cl100k_end[];
extern const unsigned char tollgate_bpe_o200k_begin[], tollgate_bpe_o200k_end[];
}

namespace tollgate::billing {

namespace {

using Rank = std::uint32_t;
constexpr Rank kNoRank = std::numeric_limits<Rank>::max();

// Above this many bytes a piece is merged with a heap: the plain loop is quadratic.
constexpr std::size_t kLongPiece = 200;

// Token bytes → rank: open addressing over the packed blob, whose bytes are the keys.
class RankTable {
 public:
  RankTable(const unsigned char* begin, const unsigned char* end) : blob_(reinterpret_cast<const char*>(begin)) {
    const auto size = static_cast<std::size_t>(end - begin);
    for (std::size_t at = 0; at < size; at += 1 + length(at)) offsets_.push_back(static_cast<std::uint32_t>(at));
    slots_.assign(std::bit_ceil(offsets_.size() * 2), 0);
    for (std::size_t rank = 0; rank < offsets_.size(); ++rank) {
      const std::string_view key = token(offsets_[rank]);
      longest_ = std::max(longest_, key.size());
      std::size_t slot = hash(key) & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<std::uint32_t>(rank + 1);
    }
  }

  Rank find(std::string_view key) const {
    if (key.size() > longest_) return kNoRank;
    for (std::size_t slot = hash(key) & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
      const std::uint32_t found = slots_[slot];
      if (found == 0) return kNoRank;
      if (token(offsets_[found - 1]) == key) return found - 1;
    }
  }

 private:
  std::size_t length(std::size_t at) const { return static_cast<unsigned char>(blob_[at]); }
  std::string_view token(std::size_t at) const { return {blob_ + at + 1, length(at)}; }

  static std::size_t hash(std::string_view key) {
    constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
    std::uint64_t mixed = key.size() * kFactor;
    const auto mix = [&](std::uint64_t word) {
      mixed = (mixed ^ word) * kFactor;
      mixed ^= mixed >> 32U;
    };
    std::uint64_t word = 0;
    for (; key.size() >= sizeof word; key.remove_prefix(sizeof word)) {
      std::memcpy(&word, key.data(), sizeof word);
      mix(word);
    }
    word = 0;
    std::memcpy(&word, key.data(), key.size());
    mix(word);
    return static_cast<std::size_t>(mixed);
  }

  const char* blob_;
  std::vector<std::uint32_t> offsets_;  // by rank
  std::vector<std::uint32_t> slots_;    // rank + 1, 0 = free; at most half full
  std::size_t longest_ = 0;
};

const RankTable& table(Encoding encoding) {
  if (encoding == Encoding::kCl100k) {
    static const RankTable cl100k(tollgate_bpe_cl100k_begin, tollgate_bpe_cl100k_end);
    return cl100k;
  }
  static const RankTable o200k(tollgate_bpe_o200k_begin, tollgate_bpe_o200k_end);
  return o200k;
}

// Merges the pair of lowest rank until none is left; each(rank) for what remains. For pieces up to kLongPiece.
template <class Each>
void merge_short(const RankTable& ranks, std::string_view piece, Each each) {
  struct Part {
    std::size_t start;
    Rank rank;  // of this part together with the next one
  };
  std::array<Part, kLongPiece + 1> parts;
  std::size_t count = piece.size() + 1;  // the last one is the end
  const auto pair_rank = [&](std::size_t i) {
    return i + 2 < count ? ranks.find(piece.substr(parts[i].start, parts[i + 2].start - parts[i].start)) : kNoRank;
  };
  for (std::size_t i = 0; i < count; ++i) parts[i] = {i, kNoRank};
  for (std::size_t i = 0; i < count; ++i) parts[i].rank = pair_rank(i);
  for (;;) {
    const auto end = parts.begin() + static_cast<std::ptrdiff_t>(count);
    const auto least =
        std::min_element(parts.begin(), end, [](const Part& a, const Part& b) { return a.rank < b.rank; });
    if (least->rank == kNoRank) break;
    std::move(least + 2, end, least + 1);
    --count;
    const auto i = static_cast<std::size_t>(least - parts.begin());
    parts[i].rank = pair_rank(i);
    if (i > 0) parts[i - 1].rank = pair_rank(i - 1);
  }
  for (std::size_t i = 0; i + 1 < count; ++i) {
    each(ranks.find(piece.substr(parts[i].start, parts[i + 1].start - parts[i].start)));
  }
}

// The same result by a heap of candidate merges over a linked list of parts.
template <class Each>
void merge_long(const RankTable& ranks, std::string_view piece, Each each) {
  const auto size = static_cast<std::uint32_t>(piece.size());
  std::vector<std::uint32_t> next(size + 1), previous(size + 1);
  std::vector<Rank> pair(size + 1, kNoRank);  // by the start of a part; what the heap says must agree
  using Candidate = std::pair<Rank, std::uint32_t>;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
  const auto rank_pair = [&](std::uint32_t start) {
    const std::uint32_t middle = next[start];
    pair[start] = middle < size ? ranks.find(piece.substr(start, next[middle] - start)) : kNoRank;
    if (pair[start] != kNoRank) heap.emplace(pair[start], start);
  };
  for (std::uint32_t i = 0; i <= size; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;  // of the first one: not used
  }
  for (std::uint32_t i = 0; i < size; ++i) rank_pair(i);
  while (!heap.empty()) {
    const auto [rank, start] = heap.top();
    heap.pop();
    if (pair[start] != rank) continue;
    const std::uint32_t gone = next[start];
    next[start] = next[gone];
    if (next[start] < size) previous[next[start]] = start;
    pair[gone] = kNoRank;
    rank_pair(start);
    if (start > 0) rank_pair(previous[start]);
  }
  for (std::uint32_t start = 0; start < size; start = next[start]) {
    each(ranks.find(piece.substr(start, next[start] - start)));
  }
}

// Calls each(rank) for every token of the text.
template <class Each>
void for_tokens(Encoding encoding, std::string_view text, Each each) {
  std::string repaired;
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    std::size_t size = 0;
    for (std::size_t at = 0; at < text.size(); at += size) {
      const char32_t c = decode_utf8(text, at, size);
      repaired.append(c == 0xFFFD ? std::string_view("\xEF\xBF\xBD") : text.substr(at, size));
    }
    text = repaired;
  }
  const RankTable& ranks = table(encoding);
  PieceSplitter splitter(encoding, text);
  for (std::string_view piece; splitter.next(piece);) {
    if (const Rank whole = ranks.find(piece); whole != kNoRank) {
      each(whole);
    } else if (piece.size() <= kLongPiece) {
      merge_short(ranks, piece, each);
    } else {
      merge_long(ranks, piece, each);
    }
  }
}

}  // namespace

std::optional<Encoding> encoding_of(std::string_view model) {
  std::string lower(model);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto names = [&](std::string_view part) { return lower.find(part) != lower.npos; };
  if (!names("gpt-") && !names("o1") && !names("o3") && !names("o4") && !names("chatgpt")) return std::nullopt;
  for (const std::string_view name : {"gpt-4o", "o3-mini"}) {
    if (model == name) return Encoding::kO200k;
  }
  for (const std::string_view prefix : {"o1-", "gpt-4o-", "chatgpt-4o-"}) {
    if (model.starts_with(prefix)) return Encoding::kO200k;
  }
  return Encoding::kCl100k;
}

std::int64_t count_bpe_tokens(Encoding encoding, std::string_view text) {
  std::int64_t count = 0;
  for_tokens(encoding, text, [&](Rank) { ++count; });
  return count;
}

std::vector<std::uint32_t> encode_bpe(Encoding encoding, std::string_view text) {
  std::vector<std::uint32_t> ids;
  for_tokens(encoding, text, [&](Rank rank) { ids.push_back(rank); });
  return ids;
}

void load_encoding(Encoding encoding) { table(encoding); }

}  // namespace tollgate::billing
