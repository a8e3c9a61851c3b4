#include "relay/channel_sweeps.h"

#include <gtest/gtest.h>

namespace tollgate::relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::optional<milliseconds> period(core::OptionRows rows, SweepSettings settings = {}) {
  return test_period(settings, core::Options(rows));
}

class Sweeps : public testing::Test {
 protected:
  void SetUp() override { options({}); }
  void options(core::OptionRows rows) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->options = std::make_shared<const core::Options>(rows);
    snapshots_.replace(snapshot);
  }
  void make(SweepSettings settings) {
    sweeps_ =
        std::make_unique<ChannelSweeps>(settings, snapshots_, clock_,
                                        ChannelSweeps::Jobs{.begin_tests = [this] { ++tests_; },
                                                            .tests_running = [this] { return running_; },
                                                            .balances = [this] { ++balances_; },
                                                            .may_run = [this](std::string_view) { return may_run_; }});
    sweeps_->step();
  }
  void pass(seconds time) {
    clock_.advance(time);
    sweeps_->step();
  }

  core::ManualClock clock_;
  SnapshotHolder snapshots_;
  std::unique_ptr<ChannelSweeps> sweeps_;
  int tests_ = 0, balances_ = 0;
  bool running_ = false, may_run_ = true;
};

const core::OptionRows kEveryTwoMinutes{{"monitor_setting.auto_test_channel_enabled", "true"},
                                        {"monitor_setting.auto_test_channel_minutes", "2"}};

}  // namespace

TEST(TestPeriod, IsOfTheOptionsInWholeMinutesUnlessTheVariableSaysOtherwise) {
  auto minutes_of = [](std::string text) {
    return period(
        {{"monitor_setting.auto_test_channel_enabled", "true"}, {"monitor_setting.auto_test_channel_minutes", text}});
  };
  EXPECT_EQ(period({}), std::nullopt);
  EXPECT_EQ(period({{"monitor_setting.auto_test_channel_enabled", "true"}}), minutes(10));
  EXPECT_EQ(minutes_of("2.4"), minutes(2));
  EXPECT_EQ(minutes_of("0.5"), minutes(1));
  EXPECT_EQ(minutes_of("0.1"), seconds(6));
  EXPECT_EQ(minutes_of("0.0001"), seconds(1));
  EXPECT_EQ(period({}, {.test_every = minutes(7), .balance_every = {}}), minutes(7));
  EXPECT_EQ(period(kEveryTwoMinutes, {.test_every = minutes(7), .balance_every = {}}), minutes(7));
}

TEST_F(Sweeps, TestsRunOnceAPeriodWhileTheOptionIsOn) {
  make({});
  pass(minutes(60));
  EXPECT_EQ(tests_, 0);
  options(kEveryTwoMinutes);
  pass(seconds(1));
  pass(seconds(119));
  EXPECT_EQ(tests_, 0);
  pass(seconds(1));
  EXPECT_EQ(tests_, 1);
  pass(seconds(1));
  EXPECT_EQ(tests_, 1);
  pass(minutes(2));
  EXPECT_EQ(tests_, 2);
  options({});
  pass(minutes(60));
  EXPECT_EQ(tests_, 2);
}

TEST_F(Sweeps, ThePeriodIsCountedFromTheEndOfARunWhoeverBeganIt) {
  options(kEveryTwoMinutes);
  make({});
  pass(minutes(2));
  EXPECT_EQ(tests_, 1);
  running_ = true;
  pass(minutes(30));
  EXPECT_EQ(tests_, 1);
  running_ = false;
  pass(seconds(119));
  EXPECT_EQ(tests_, 1);
  pass(seconds(1));
  EXPECT_EQ(tests_, 2);
}

TEST_F(Sweeps, BalancesFollowTheirVariableAlone) {
  make({.test_every = {}, .balance_every = minutes(5)});
  pass(seconds(299));
  EXPECT_EQ(balances_, 0);
  pass(seconds(1));
  EXPECT_EQ(balances_, 1);
  pass(minutes(5));
  EXPECT_EQ(balances_, 2);
  EXPECT_EQ(tests_, 0);
}

TEST_F(Sweeps, NothingRunsOnANodeThatMayNot) {
  may_run_ = false;
  make({.test_every = minutes(1), .balance_every = minutes(1)});
  pass(minutes(10));
  pass(minutes(10));
  EXPECT_EQ(tests_ + balances_, 0);
  may_run_ = true;
  pass(minutes(1));
  EXPECT_EQ(tests_, 1);
  EXPECT_EQ(balances_, 1);
}

}  // namespace tollgate::relay
