#include "relay/channel_selector.h"

#include <gtest/gtest.h>

#include <map>

namespace tollgate::relay {
namespace {

// Channels are only compared by address here.
const Channel* fake(std::uintptr_t n) { return reinterpret_cast<const Channel*>(n * 16); }

std::map<const Channel*, int> draws(const std::vector<Candidate>& candidates, int retry, int count = 20'000) {
  core::FastRandom random(7);
  std::map<const Channel*, int> seen;
  for (int i = 0; i < count; ++i) ++seen[select_channel(candidates, retry, random)];
  return seen;
}

}  // namespace

TEST(ChannelSelector, FindsNothingAmongNone) {
  core::FastRandom random(1);
  EXPECT_EQ(select_channel({}, 0, random), nullptr);
}

TEST(ChannelSelector, PrefersHigherPriorityUntilItIsExhausted) {
  std::vector<Candidate> candidates{{fake(1), 10, 0}, {fake(2), 5, 0}, {fake(3), 5, 0}};
  EXPECT_EQ(draws(candidates, 0).size(), 1U);
  EXPECT_TRUE(draws(candidates, 0).contains(fake(1)));
  EXPECT_EQ(draws(candidates, 1).size(), 2U);
  EXPECT_FALSE(draws(candidates, 2).contains(fake(1)));
}

TEST(ChannelSelector, TakesTheOnlyCandidateWhateverTheRetry) {
  EXPECT_TRUE(draws({{fake(1), 3, 0}}, 9).contains(fake(1)));
}

TEST(ChannelSelector, DrawsByWeight) {
  auto seen = draws({{fake(1), 0, 3}, {fake(2), 0, 1}}, 0);
  EXPECT_NEAR(seen[fake(1)], 15'000, 400);
  EXPECT_NEAR(seen[fake(2)], 5'000, 400);
}

TEST(ChannelSelector, DrawsUniformlyWhenAllWeightsAreZero) {
  for (const auto& [channel, count] : draws({{fake(1), 0, 0}, {fake(2), 0, 0}, {fake(3), 0, 0}, {fake(4), 0, 0}}, 0))
    EXPECT_NEAR(count, 5'000, 400);
}

TEST(ChannelSelector, NeverChoosesZeroWeightBesideOthers) {
  EXPECT_FALSE(draws({{fake(1), 0, 20}, {fake(2), 0, 0}}, 0).contains(fake(2)));
}

}  // namespace tollgate::relay
