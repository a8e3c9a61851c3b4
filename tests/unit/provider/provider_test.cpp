#include "provider/provider.h"

#include <gtest/gtest.h>

namespace tollgate::provider {
namespace {

using dialect::OpenAiRoute;

std::string url(int type, std::string_view base, OpenAiRoute route = OpenAiRoute::kChatCompletions) {
  auto made = upstream_url(*find_provider(type), base, route, "m1");
  return made ? *made : "error: " + made.error().message;
}

}  // namespace

TEST(Provider, KnowsEveryTypeOnce) {
  for (const auto& one : providers()) {
    int same = 0;
    for (const auto& other : providers()) same += other.type == one.type ? 1 : 0;
    EXPECT_EQ(same, 1) << one.type;
  }
  EXPECT_EQ(providers().size(), 54U);
  EXPECT_EQ(find_provider(28), nullptr);
}

TEST(Provider, MakesAddresses) {
  EXPECT_EQ(url(1, ""), "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(url(1, "http://h/x/"), "http://h/x/v1/chat/completions");
  EXPECT_EQ(url(1, "", OpenAiRoute::kEmbeddings), "https://api.openai.com/v1/embeddings");
  EXPECT_EQ(url(20, ""), "https://openrouter.ai/api/v1/chat/completions");
  EXPECT_EQ(url(8, "https://gw.example/v1/{model}/chat"), "https://gw.example/v1/m1/chat");
  EXPECT_EQ(url(8, ""), "error: the channel has no base URL");
  EXPECT_EQ(url(43, "", OpenAiRoute::kCompletions), "https://api.deepseek.com/beta/completions");
  EXPECT_EQ(url(43, "https://api.deepseek.com/beta", OpenAiRoute::kCompletions),
            "https://api.deepseek.com/beta/completions");
  EXPECT_EQ(url(1, "https://gateway.ai.cloudflare.com/v1/a/g/openai"),
            "https://gateway.ai.cloudflare.com/v1/a/g/openai/chat/completions");
}

}  // namespace tollgate::provider
