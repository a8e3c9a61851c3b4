#include "dialect/openai_reshape.h"

#include <gtest/gtest.h>

#include <random>

#include "core/json_edit.h"

namespace tollgate::dialect {
namespace {

std::vector<std::string> reshaped(ReshapeRules rules, std::initializer_list<std::string_view> events) {
  OpenAiReshaper reshaper(rules);
  std::vector<std::string> out;
  for (auto event : events) reshaper.event(event, [&](std::string_view text) { out.emplace_back(text); });
  return out;
}

using Events = std::vector<std::string>;

}  // namespace

TEST(OpenAiReshape, PutsReasoningIntoContentBetweenItsMarks) {
  EXPECT_EQ(
      reshaped(
          {.thinking_to_content = true},
          {R"({"id":"a","x":1.0,"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"one \"1\""}}]})",
           R"({"id":"a","choices":[{"index":0,"delta":{"reasoning":"two","content":""}}]})",
           R"({"id":"a","choices":[{"index":0,"delta":{"content":"three"}}]})",
           R"({"id":"a","choices":[{"index":0,"delta":{"content":"four"},"finish_reason":"stop"}]})"}),
      (Events{
          R"({"id":"a","x":1.0,"choices":[{"index":0,"delta":{"role":"assistant","content":"<think>\none \"1\""}}]})",
          R"({"id":"a","choices":[{"index":0,"delta":{"content":"two"}}]})",
          R"({"id":"a","choices":[{"index":0,"delta":{"content":"\n</think>\n"},"finish_reason":null}]})",
          R"({"id":"a","choices":[{"index":0,"delta":{"content":"three"}}]})",
          R"({"id":"a","choices":[{"index":0,"delta":{"content":"four"},"finish_reason":"stop"}]})"}));
}

TEST(OpenAiReshape, SplitsAnEventThatHoldsReasoningAndContent) {
  EXPECT_EQ(reshaped({.thinking_to_content = true},
                     {R"({"id":"a","choices":[{"index":0,"delta":{"reasoning_content":"r","content":"c"}}]})"}),
            (Events{R"({"id":"a","choices":[{"index":0,"delta":{"content":"<think>\nr"},"finish_reason":null}]})",
                    R"({"id":"a","choices":[{"index":0,"delta":{"content":"\n</think>\n"},"finish_reason":null}]})",
                    R"({"id":"a","choices":[{"index":0,"delta":{"content":"c"}}]})"}));
}

TEST(OpenAiReshape, KeepsTheThinkingOfEachChoiceApart) {
  auto out = reshaped({.thinking_to_content = true}, {R"({"choices":[{"index":0,"delta":{"reasoning_content":"r"}}]})",
                                                      R"({"choices":[{"index":1,"delta":{"content":"c"}}]})"});
  EXPECT_EQ(out.back(), R"({"choices":[{"index":1,"delta":{"content":"c"}}]})");
}

TEST(OpenAiReshape, LeavesStreamsWithoutReasoningAlone) {
  const std::string_view event = R"({"choices":[{"index":0, "delta":{ "content":"c" }}]})";
  EXPECT_EQ(reshaped({.thinking_to_content = true}, {event, "no json"}), (Events{std::string(event), "no json"}));
}

TEST(OpenAiReshape, MakesEventsCanonical) {
  EXPECT_EQ(
      reshaped({.canonical = true},
               {R"({"model":"m","id":"a","odd":1,"created":5,"object":"o","choices":[{"odd":2,"finish_reason":"stop",)"
                R"("index":1,"delta":{"content":"","odd":3,"tool_calls":[{"index":0}]}}]})"}),
      (Events{
          R"({"id":"a","object":"o","created":5,"model":"m","system_fingerprint":null,"choices":[)"
          R"({"delta":{"content":"","tool_calls":[{"index":0}]},"logprobs":null,"finish_reason":"stop","index":1}],)"
          R"("usage":null})"}));
}

TEST(OpenAiReshape, MakesAnswersCanonical) {
  EXPECT_EQ(OpenAiReshaper({.canonical = true})
                .answer(R"({"odd":1,"id":"a","object":"o","created":5,"model":"m","choices":[{"finish_reason":"stop",)"
                        R"("message":{"content":"c","role":"assistant","annotations":[]},"index":0}]})"),
            R"({"id":"a","model":"m","object":"o","created":5,"choices":[{"index":0,)"
            R"("message":{"role":"assistant","content":"c"},"finish_reason":"stop"}]})");
}

// Whatever an upstream sends as JSON stays JSON, and what is none passes as it came.
TEST(OpenAiReshape, GivesJsonForJson) {
  std::mt19937 random(7);
  const char* keys[] = {"choices",           "delta", "message", "content",
                        "reasoning_content", "usage", "index",   "completion_tokens"};
  const char* leaves[] = {"1", "null", "\"\"", "\"a\\n\"", "[]", "{}", "1e400", "-3", "true"};
  std::function<std::string(int)> value = [&](int depth) -> std::string {
    auto kind = depth == 0 ? 0U : random() % 3;
    if (kind == 0) return leaves[random() % std::size(leaves)];
    std::string out;
    for (auto count = random() % 4; count > 0; --count) {
      if (!out.empty()) out += ',';
      if (kind == 1) out += "\"" + std::string(keys[random() % std::size(keys)]) + "\":";
      out += value(depth - 1);
    }
    return kind == 1 ? "{" + out + "}" : "[" + out + "]";
  };
  for (int round = 0; round < 5000; ++round) {
    auto text = "{\"choices\":[{\"delta\":" + value(2) + "," + "\"index\":" + value(0) + "}," + value(3) +
                "],\"usage\":" + value(2) + "}";
    auto cut = text.substr(0, random() % text.size());
    for (ReshapeRules rules : {ReshapeRules{.canonical = true}, ReshapeRules{.thinking_to_content = true},
                               ReshapeRules{.whole_completion = true}, ReshapeRules{true, true, true}}) {
      for (const auto& event : reshaped(rules, {text}))
        ASSERT_TRUE(core::is_valid_json(event)) << text << "\n" << event;
      ASSERT_TRUE(core::is_valid_json(OpenAiReshaper(rules).answer(text))) << text;
      reshaped(rules, {cut});
    }
  }
}

TEST(OpenAiReshape, AddsReasoningToTheCompletion) {
  const std::string_view usage =
      R"({"choices":[],"usage":{"prompt_tokens":291,"completion_tokens":26,"total_tokens":513,"cost":1.50}})";
  EXPECT_EQ(
      reshaped({.whole_completion = true}, {usage}),
      Events{R"({"choices":[],"usage":{"prompt_tokens":291,"completion_tokens":222,"total_tokens":513,"cost":1.50}})"});
  const std::string_view whole = R"({"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})";
  EXPECT_EQ(OpenAiReshaper({.whole_completion = true}).answer(whole), whole);
}

}  // namespace tollgate::dialect
