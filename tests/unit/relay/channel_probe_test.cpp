#include "relay/channel_probe.h"

#include <gtest/gtest.h>

#include "relay/routing.h"

namespace tollgate::relay {

using dialect::OpenAiRoute;

namespace {

Probe probe_of(OpenAiRoute route, std::string model) {
  Probe probe;
  probe.route = route;
  probe.model = std::move(model);
  return probe;
}

}  // namespace

TEST(ProbeRoute, FollowsTheModelsNameUnlessTheEndpointIsNamed) {
  for (auto name : {"text-embedding-3-small", "nomic-embed-text", "BGE-large", "bge-m3", "m3e-base"})
    EXPECT_EQ(*probe_route("", name, 1), OpenAiRoute::kEmbeddings) << name;
  for (auto name : {"gpt-4o", "o3-mini", "am3e", "doubao-seedream-3"})
    EXPECT_EQ(*probe_route("", name, 1), OpenAiRoute::kChatCompletions) << name;
  for (auto name : {"jina-reranker-v2", "bge-reranker-v2-m3"})
    EXPECT_EQ(*probe_route("", name, 1), OpenAiRoute::kRerank) << name;
  EXPECT_EQ(*probe_route("", "omni-moderation-latest", 1), OpenAiRoute::kModerations);
  EXPECT_EQ(*probe_route("", "doubao-seedream-3", 45), OpenAiRoute::kImages);
  EXPECT_EQ(*probe_route("", "any-name", 44), OpenAiRoute::kEmbeddings);
  EXPECT_EQ(*probe_route("embeddings", "gpt-4o", 1), OpenAiRoute::kEmbeddings);
  EXPECT_EQ(*probe_route("jina-rerank", "gpt-4o", 1), OpenAiRoute::kRerank);
  EXPECT_EQ(*probe_route("image-generation", "gpt-4o", 1), OpenAiRoute::kImages);
  for (auto endpoint : {"openai", "anthropic", "gemini"})
    EXPECT_EQ(*probe_route(endpoint, "text-embedding-3-small", 1), OpenAiRoute::kChatCompletions) << endpoint;
}

TEST(ProbeRoute, RefusesWhatThisBuildHasNoRouteFor) {
  for (auto name : {"gpt-5-codex", "gpt-5-openai-compact"}) EXPECT_FALSE(probe_route("", name, 1)) << name;
  EXPECT_EQ(probe_route("openai-video", "sora", 1).error().message, "endpoint type openai-video is not supported");
}

TEST(ProbeBody, AsksForAFewTokensInTheWordsOfTheModel) {
  auto limit_of = [](std::string_view model, bool gemini = false) {
    auto probe = probe_of(OpenAiRoute::kChatCompletions, std::string(model));
    probe.gemini = gemini;
    auto body = probe_body(probe);
    auto at = body.find("}],\"");
    return at == std::string::npos ? std::string() : body.substr(at + 3);
  };
  EXPECT_EQ(limit_of("gpt-4o"), R"("max_tokens":16})");
  EXPECT_EQ(limit_of("o3-mini"), R"("max_completion_tokens":16})");
  EXPECT_EQ(limit_of("gemini-2.0-flash"), R"("max_tokens":3000})");
  EXPECT_EQ(limit_of("gpt-4o", true), R"("max_tokens":3000})");
  EXPECT_EQ(limit_of("qwen-thinking"), R"("max_tokens":50})");
  EXPECT_EQ(limit_of("claude-3-7-thinking"), "");
  auto streamed = probe_of(OpenAiRoute::kChatCompletions, "gpt-4o");
  streamed.stream = true;
  EXPECT_EQ(probe_body(streamed), R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"max_tokens":16,)"
                                  R"("stream":true,"stream_options":{"include_usage":true}})");
}

TEST(ProbeBody, IsWhatEachRouteTakes) {
  EXPECT_EQ(probe_body(probe_of(OpenAiRoute::kEmbeddings, "e")), R"({"model":"e","input":["hello world"]})");
  EXPECT_EQ(probe_body(probe_of(OpenAiRoute::kModerations, "m")), R"({"model":"m","input":"hello world"})");
  EXPECT_EQ(probe_body(probe_of(OpenAiRoute::kImages, "i")),
            R"({"model":"i","prompt":"a cute cat","n":1,"size":"1024x1024"})");
  auto rerank = probe_body(probe_of(OpenAiRoute::kRerank, "r"));
  EXPECT_TRUE(rerank.starts_with(R"({"model":"r","query":"What is Deep Learning?","documents":[)")) << rerank;
  EXPECT_TRUE(rerank.ends_with(R"("],"top_n":2})")) << rerank;
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
