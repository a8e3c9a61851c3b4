#include "redis/rate_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/shared_clock.h"
#include "redis_server.h"
#include "unit/set_clock.h"

namespace tollgate::redis {
namespace {

using core::RateRule;
using core::RateStep;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RedisRateLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Settings settings;
    settings.address = *parse_address(server_.url());
    client_ = *Client::start(std::move(settings));
    ASSERT_TRUE(client_->await_first(seconds(3)));
  }
  std::int64_t length(const std::string& key) { return client_->ask({"LLEN", key})->integer; }

  RedisServer server_;
  core::ManualClock clock_{1'750'000'000};
  std::int64_t nodes_ = 1;
  std::unique_ptr<Client> client_;
};

TEST_F(RedisRateLimitsTest, CountsAddressesInTheListsOfTheCompatibleProduct) {
  RedisRateLimits limits(*client_, clock_, [this] { return nodes_; });
  RateRule rule{3, 180};
  for (std::int64_t left : {2, 1, 0}) {
    auto answer = limits.ask_and_wait(RateStep::kTake, "GA192.0.2.1", rule);
    EXPECT_TRUE(answer.allowed);
    EXPECT_EQ(answer.remaining, left);
  }
  auto refused = limits.ask_and_wait(RateStep::kTake, "GA192.0.2.1", rule);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.reset, 180);
  EXPECT_EQ(length("rateLimit:GA192.0.2.1"), 3);
  EXPECT_EQ(client_->ask({"TTL", "rateLimit:GA192.0.2.1"})->integer, 1200);
  EXPECT_EQ(client_->ask({"LINDEX", "rateLimit:GA192.0.2.1", "0"})->text, list_time(1'750'000'000'000));
  clock_.advance(milliseconds(179'999));
  EXPECT_FALSE(limits.ask_and_wait(RateStep::kTake, "GA192.0.2.1", rule).allowed);
  clock_.advance(milliseconds(1));
  EXPECT_TRUE(limits.ask_and_wait(RateStep::kTake, "GA192.0.2.1", rule).allowed);
  EXPECT_EQ(limits.answered_alone(), 0U);
}

TEST_F(RedisRateLimitsTest, TellsHowManyOfAFullListAreStillWithinTheWindow) {
  RedisRateLimits limits(*client_, clock_, [this] { return nodes_; });
  RateRule rule{4, 60};
  for (int i = 0; i < 4; ++i) {
    limits.ask_and_wait(RateStep::kTake, "CT1", rule);
    clock_.advance(seconds(10));
  }
  clock_.advance(seconds(30));  // 70, 60, 50 and 40 seconds ago
  auto look = limits.ask_and_wait(RateStep::kLook, "CT1", rule);
  EXPECT_TRUE(look.allowed);
  EXPECT_EQ(look.remaining, 2);
  EXPECT_EQ(look.reset, 10);
  EXPECT_EQ(length("rateLimit:CT1"), 4);
}

TEST_F(RedisRateLimitsTest, CountsSuccessesApartFromLookingAtThem) {
  RedisRateLimits limits(*client_, clock_, [this] { return nodes_; });
  RateRule rule{2, 60};
  EXPECT_TRUE(limits.ask_and_wait(RateStep::kLook, "MRRLS7", rule).allowed);
  EXPECT_EQ(length("rateLimit:MRRLS:7"), 0);
  for (int i = 0; i < 3; ++i) limits.ask_and_wait(RateStep::kRecord, "MRRLS7", rule);
  EXPECT_EQ(length("rateLimit:MRRLS:7"), 2);
  EXPECT_EQ(client_->ask({"TTL", "rateLimit:MRRLS:7"})->integer, 60);
  EXPECT_FALSE(limits.ask_and_wait(RateStep::kLook, "MRRLS7", rule).allowed);
}

TEST_F(RedisRateLimitsTest, ToleratesTimesOfOtherZonesAndWhatIsNoTime) {
  RedisRateLimits limits(*client_, clock_, [this] { return nodes_; });
  RateRule rule{1, 60};
  client_->ask({"LPUSH", "rateLimit:GAa", list_time(1'750'000'000'000 + 8 * 3'600'000)});
  EXPECT_FALSE(limits.ask_and_wait(RateStep::kTake, "GAa", rule).allowed);
  client_->ask({"LPUSH", "rateLimit:GAb", "yesterday"});
  EXPECT_TRUE(limits.ask_and_wait(RateStep::kTake, "GAb", rule).allowed);
  EXPECT_EQ(length("rateLimit:GAb"), 1);
}

TEST_F(RedisRateLimitsTest, Chaos34_ANodeWhoseClockIsSetCountsByTheClusters) {
  test::SetClock set(clock_);
  core::SharedClock shared(set);
  shared.follow(std::chrono::milliseconds(0));  // the fixture's clock shows the same in both ways
  RedisRateLimits right(*client_, clock_, [this] { return nodes_; });
  RedisRateLimits wrong(*client_, shared, [this] { return nodes_; });
  RateRule rule{2, 60};
  set.set_by(std::chrono::hours(1));
  EXPECT_TRUE(wrong.ask_and_wait(RateStep::kTake, "GA192.0.2.9", rule).allowed);
  EXPECT_TRUE(right.ask_and_wait(RateStep::kTake, "GA192.0.2.9", rule).allowed);
  EXPECT_FALSE(wrong.ask_and_wait(RateStep::kTake, "GA192.0.2.9", rule).allowed);
  EXPECT_FALSE(right.ask_and_wait(RateStep::kTake, "GA192.0.2.9", rule).allowed);
  clock_.advance(seconds(60));
  set.set_by(std::chrono::hours(-2));
  EXPECT_TRUE(right.ask_and_wait(RateStep::kTake, "GA192.0.2.9", rule).allowed);
  EXPECT_TRUE(wrong.ask_and_wait(RateStep::kTake, "GA192.0.2.9", rule).allowed);
}

TEST_F(RedisRateLimitsTest, CountsAcrossTheEndOfFebruary) {
  // The list holds local times; the zone of this process stands for the cluster's.
  for (std::int64_t march : {1'709'251'200, 1'740'787'200}) {  // 1 March 2024 (leap year) and 2025, midnight UTC
    core::ManualClock clock(march - 5);
    RedisRateLimits limits(*client_, clock, [this] { return nodes_; });
    auto key = "GA" + std::to_string(march);
    EXPECT_TRUE(limits.ask_and_wait(RateStep::kTake, key, {1, 60}).allowed);
    clock.advance(seconds(10));
    auto refused = limits.ask_and_wait(RateStep::kTake, key, {1, 60});
    EXPECT_FALSE(refused.allowed);
    EXPECT_EQ(refused.reset, 50);
  }
}

TEST_F(RedisRateLimitsTest, TotalsAreABucketThatIsForgotten) {
  RedisRateLimits limits(*client_, clock_, [this] { return nodes_; });
  RateRule rule{3, 60};
  for (std::int64_t left : {2, 1, 0}) {
    auto answer = limits.ask_and_wait(RateStep::kTake, "MRRL7", rule);
    EXPECT_TRUE(answer.allowed);
    EXPECT_EQ(answer.remaining, left);
  }
  auto refused = limits.ask_and_wait(RateStep::kTake, "MRRL7", rule);
  EXPECT_FALSE(refused.allowed);
  EXPECT_GT(refused.reset, 0);
  EXPECT_LE(refused.reset, 20);
  EXPECT_LT(std::stoi(client_->ask({"HGET", "rateLimit:7", "tokens"})->text), 60);
  EXPECT_EQ(client_->ask({"TTL", "rateLimit:7"})->integer, 120);
  // As another node would have left it a window ago.
  auto last = std::stoll(client_->ask({"HGET", "rateLimit:7", "last_time"})->text);
  client_->ask({"HSET", "rateLimit:7", "last_time", std::to_string(last - 60)});
  EXPECT_TRUE(limits.ask_and_wait(RateStep::kTake, "MRRL7", rule).allowed);
}

TEST_F(RedisRateLimitsTest, R1_CountsAloneWithItsShareWhileRedisIsAway) {
  nodes_ = 3;
  RedisRateLimits limits(*client_, clock_, [this] { return nodes_; });
  server_.kill();
  ASSERT_TRUE(eventually([&] { return !client_->state().connected; }));
  RateRule rule{4, 60};
  int passed = 0;
  for (int i = 0; i < 4; ++i) passed += limits.ask_and_wait(RateStep::kTake, "GA1", rule).allowed ? 1 : 0;
  EXPECT_EQ(passed, 2);
  EXPECT_TRUE(limits.ask_and_wait(RateStep::kTake, "MRRL1", {1, 60}).allowed);
  EXPECT_EQ(limits.answered_alone(), 5U);
  server_.start();
  ASSERT_TRUE(eventually([&] { return client_->state().connected; }));
  EXPECT_EQ(limits.ask_and_wait(RateStep::kTake, "GA1", rule).remaining, 3);
}

}  // namespace
}  // namespace tollgate::redis
