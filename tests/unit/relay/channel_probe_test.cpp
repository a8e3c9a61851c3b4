#include "relay/channel_probe.h"

#include <gtest/gtest.h>

#include "relay/routing.h"

namespace tollgate::relay {

using dialect::OpenAiRoute;

TEST(ProbeRoute, FollowsTheModelsNameUnlessTheEndpointIsNamed) {
  for (auto name : {"text-embedding-3-small", "nomic-embed-text", "BGE-large", "bge-m3", "m3e-base"})
    EXPECT_EQ(*probe_route("", name), OpenAiRoute::kEmbeddings) << name;
  for (auto name : {"gpt-4o", "o3-mini", "am3e"})
    EXPECT_EQ(*probe_route("", name), OpenAiRoute::kChatCompletions) << name;
  EXPECT_EQ(*probe_route("embeddings", "gpt-4o"), OpenAiRoute::kEmbeddings);
  EXPECT_EQ(*probe_route("openai", "text-embedding-3-small"), OpenAiRoute::kChatCompletions);
}

TEST(ProbeRoute, RefusesWhatThisBuildHasNoRouteFor) {
  for (auto name : {"jina-rerank-v2", "gpt-5-codex", "gpt-5-openai-compact"})
    EXPECT_FALSE(probe_route("", name)) << name;
  EXPECT_EQ(probe_route("anthropic", "claude").error().message, "endpoint type anthropic is not supported");
}

TEST(ProbeBody, AsksForAFewTokensInTheWordsOfTheModel) {
  auto limit_of = [](std::string_view model) {
    auto body = probe_body(OpenAiRoute::kChatCompletions, model, false);
    auto at = body.find("}],\"");
    return at == std::string::npos ? std::string() : body.substr(at + 3);
  };
  EXPECT_EQ(limit_of("gpt-4o"), R"("max_tokens":16})");
  EXPECT_EQ(limit_of("o3-mini"), R"("max_completion_tokens":16})");
  EXPECT_EQ(limit_of("gemini-2.0-flash"), R"("max_tokens":3000})");
  EXPECT_EQ(limit_of("qwen-thinking"), R"("max_tokens":50})");
  EXPECT_EQ(limit_of("claude-3-7-thinking"), "");
  EXPECT_EQ(probe_body(OpenAiRoute::kChatCompletions, "gpt-4o", true),
            R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"max_tokens":16,"stream":true,)"
            R"("stream_options":{"include_usage":true}})");
  EXPECT_EQ(probe_body(OpenAiRoute::kEmbeddings, "e", false), R"({"model":"e","input":["hello world"]})");
}

TEST(MappedModel, FollowsTheMapToItsEndAndFindsCircles) {
  Channel channel;
  channel.model_mapping = {{"a", "b"}, {"b", "c"}, {"same", "same"}, {"x", "y"}, {"y", "x"}};
  EXPECT_EQ(*mapped_model(channel, "a"), "c");
  EXPECT_EQ(*mapped_model(channel, "same"), "same");
  EXPECT_EQ(*mapped_model(channel, "other"), "other");
  EXPECT_EQ(mapped_model(channel, "x").error().message, "model_mapping_contains_cycle");
  channel.mapping_broken = true;
  EXPECT_EQ(mapped_model(channel, "a").error().message, "unmarshal_model_mapping_failed");
}

}  // namespace tollgate::relay
