#include "relay/channel_selector.h"

namespace tollgate::relay {

const Channel* select_channel(std::span<const Candidate> candidates, int retry, core::FastRandom& random) {
  if (candidates.empty()) return nullptr;
  if (candidates.size() == 1) return candidates.front().channel;

  std::size_t begin = 0;
  std::size_t end = 0;
  for (int level = 0;; ++level) {
    begin = end;
    while (end < candidates.size() && candidates[end].priority == candidates[begin].priority) ++end;
    if (level == retry || end == candidates.size()) break;
  }

  auto kept = candidates.subspan(begin, end - begin);
  std::uint64_t sum = 0;
  for (const auto& candidate : kept) sum += static_cast<std::uint64_t>(candidate.weight);
  if (sum == 0) return kept[random.below(kept.size())].channel;
  auto drawn = random.below(sum);
  for (const auto& candidate : kept) {
    if (drawn < static_cast<std::uint64_t>(candidate.weight)) return candidate.channel;
    drawn -= static_cast<std::uint64_t>(candidate.weight);
  }
  return kept.back().channel;
}

}  // namespace tollgate::relay
