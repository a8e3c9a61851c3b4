// One test a row of the table in docs/billing.md.
#include <gtest/gtest.h>

#include "relay/settle.h"

namespace tollgate::relay {
namespace {

constexpr std::int64_t kEstimate = 12;

EndOfRequest ended(End how) {
  EndOfRequest end;
  end.end = how;
  end.whole = how == End::kFinished;
  return end;
}

billing::Usage usage(std::int64_t prompt, std::int64_t completion) {
  billing::Usage out;
  out.prompt_tokens = prompt;
  out.completion_tokens = completion;
  out.total_tokens = prompt + completion;
  return out;
}

void expect(const EndOfRequest& end, std::int64_t prompt, std::int64_t completion, std::string_view rule) {
  auto billed = rule_of(end, kEstimate);
  EXPECT_EQ(billed.usage.prompt_tokens, prompt);
  EXPECT_EQ(billed.usage.completion_tokens, completion);
  EXPECT_EQ(billed.settled_by, rule);
}

}  // namespace

TEST(RuleOf, B1_B2_EndedWellWithUsageCostsIt) {
  auto end = ended(End::kFinished);
  end.output_seen = true;
  end.usage = usage(100, 50);
  end.counted_output = 999;
  EXPECT_FALSE(needs_estimate(end));
  expect(end, 100, 50, "upstream");
}

TEST(RuleOf, B1_EndedWellWithoutUsageIsCounted) {
  auto end = ended(End::kFinished);
  end.output_seen = true;
  end.counted_output = 40;
  EXPECT_TRUE(needs_estimate(end));
  expect(end, kEstimate, 40, "counted");
}

TEST(RuleOf, B1_EndedWellWithHalfAUsageTakesTheOtherHalfFromUs) {
  auto end = ended(End::kFinished);
  end.output_seen = true;
  end.counted_output = 40;
  end.usage = usage(0, 33);
  expect(end, kEstimate, 33, "counted");
}

TEST(RuleOf, B1_ClientGoneBeforeTheUpstreamWasCalledCostsNothing) {
  auto end = ended(End::kClientGone);
  end.taken = false;
  EXPECT_FALSE(needs_estimate(end));
  expect(end, 0, 0, "nothing");
}

TEST(RuleOf, B1_ClientGoneBeforeTheFirstByteCostsThePrompt) { expect(ended(End::kClientGone), kEstimate, 0, "prompt"); }

TEST(RuleOf, B1_ClientGoneBeforeTheFirstByteCostsTheOutputLimitToo) {
  auto end = ended(End::kClientGone);
  end.abandoned_output = 500;
  expect(end, kEstimate, 500, "prompt");
  end.usage = usage(100, 7);  // it came after all
  expect(end, 100, 7, "upstream");
}

TEST(RuleOf, B1_ClientGoneFromAnUpstreamThatRefusedCostsNothing) {
  auto end = ended(End::kClientGone);
  end.taken = false;
  end.abandoned_output = 500;
  EXPECT_FALSE(needs_estimate(end));
  expect(end, 0, 0, "nothing");
}

TEST(RuleOf, B1_ClientGoneInTheMiddleCostsPromptAndTheLargerCount) {
  auto end = ended(End::kClientGone);
  end.output_seen = true;
  end.counted_output = 40;
  expect(end, kEstimate, 40, "counted");
  end.usage = usage(100, 60);
  expect(end, 100, 60, "counted");
}

TEST(RuleOf, B1_ClientGoneAtTheEndCostsTheUsageThatCame) {
  auto end = ended(End::kClientGone);
  end.output_seen = true;
  end.whole = true;
  end.usage = usage(100, 60);
  expect(end, 100, 60, "upstream");
}

TEST(RuleOf, B1_BrokenOffBeforeAnyOutputCostsNothing) {
  for (auto how :
       {End::kUpstreamReset, End::kUpstreamErrorEvent, End::kIdleTimeout, End::kEmpty, End::kGatewayShutdown}) {
    EXPECT_FALSE(needs_estimate(ended(how)));
    expect(ended(how), 0, 0, "nothing");
  }
}

TEST(RuleOf, B1_BrokenOffInTheMiddleCostsWhatCame) {
  for (auto how : {End::kUpstreamReset, End::kUpstreamErrorEvent, End::kIdleTimeout, End::kGatewayShutdown}) {
    auto end = ended(how);
    end.output_seen = true;
    end.counted_output = 40;
    EXPECT_TRUE(needs_estimate(end));
    expect(end, kEstimate, 40, "counted");
  }
}

TEST(RuleOf, B1_PicturesWithoutUsageCountAsMany) {
  auto end = ended(End::kFinished);
  end.output_seen = true;
  end.unreported = usage(2, 0);
  EXPECT_FALSE(needs_estimate(end));
  expect(end, 2, 0, "counted");
  end.usage = usage(0, 4160);
  expect(end, 2, 4160, "upstream");
  end.usage = usage(50, 4160);
  expect(end, 50, 4160, "upstream");
}

TEST(RuleOf, B1_PicturesThatBrokeOffCostWhatCame) {
  auto end = ended(End::kUpstreamReset);
  end.output_seen = true;
  end.counted_output = 100;
  end.unreported = usage(2, 0);
  EXPECT_TRUE(needs_estimate(end));
  expect(end, kEstimate, 100, "counted");
}

}  // namespace tollgate::relay
