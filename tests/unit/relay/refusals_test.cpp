#include "relay/refusals.h"

#include <gtest/gtest.h>

namespace tollgate::relay {

using dialect::gate_error;
using dialect::gateway_error;

TEST(Refusals, O2_EveryErrorHasAReason) {
  EXPECT_EQ(refusal_of(gate_error(401, "x")), Refusal::kKey);
  EXPECT_EQ(refusal_of(gate_error(403, "x", "access_denied")), Refusal::kRights);
  EXPECT_EQ(refusal_of(gate_error(413, "x")), Refusal::kRequest);
  EXPECT_EQ(refusal_of(gate_error(429, "x")), Refusal::kLimit);
  EXPECT_EQ(refusal_of(gateway_error(400, "sensitive_words_detected", "x")), Refusal::kRequest);
  EXPECT_EQ(to_string(Refusal::kLimit), "limit");
  EXPECT_EQ(to_string(Refusal::kOther), "other");
  EXPECT_EQ(refusal_of(gate_error(503, "x", "model_not_found")), Refusal::kNoChannel);
  EXPECT_EQ(refusal_of(gate_error(503, "x", "auth_backend_unavailable")), Refusal::kDatabaseAway);
  EXPECT_EQ(refusal_of(dialect::invalid_request("x")), Refusal::kRequest);
  EXPECT_EQ(refusal_of(gateway_error(403, "insufficient_user_quota", "x")), Refusal::kNoMoney);
  EXPECT_EQ(refusal_of(gateway_error(503, "billing_unavailable", "x")), Refusal::kDatabaseAway);
  EXPECT_EQ(refusal_of(gateway_error(503, "overloaded", "x")), Refusal::kOverloaded);
  EXPECT_EQ(refusal_of(gateway_error(400, "model_price_error", "x")), Refusal::kNoPrice);
  EXPECT_EQ(refusal_of(gateway_error(500, "get_channel_failed", "x")), Refusal::kNoChannel);
  EXPECT_EQ(refusal_of(gateway_error(500, "channel:no_available_key", "x")), Refusal::kChannel);
  EXPECT_EQ(refusal_of(dialect::upstream_unreachable("x")), Refusal::kUnreachable);
  EXPECT_EQ(refusal_of(dialect::bad_answer("empty_response", "x")), Refusal::kUpstreamUnusable);
  EXPECT_EQ(refusal_of(dialect::read_upstream_error(429, "{}", {})), Refusal::kUpstreamRefused);
  // A quota of the upstream's is none of ours.
  EXPECT_EQ(refusal_of(
                dialect::read_upstream_error(403, R"({"error":{"message":"m","code":"insufficient_user_quota"}})", {})),
            Refusal::kUpstreamRefused);
  EXPECT_EQ(refusal_of(gateway_error(500, "something_new", "x")), Refusal::kOther);
}

TEST(Refusals, O2_AreAllCountedAndNowAndThenLogged) {
  RefusalCounts counts;
  core::ManualClock clock;
  EXPECT_EQ(counts.count(Refusal::kKey, clock.steady()), 1U);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(counts.count(Refusal::kKey, clock.steady()), 0U);
  EXPECT_EQ(counts.count(Refusal::kRights, clock.steady()), 1U);
  clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(counts.count(Refusal::kKey, clock.steady()), 501U);
  EXPECT_EQ(counts.of(Refusal::kKey), 502U);
  EXPECT_EQ(counts.of(Refusal::kRights), 1U);
  EXPECT_EQ(counts.of(Refusal::kOther), 0U);
}

}  // namespace tollgate::relay
