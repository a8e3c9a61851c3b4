#include "relay/auto_groups.h"

namespace tollgate::relay {

const Channel* select_among_auto_groups(const Snapshot& snapshot, const AutoKey& key, std::string_view model,
                                        AttemptCounter& counter, core::FastRandom& random, std::string& group) {
  const auto& groups = snapshot.relay.auto_groups;
  for (; counter.group < groups.size(); ++counter.group) {
    const auto& name = groups[counter.group];
    if (!snapshot.group_usable(key.user_group, name)) continue;
    const auto* channel = select_channel(snapshot.find(name, model), counter.retry, random);
    if (!channel) {
      counter.retry = 0;
      continue;
    }
    group = name;
    if (key.crosses && counter.retry >= snapshot.relay.retry_times) {
      ++counter.group;
      counter.retry = 0;
      counter.hold = true;
    }
    return channel;
  }
  return nullptr;
}

}  // namespace tollgate::relay
