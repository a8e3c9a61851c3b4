// The protocol by itself, played for a million steps, and with mistakes planted that the play must find.
#include "unit/billing/balance_model.h"

namespace tollgate::billing::test {
namespace {

std::string name(Rules rules) {
  return rules == Rules::kStrict ? "Strict" : rules == Rules::kOverdraw ? "Overdraw" : "Rewind";
}

struct Table {
  int nodes;
  Rules rules;
};

class BalanceModel : public ::testing::TestWithParam<Table> {};

TEST_P(BalanceModel, I1_I2_I3_I4_I5_B9_HoldForAMillionStepsInAll) {
  for (std::uint64_t seed = 1; seed <= 7; ++seed) {  // 15 tables × 7 seeds × 10,000
    ModelWorld world(GetParam().nodes);
    Play play(world, GetParam().nodes, GetParam().rules, seed);
    auto broken = play.run(10'000);
    ASSERT_FALSE(broken) << *broken << ", seed " << seed;
    EXPECT_GT(play.count().admitted, 500);
    EXPECT_GT(play.count().settled, 300);
    EXPECT_GT(play.count().kills, 10);
    EXPECT_GT(play.count().quiet, 0);
    EXPECT_GT(play.count().gathered, 0);
    EXPECT_GT(play.count().replays, 0);
  }
}

std::vector<Table> every_table() {
  std::vector<Table> tables;
  for (int nodes = 1; nodes <= 5; ++nodes)
    for (auto rules : {Rules::kStrict, Rules::kOverdraw, Rules::kRewind}) tables.push_back({nodes, rules});
  return tables;
}
INSTANTIATE_TEST_SUITE_P(OneToFiveNodes, BalanceModel, ::testing::ValuesIn(every_table()),
                         [](const auto& info) { return std::to_string(info.param.nodes) + name(info.param.rules); });

class PlantedMistake : public ::testing::TestWithParam<std::pair<Planted, const char*>> {};

TEST_P(PlantedMistake, IsFound) {
  std::optional<std::string> broken;
  for (std::uint64_t seed = 1; seed <= 20 && !broken; ++seed) {
    ModelWorld world(3, GetParam().first);
    broken = Play(world, 3, Rules::kStrict, seed).run(10'000);
  }
  ASSERT_TRUE(broken) << "200,000 steps passed with the mistake in";
  EXPECT_TRUE(broken->starts_with(GetParam().second)) << *broken;
}

INSTANTIATE_TEST_SUITE_P(
    Each, PlantedMistake,
    ::testing::Values(std::pair{Planted::kOwnMark, "I1"}, std::pair{Planted::kUnflushedForgotten, "I2"},
                      std::pair{Planted::kOldSliceSpent, "I2"}, std::pair{Planted::kBalanceSeenBefore, "I3"},
                      std::pair{Planted::kReturnStillSpent, "I2"}, std::pair{Planted::kBalanceCharged, "I3"},
                      std::pair{Planted::kKeyUnchecked, "I2"}, std::pair{Planted::kIdleKept, "I5"},
                      std::pair{Planted::kReservedReturned, "I2"}, std::pair{Planted::kNobodyAsked, "I6"}));

}  // namespace
}  // namespace tollgate::billing::test
