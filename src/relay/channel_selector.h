// Which channel serves a request: candidates of a group and model by priority, then by weight.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"

namespace tollgate::relay {

struct Channel;  // relay/snapshot.h

struct Candidate {
  const Channel* channel = nullptr;
  std::int64_t priority = 0;
  std::int64_t weight = 0;  // ≥ 0
};

// `candidates` are in descending priority. `retry` 0 takes the highest priority, each further retry the next lower one,
// and past the last one the lowest again. Among those of one priority the draw is by weight; when all weights are zero,
// uniform. A single candidate is chosen whatever the retry. nullptr when there is none.
const Channel* select_channel(std::span<const Candidate> candidates, int retry, core::FastRandom& random);

}  // namespace tollgate::relay
