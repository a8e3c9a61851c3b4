#include "app/components.h"

#include <gtest/gtest.h>

#include "app/counted_limits.h"

namespace tollgate::app {
namespace {

TEST(Components, C5_APartThatChangesIsTimedFromItsChangeAndShownInTheMetrics) {
  core::ManualClock clock(1000);
  Components components(clock);
  Condition condition;
  components.add("redis", [&] { return condition; });
  components.add("sql", [] { return Condition{}; });
  components.look();
  clock.advance(std::chrono::seconds(5));
  condition = {Wellness::kAway, "no \"answer\""};
  components.look();
  clock.advance(std::chrono::seconds(5));
  condition.detail = "still none";
  components.look();
  EXPECT_EQ(components.json(), R"({"redis":{"status":"away","since":1005,"detail":"still none"},)"
                               R"("sql":{"status":"ok","since":1000,"detail":""}})");
  core::MetricsText text;
  components.write(text);
  EXPECT_NE(text.text().find(R"(tollgate_component_state{component="redis",state="away"} 1)"), std::string::npos);
  EXPECT_NE(text.text().find(R"(tollgate_component_state{component="redis",state="ok"} 0)"), std::string::npos);
  condition = {};
  components.look();
  EXPECT_NE(components.json().find(R"("redis":{"status":"ok","since":1010)"), std::string::npos);
}

TEST(CountedLimits, CountsRefusalsByTheirLimitAndWhoCounted) {
  core::ManualClock clock;
  core::MemoryRateLimits memory(clock);
  auto backend = CountedLimits::kLocal;
  CountedLimits limits(memory, [&] { return backend; });
  auto take = [&](std::string_view key) { return limits.ask_and_wait(core::RateStep::kTake, key, {1, 60}).allowed; };
  EXPECT_TRUE(take("GA10.0.0.1"));
  EXPECT_FALSE(take("GA10.0.0.1"));
  EXPECT_TRUE(take("MRRLS7"));
  backend = CountedLimits::kRedis;
  EXPECT_FALSE(take("MRRLS7"));
  core::MetricsText text;
  limits.write(text);
  EXPECT_NE(text.text().find(R"({limit="GA",backend="local"} 1)"), std::string::npos) << text.text();
  EXPECT_NE(text.text().find(R"({limit="model_success",backend="redis"} 1)"), std::string::npos) << text.text();
  EXPECT_EQ(text.text().find("model_total"), std::string::npos) << text.text();
}

}  // namespace
}  // namespace tollgate::app
