#include "relay/routing.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "relay/auto_groups.h"

namespace tollgate::relay {
namespace {

// Groups a and b with two priorities each, group c without a channel for the model.
class AutoGroups : public testing::Test {
 protected:
  AutoGroups() {
    for (auto [group, priority] : {std::pair{"a", 10}, {"a", 5}, {"b", 10}, {"b", 5}}) {
      auto channel = std::make_unique<Channel>();
      channel->id = core::ChannelId{static_cast<std::int64_t>(snapshot_.channels.size()) + 1};
      snapshot_.candidates[group]["m"].push_back({channel.get(), priority, 0});
      snapshot_.channels.push_back(std::move(channel));
    }
    snapshot_.relay.auto_groups = {"c", "a", "unusable", "b"};
    snapshot_.relay.usable_groups = {{"a", ""}, {"b", ""}, {"c", ""}};
    snapshot_.candidates["unusable"]["m"] = snapshot_.candidates["a"]["m"];
  }

  // Group and channel of each attempt while all of them fail, as the pipeline makes them.
  std::vector<std::string> attempts(int retry_times, bool crosses) {
    snapshot_.relay.retry_times = retry_times;
    std::vector<std::string> seen;
    std::string group;
    AttemptCounter first, counter;
    auto next = [&](AttemptCounter& by) {
      const auto* channel = select_among_auto_groups(snapshot_, {"default", crosses}, "m", by, random_, group);
      seen.push_back(channel ? group + std::to_string(channel->id.value) : "none");
      return channel != nullptr;
    };
    if (!next(first)) return seen;
    counter.group = first.group;
    while (counter.retry < retry_times) {
      if (!std::exchange(counter.hold, false)) ++counter.retry;
      if (counter.retry > retry_times || !next(counter)) break;
    }
    return seen;
  }

  Snapshot snapshot_;
  core::FastRandom random_{7};
};

Channel with_keys(KeyChoice choice, std::size_t all, std::initializer_list<int> enabled) {
  Channel channel;
  channel.several_keys = true;
  channel.key_choice = choice;
  channel.all_keys = all;
  for (int index : enabled) channel.keys.push_back({"k" + std::to_string(index), index});
  channel.next_key = std::make_shared<std::atomic<std::uint32_t>>(0);
  return channel;
}

std::vector<int> indices(const Channel& channel, int count) {
  core::FastRandom random(7);
  std::vector<int> seen;
  for (int i = 0; i < count; ++i) seen.push_back(pick_key(channel, random).index);
  return seen;
}

}  // namespace

TEST_F(AutoGroups, GoOnToTheNextGroupWhenOneHasHadItsAttempts) {
  EXPECT_EQ(attempts(1, true), (std::vector<std::string>{"a1", "a2", "b3", "b4", "none"}));
}

TEST_F(AutoGroups, StayInTheirGroupWithoutTheFlag) {
  EXPECT_EQ(attempts(1, false), (std::vector<std::string>{"a1", "a2"}));
  EXPECT_EQ(attempts(2, false), (std::vector<std::string>{"a1", "a2", "a2"}));
}

TEST_F(AutoGroups, MakeOneAttemptWithoutRetries) { EXPECT_EQ(attempts(0, true), (std::vector<std::string>{"a1"})); }

TEST_F(AutoGroups, AreThoseThatTheUserMayUse) {
  snapshot_.relay.usable_groups = {{"b", ""}};
  EXPECT_EQ(attempts(1, true), (std::vector<std::string>{"b3", "b4", "none"}));
  snapshot_.relay.usable_groups = {};
  EXPECT_EQ(attempts(1, true), (std::vector<std::string>{"none"}));
}

TEST(PickKey, TakesTurnsAmongTheEnabledKeys) {
  EXPECT_EQ(indices(with_keys(KeyChoice::kPolling, 5, {0, 2, 4}), 5), (std::vector<int>{0, 2, 4, 0, 2}));
}

TEST(PickKey, BeginsWhereTheTurnsWere) {
  auto channel = with_keys(KeyChoice::kPolling, 5, {0, 2, 4});
  *channel.next_key = 3;
  EXPECT_EQ(indices(channel, 2), (std::vector<int>{4, 0}));
  *channel.next_key = 99;  // a list that has become shorter
  EXPECT_EQ(indices(channel, 2), (std::vector<int>{0, 2}));
}

TEST(PickKey, SharesTheTurnsAmongWorkers) {
  auto channel = with_keys(KeyChoice::kPolling, 4, {0, 1, 2, 3});
  std::array<std::atomic<int>, 4> seen{};
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker)
    workers.emplace_back([&] {
      for (int index : indices(channel, 1000)) ++seen[static_cast<std::size_t>(index)];
    });
  for (auto& worker : workers) worker.join();
  for (const auto& count : seen) EXPECT_EQ(count, 1000);
}

TEST(PickKey, DrawsAtRandomOrTakesTheFirst) {
  auto drawn = indices(with_keys(KeyChoice::kRandom, 3, {0, 2}), 1000);
  EXPECT_EQ(std::set(drawn.begin(), drawn.end()), (std::set<int>{0, 2}));
  EXPECT_EQ(indices(with_keys(KeyChoice::kFirst, 3, {1, 2}), 3), (std::vector<int>{1, 1, 1}));
}

TEST(SnapshotHolder, LetsTurnsGoOnOverAReload) {
  auto snapshot = [] {
    auto made = std::make_shared<Snapshot>();
    auto channel = with_keys(KeyChoice::kPolling, 3, {0, 1, 2});
    channel.id = core::ChannelId{4};
    made->channels.push_back(std::make_unique<const Channel>(std::move(channel)));
    return made;
  };
  SnapshotHolder holder;
  holder.replace(snapshot());
  EXPECT_EQ(indices(*holder.get()->channels[0], 2), (std::vector<int>{0, 1}));
  holder.replace(snapshot());
  EXPECT_EQ(indices(*holder.get()->channels[0], 2), (std::vector<int>{2, 0}));
}

}  // namespace tollgate::relay
