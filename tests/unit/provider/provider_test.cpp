#include "provider/provider.h"

#include <gtest/gtest.h>

#include "provider/model_lists.h"

namespace tollgate::provider {
namespace {

using dialect::OpenAiRoute;

std::string url(int type, Call call) {
  if (call.model.empty()) call.model = "m1";
  auto made = upstream_url(*find_provider(type), call);
  return made ? *made : "error: " + made.error().message;
}

std::string url(int type, std::string_view base, OpenAiRoute route = OpenAiRoute::kChatCompletions) {
  return url(type, Call{.base_url = base, .route = route, .model = "m1"});
}

std::string callers(int type, CallerInput input) {
  CallerHeaders headers;
  auto made = find_provider(type)->caller(input, headers);
  if (!made) return "error: " + made.error().message;
  std::string out;
  for (std::size_t i = 0; i < headers.count; ++i)
    out += std::string(headers.items[i].name) + ": " + headers.items[i].value + "\n";
  return out;
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

// Default addresses of every type that is built, for chat or the first route it serves.
TEST(Provider, FindsItsRoutesAtTheDefaultAddress) {
  const std::pair<int, std::string_view> chat[] = {
      {1, "https://api.openai.com/v1/chat/completions"},
      {2, "https://oa.api2d.net/v1/chat/completions"},
      {5, "https://api.openai-sb.com/v1/chat/completions"},
      {6, "https://api.openaimax.com/v1/chat/completions"},
      {7, "https://api.ohmygpt.com/v1/chat/completions"},
      {9, "https://api.caipacity.com/v1/chat/completions"},
      {10, "https://api.aiproxy.io/v1/chat/completions"},
      {12, "https://api.api2gpt.com/v1/chat/completions"},
      {13, "https://api.aigc2d.com/v1/chat/completions"},
      {17, "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"},
      {19, "https://api.360.cn/v1/chat/completions"},
      {20, "https://openrouter.ai/api/v1/chat/completions"},
      {22, "https://fastgpt.run/api/openapi/v1/chat/completions"},
      {25, "https://api.moonshot.cn/v1/chat/completions"},
      {26, "https://open.bigmodel.cn/api/paas/v4/chat/completions"},
      {27, "https://api.perplexity.ai/chat/completions"},
      {31, "https://api.lingyiwanwu.com/v1/chat/completions"},
      {35, "https://api.minimax.chat/v1/text/chatcompletion_v2"},
      {40, "https://api.siliconflow.cn/v1/chat/completions"},
      {42, "https://api.mistral.ai/v1/chat/completions"},
      {43, "https://api.deepseek.com/v1/chat/completions"},
      {45, "https://ark.cn-beijing.volces.com/api/v3/chat/completions"},
      {46, "https://qianfan.baidubce.com/v2/chat/completions"},
      {48, "https://api.x.ai/v1/chat/completions"},
      {50, "https://api.klingai.com/v1/chat/completions"},
      {52, "https://api.vidu.cn/v1/chat/completions"},
      {53, "https://llm.submodel.ai/v1/chat/completions"},
      {54, "https://ark.cn-beijing.volces.com/v1/chat/completions"},
      {55, "https://api.openai.com/v1/chat/completions"},
  };
  for (auto [type, address] : chat) {
    EXPECT_EQ(url(type, ""), address) << type;
    EXPECT_TRUE(find_provider(type)->serves(OpenAiRoute::kChatCompletions)) << type;
  }
  for (int type : {0, 3, 8, 36, 47}) EXPECT_EQ(url(type, ""), "error: the channel has no base URL") << type;
  EXPECT_EQ(url(38, "", OpenAiRoute::kRerank), "https://api.jina.ai/v1/rerank");
  EXPECT_EQ(url(44, Call{.route = OpenAiRoute::kEmbeddings, .model = "m3e-base"}), "https://api.moka.ai/embeddings");
  EXPECT_EQ(url(44, "", OpenAiRoute::kEmbeddings), "https://api.moka.ai/chat/");
}

TEST(Provider, MakesAddressesOfEveryRoute) {
  const std::pair<OpenAiRoute, std::string_view> routes[] = {
      {OpenAiRoute::kCompletions, "/completions"},
      {OpenAiRoute::kEmbeddings, "/embeddings"},
      {OpenAiRoute::kModerations, "/moderations"},
      {OpenAiRoute::kImages, "/images/generations"},
      {OpenAiRoute::kImageEdits, "/images/edits"},
      {OpenAiRoute::kSpeech, "/audio/speech"},
      {OpenAiRoute::kRerank, "/rerank"},
      {OpenAiRoute::kTranscriptions, "/audio/transcriptions"},
      {OpenAiRoute::kTranslations, "/audio/translations"},
  };
  for (auto [route, path] : routes) {
    EXPECT_EQ(url(1, "http://h/x/", route), "http://h/x/v1" + std::string(path));
    EXPECT_EQ(url(3, Call{.base_url = "http://h", .route = route, .model = "d", .other = "v"}),
              "http://h/openai/deployments/d" + std::string(path) + "?api-version=v");
    EXPECT_EQ(url(8, "http://h/all", route), "http://h/all");
  }
  EXPECT_EQ(url(43, "", OpenAiRoute::kCompletions), "https://api.deepseek.com/beta/completions");
  EXPECT_EQ(url(43, "https://api.deepseek.com/beta", OpenAiRoute::kCompletions),
            "https://api.deepseek.com/beta/completions");
  EXPECT_EQ(url(43, "https://api.deepseek.com/beta"), "https://api.deepseek.com/beta/v1/chat/completions");
  EXPECT_EQ(url(39, Call{.route = OpenAiRoute::kEmbeddings, .other = "acc"}),
            "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/embeddings");
  EXPECT_EQ(url(39, ""), "error: the channel has no account id");
}

TEST(Provider, PassesTheClientsQueryWhereThePathIsTheClients) {
  EXPECT_EQ(url(1, Call{.query = "a=1&b=2"}), "https://api.openai.com/v1/chat/completions?a=1&b=2");
  EXPECT_EQ(url(48, Call{.query = "a=1"}), "https://api.x.ai/v1/chat/completions?a=1");
  EXPECT_EQ(url(26, Call{.query = "a=1"}), "https://open.bigmodel.cn/api/paas/v4/chat/completions");
  EXPECT_EQ(url(8, Call{.base_url = "http://h/x", .query = "a=1"}), "http://h/x");
}

TEST(Provider, PutsTheModelIntoACustomAddress) {
  EXPECT_EQ(url(8, "https://gw.example/v1/{model}/chat"), "https://gw.example/v1/m1/chat");
  EXPECT_EQ(url(8, "http://h/{model}/{model}/"), "http://h/m1/m1/");
  EXPECT_EQ(url(8, Call{.base_url = "http://h/{model}/y", .model = "a/b{model}?x#y z"}),
            "http://h/a/b%7Bmodel%7D%3Fx%23y%20z/y");
}

TEST(Provider, FindsRealtimeWhereEachTypeHasIt) {
  Call call{
      .base_url = "", .route = dialect::OpenAiRoute::kRealtime, .model = "gpt-realtime", .query = "model=gpt-realtime"};
  EXPECT_EQ(upstream_url(*find_provider(1), call).value(), "https://api.openai.com/v1/realtime?model=gpt-realtime");
  call.base_url = "https://r.openai.azure.com";
  call.other = "2025-04-01-preview";
  EXPECT_EQ(upstream_url(*find_provider(3), call).value(),
            "https://r.openai.azure.com/openai/realtime?deployment=gpt-realtime&api-version=2025-04-01-preview");
  call.base_url = "wss://own.example/rt?m={model}";
  EXPECT_EQ(upstream_url(*find_provider(8), call).value(), "wss://own.example/rt?m=gpt-realtime");
  EXPECT_TRUE(find_provider(20)->serves(call.route));
  EXPECT_FALSE(find_provider(40)->serves(call.route));
}

TEST(Provider, FindsDeploymentsOfAzure) {
  Call call{.base_url = "https://r.openai.azure.com/", .model = "gpt-3.5-turbo", .other = "2025-04-01-preview"};
  EXPECT_EQ(url(3, call),
            "https://r.openai.azure.com/openai/deployments/gpt-3.5-turbo/chat/completions"
            "?api-version=2025-04-01-preview");
  call.dotless_deployment = true;
  EXPECT_EQ(url(3, call),
            "https://r.openai.azure.com/openai/deployments/gpt-35-turbo/chat/completions"
            "?api-version=2025-04-01-preview");
  call.query = "x=1&api-version=2024-10-21&y=2";
  EXPECT_EQ(url(3, call),
            "https://r.openai.azure.com/openai/deployments/gpt-35-turbo/chat/completions?api-version=2024-10-21");
  call = {.base_url = "https://r", .model = "../x?y", .other = "v"};
  EXPECT_EQ(url(3, call), "https://r/openai/deployments/..%2Fx%3Fy/chat/completions?api-version=v");
}

TEST(Provider, LeavesOutWhatTheCloudflareGatewayHasAlready) {
  constexpr std::string_view kOpenAi = "https://gateway.ai.cloudflare.com/v1/a/g/openai";
  EXPECT_EQ(url(1, kOpenAi), "https://gateway.ai.cloudflare.com/v1/a/g/openai/chat/completions");
  EXPECT_EQ(url(6, kOpenAi), "https://gateway.ai.cloudflare.com/v1/a/g/openai/v1/chat/completions");
  EXPECT_EQ(url(3, Call{.base_url = "https://gateway.ai.cloudflare.com/v1/a/g/azure-openai/r", .other = "v"}),
            "https://gateway.ai.cloudflare.com/v1/a/g/azure-openai/r/m1/chat/completions?api-version=v");
}

TEST(Provider, KnowsPlansByTheirName) {
  EXPECT_EQ(url(26, "glm-coding-plan"), "https://open.bigmodel.cn/api/coding/paas/v4/chat/completions");
  EXPECT_EQ(url(26, "glm-coding-plan-international", OpenAiRoute::kEmbeddings),
            "https://api.z.ai/api/coding/paas/v4/embeddings");
  EXPECT_EQ(url(25, "kimi-coding-plan"), "https://api.kimi.com/coding/v1/chat/completions");
  EXPECT_EQ(url(25, "kimi-coding-plan", OpenAiRoute::kRerank), "https://api.kimi.com/coding/v1/rerank");
  EXPECT_EQ(url(45, "doubao-coding-plan", OpenAiRoute::kEmbeddings),
            "https://ark.cn-beijing.volces.com/api/coding/v3/embeddings");
}

TEST(Provider, KeepsAgentsOfVolcEngineApart) {
  EXPECT_EQ(url(45, Call{.model = "bot-1"}), "https://ark.cn-beijing.volces.com/api/v3/bots/chat/completions");
  EXPECT_EQ(url(45, Call{.route = OpenAiRoute::kEmbeddings, .model = "bot-1"}),
            "https://ark.cn-beijing.volces.com/api/v3/embeddings");
}

TEST(Provider, SaysWhoCallsInEachProvidersWay) {
  EXPECT_EQ(callers(1, {.key = "sk-1"}), "Authorization: Bearer sk-1\n");
  EXPECT_EQ(callers(3, {.key = "k"}), "api-key: k\n");
  EXPECT_EQ(callers(46, {.key = "token|app-1"}), "Authorization: Bearer token\nappid: app-1\n");
  EXPECT_EQ(callers(46, {.key = "token|"}), "Authorization: Bearer token\n");
  EXPECT_EQ(callers(46, {.key = "|app"}), "error: invalid API key: authorization token is required");
  EXPECT_EQ(callers(17, {.key = "k", .other = "web", .stream = true}),
            "Authorization: Bearer k\nX-DashScope-SSE: enable\nX-DashScope-Plugin: web\n");
  EXPECT_EQ(callers(17, {.key = "k"}), "Authorization: Bearer k\n");
}

TEST(ModelLists, NameTheOwnerOfAModel) {
  EXPECT_EQ(owner_of("gpt-4o-mini"), "openai");
  EXPECT_EQ(owner_of("deepseek-chat"), "deepseek");
  EXPECT_EQ(owner_of("grok-3-mini-beta-low"), "xai");
  EXPECT_EQ(owner_of("ernie-4.0-8k"), "volcengine");
  EXPECT_EQ(owner_of("moonshot-v1-8k"), "moonshot");
  EXPECT_EQ(owner_of("no such model"), "");
}

TEST(ModelLists, AreOfKnownTypesInAscendingOrder) {
  int last = 0;
  for (const auto& list : model_lists()) {
    EXPECT_GT(list.type, last);
    last = list.type;
    EXPECT_NE(find_provider(list.type), nullptr) << list.type;
    EXPECT_FALSE(list.models.empty()) << list.type;
  }
}

}  // namespace tollgate::provider
