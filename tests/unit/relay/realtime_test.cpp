#include "relay/realtime.h"

#include <gtest/gtest.h>

namespace tollgate::relay {
namespace {

TEST(Realtime, TheUpstreamsAddressHasTheModelAsItKnowsItAndTheRestAsItCame) {
  EXPECT_EQ(realtime_query("model=a&intent=x%2Fy", "a"), "model=a&intent=x%2Fy");
  EXPECT_EQ(realtime_query("intent=x&model=a", "b/c d"), "intent=x&model=b%2Fc+d");
  EXPECT_EQ(realtime_query("model=%61&model=z", "a"), "model=%61&model=a") << "a second one would be another word";
  EXPECT_EQ(realtime_query("", "a"), "");
}

TEST(Realtime, OnlyModelsAndClientsOfTheBetaTellItsUpstreamSo) {
  EXPECT_TRUE(speaks_realtime_beta("gpt-4o-realtime-preview", "", ""));
  EXPECT_FALSE(speaks_realtime_beta("gpt-realtime-mini", "realtime, openai-insecure-api-key.x", ""));
  EXPECT_TRUE(speaks_realtime_beta("gpt-realtime", "realtime, openai-beta.realtime-v1", ""));
  EXPECT_TRUE(speaks_realtime_beta("gpt-realtime", "", "realtime=v1"));
}

}  // namespace
}  // namespace tollgate::relay
