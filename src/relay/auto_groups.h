// The group of a request whose key is in the group "auto": the user's auto groups one after the other.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "core/random.h"
#include "relay/snapshot.h"

namespace tollgate::relay {

// Where the search for a channel stands.
struct AttemptCounter {
  int retry = 0;          // as the options count: 0 takes the highest priority
  std::size_t group = 0;  // place in the list of auto groups
  bool hold = false;      // the next attempt is the first one in its group
};

struct AutoKey {
  std::string_view user_group;
  bool crosses = false;  // when a group has had all its attempts the next one begins (cross_group_retry)
};

// The next channel for the model from the counter's place on, and its group; nullptr when no group is left. A group is
// asked by the counter's retry; one that is reached by moving on within the call begins at its highest priority.
const Channel* select_among_auto_groups(const Snapshot& snapshot, const AutoKey& key, std::string_view model,
                                        AttemptCounter& counter, core::FastRandom& random, std::string& group);

}  // namespace tollgate::relay
