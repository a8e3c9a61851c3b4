#include "dialect/openai_reasoning.h"

#include <gtest/gtest.h>

namespace tollgate::dialect {
namespace {

struct Adapted {
  std::string model;
  std::string body;
};

Adapted adapt(std::string model, std::string_view body) {
  core::JsonEditor editor(body);
  adapt_to_reasoning_model(model, editor, body);
  return {model, editor.text()};
}

}  // namespace

TEST(OpenAiReasoning, F1_LeavesOtherModelsAlone) {
  constexpr std::string_view body =
      R"({"max_tokens":5,"temperature":0.10,"messages":[{"role":"system","content":"x"}]})";
  for (auto model : {"gpt-4o", "openchat-3", "olmo", "deepseek-chat"})
    EXPECT_EQ(adapt(model, body).body, body) << model;
}

TEST(OpenAiReasoning, MovesTheOutputLimit) {
  EXPECT_EQ(adapt("o3", R"({"max_tokens":5,"n":1})").body, R"({"max_completion_tokens":5,"n":1})");
  EXPECT_EQ(adapt("gpt-5", R"({"max_tokens":5,"max_completion_tokens":6})").body,
            R"({"max_tokens":5,"max_completion_tokens":6})");
}

TEST(OpenAiReasoning, DropsSamplingThatTheApiRefuses) {
  EXPECT_EQ(adapt("o3-mini", R"({"temperature":1,"top_p":0.5,"logit_bias":{}})").body, R"({"top_p":0.5})");
  EXPECT_EQ(adapt("gpt-5-mini", R"({"a":1,"temperature":1,"top_p":0.5,"logprobs":true})").body, R"({"a":1})");
  EXPECT_EQ(adapt("gpt-5-chat-latest", R"({"temperature":1})").body, R"({"temperature":1})");
  EXPECT_EQ(adapt("gpt-5.1", R"({"temperature":1,"reasoning_effort":"none"})").body,
            R"({"temperature":1,"reasoning_effort":"none"})");
}

TEST(OpenAiReasoning, TurnsAnEffortSuffixIntoItsMember) {
  auto adapted = adapt("gpt-5-high", R"({"model":"gpt-5-high","reasoning_effort":"low"})");
  EXPECT_EQ(adapted.model, "gpt-5");
  EXPECT_EQ(adapted.body, R"({"model":"gpt-5-high","reasoning_effort":"high"})");
  EXPECT_EQ(adapt("o3-mini-low", R"({"n":1})").body, R"({"reasoning_effort":"low","n":1})");
}

TEST(OpenAiReasoning, MakesLeadingSystemMessagesDeveloperMessages) {
  EXPECT_EQ(
      adapt(
          "o3",
          R"({"messages":[{"role":"system","content":"a"},{"content":"b","role":"system"},{"role":"user"},{"role":"system"}]})")
          .body,
      R"({"messages":[{"role":"developer","content":"a"},{"content":"b","role":"developer"},{"role":"user"},{"role":"system"}]})");
  EXPECT_EQ(adapt("o1-mini", R"({"messages":[{"role":"system","content":"a"}]})").body,
            R"({"messages":[{"role":"system","content":"a"}]})");
}

}  // namespace tollgate::dialect
