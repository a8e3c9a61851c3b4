#include "core/rate_limit.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "unit/set_clock.h"

namespace tollgate::core {
namespace {

using std::chrono::seconds;

class RateLimit : public testing::Test {
 protected:
  RateAnswer take(std::string_view key = "k") { return limits_.count(RateStep::kTake, key, rule_); }

  ManualClock clock_;
  MemoryRateLimits limits_{clock_};
  RateRule rule_{3, 60};
};

}  // namespace

TEST_F(RateLimit, L4_SlidesOverTheWindowAndSaysWhenTheOldestLeaves) {
  EXPECT_EQ(take().remaining, 2);
  clock_.advance(seconds(10));
  EXPECT_EQ(take().remaining, 1);
  EXPECT_EQ(take().remaining, 0);
  clock_.advance(seconds(20));
  auto refused = take();
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.reset, 30);
  clock_.advance(seconds(29));
  EXPECT_FALSE(take().allowed);
  EXPECT_EQ(take().reset, 1);
  clock_.advance(seconds(1));
  EXPECT_TRUE(take().allowed);
  EXPECT_FALSE(take().allowed);
  EXPECT_EQ(take().reset, 10);
}

TEST_F(RateLimit, DoesNotCountWhatItRefused) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take().allowed);
  for (int i = 0; i < 59; ++i) {
    clock_.advance(seconds(1));
    EXPECT_FALSE(take().allowed);
  }
  clock_.advance(seconds(1));
  EXPECT_TRUE(take().allowed);
}

TEST_F(RateLimit, LooksWithoutCountingAndRecordsWithoutAsking) {
  auto step = [&](RateStep what) { return limits_.count(what, "k", rule_); };
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(step(RateStep::kLook).allowed);
  EXPECT_EQ(limits_.keys(), 0U);
  for (int i = 0; i < 3; ++i) step(RateStep::kRecord);
  EXPECT_FALSE(step(RateStep::kLook).allowed);
  step(RateStep::kRecord);
  clock_.advance(seconds(60));
  EXPECT_EQ(step(RateStep::kLook).remaining, 3);
}

TEST_F(RateLimit, KeysDoNotShareACount) {
  for (int i = 0; i < 3; ++i) take("a");
  EXPECT_FALSE(take("a").allowed);
  EXPECT_TRUE(take("b").allowed);
}

TEST_F(RateLimit, FollowsARuleThatChanges) {
  for (int i = 0; i < 3; ++i) take();
  rule_.count = 5;
  EXPECT_EQ(take().remaining, 1);
  rule_.count = 2;
  EXPECT_FALSE(take().allowed);
  rule_.seconds = 0;
  EXPECT_TRUE(take().allowed);
}

TEST_F(RateLimit, ZeroRefusesEverything) {
  rule_.count = 0;
  EXPECT_FALSE(take().allowed);
  EXPECT_EQ(take().reset, 60);
}

TEST_F(RateLimit, SurvivesAClockThatIsSetBack) {
  for (int i = 0; i < 3; ++i) take();
  clock_.advance(seconds(-30));
  EXPECT_FALSE(take().allowed);
  clock_.advance(seconds(90));
  EXPECT_TRUE(take().allowed);
}

TEST(RateLimitClock, Chaos34_AClockThatIsSetMovesNoLimit) {
  ManualClock going;
  test::SetClock clock(going);
  MemoryRateLimits limits(clock);
  RateRule rule{3, 60};
  auto take = [&] { return limits.count(RateStep::kTake, "k", rule).allowed; };
  for (auto by : {std::chrono::hours(1), std::chrono::hours(-2)}) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(take());
    clock.set_by(by);
    EXPECT_FALSE(take());
    going.advance(seconds(59));
    EXPECT_FALSE(take());
    going.advance(seconds(1));
  }
  EXPECT_TRUE(take());
}

TEST_F(RateLimit, ForgetsKeysWhoseWindowIsOver) {
  for (int i = 0; i < 1000; ++i) take("k" + std::to_string(i));
  EXPECT_EQ(limits_.keys(), 1000U);
  clock_.advance(seconds(60));
  for (int i = 0; i < 64; ++i) limits_.count(RateStep::kLook, "other" + std::to_string(i), rule_);
  EXPECT_LT(limits_.keys(), 64U);
}

TEST_F(RateLimit, ManyThreadsGetExactlyTheLimit) {
  rule_.count = 1000;
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) passed += take().allowed;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(passed, 1000);
}

TEST_F(RateLimit, WaitsForAnAnswerThatComesFromElsewhere) {
  class Elsewhere final : public RateLimits {
   public:
    ~Elsewhere() override { thread_.join(); }
    void ask(RateStep, std::string_view, RateRule, Done done) override {
      thread_ = std::thread([done] { done({false, 0, 7}); });
    }

   private:
    std::thread thread_;
  };
  Elsewhere limits;
  EXPECT_EQ(limits.ask_and_wait(RateStep::kTake, "k", rule_).reset, 7);
}

}  // namespace tollgate::core
