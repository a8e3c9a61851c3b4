#include "relay/routes.h"

#include <gtest/gtest.h>

namespace tollgate::relay {

using dialect::OpenAiRoute;

TEST(Routes, AreFoundByTheirWholePath) {
  const auto* route = find_route("/v1/images/generations");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->kind, OpenAiRoute::kImages);
  EXPECT_FALSE(find_route("/v1/images/generations/"));
  EXPECT_FALSE(find_route("/v1/images/variations"));
}

TEST(Routes, AnEngineIsOneSegment) {
  const auto* route = find_route("/v1/engines/ada/embeddings");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->kind, OpenAiRoute::kEmbeddings);
  EXPECT_FALSE(find_route("/v1/engines/embeddings"));
  EXPECT_FALSE(find_route("/v1/engines//embeddings"));
  EXPECT_FALSE(find_route("/v1/engines/a/b/embeddings"));
  EXPECT_FALSE(find_route("/v1/engines/ada/completions"));
}

TEST(Routes, ABodyWithoutAModelTakesThatOfPathOrRoute) {
  EXPECT_EQ(model_without_body("/v1/engines/ada/embeddings"), "ada");
  EXPECT_EQ(model_without_body("/v1/engines/org%2Fada+1/embeddings"), "org/ada+1");
  EXPECT_EQ(model_without_body("/v1/engines/a%0Ab/embeddings"), "") << "no line breaks in names";
  EXPECT_EQ(model_without_body("/v1/engines/%FF/embeddings"), "") << "no bytes that are no text";
  EXPECT_EQ(model_without_body("/v1/moderations"), "text-moderation-stable");
  EXPECT_EQ(model_without_body("/v1/images/generations"), "dall-e");
  EXPECT_EQ(model_without_body("/v1/audio/speech"), "tts-1");
  EXPECT_EQ(model_without_body("/v1/rerank"), "");
  EXPECT_EQ(model_without_body("/v1/chat/completions"), "");
}

}  // namespace tollgate::relay
