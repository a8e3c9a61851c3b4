#include "provider/body_rules.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "provider/provider.h"

namespace tollgate::provider {
namespace {

using dialect::OpenAiRoute;
namespace json = boost::json;

struct Made {
  std::string model;
  std::string text;
  json::object body;
};

Made made(int type, std::string_view model, const std::string& body, OpenAiRoute route = OpenAiRoute::kChatCompletions,
          const NameSet& keeps_thinking = {}) {
  Made out;
  out.model = model;
  core::JsonEditor editor(body);
  BodyEdit edit{.route = route,
                .model = out.model,
                .asked_model = model,
                .editor = editor,
                .body = body,
                .keeps_thinking = &keeps_thinking};
  if (auto rule = find_provider(type)->body) rule(edit);
  out.text = editor.text();
  out.body = json::parse(out.text).as_object();
  return out;
}

json::value parsed(std::string_view text) { return json::parse(text); }

}  // namespace

TEST(BodyRules, LeaveWhatNoRuleNames) {
  const std::string body = R"({ "model":"m", "x":1.0,  "messages":[], "top_p":0.5, "temperature":0 })";
  for (const auto& provider : providers()) {
    if (!provider.built() || provider.type == 20) continue;
    EXPECT_EQ(made(provider.type, "m", body).text, body) << provider.type;
  }
}

TEST(OpenRouterBody, AsksForUsageUnlessTheClientSaysHow) {
  EXPECT_EQ(made(20, "x/y", R"({"messages":[]})").body["usage"], parsed(R"({"include":true})"));
  EXPECT_EQ(made(20, "x/y", R"({"usage":{"include":false}})").body["usage"], parsed(R"({"include":false})"));
  EXPECT_FALSE(made(20, "x/y", R"({"input":"a"})", OpenAiRoute::kEmbeddings).body.contains("usage"));
}

TEST(OpenRouterBody, MakesReasoningOfEffortAndSuffix) {
  auto both = made(20, "x/y-thinking", R"({"reasoning_effort":"high"})");
  EXPECT_EQ(both.model, "x/y");
  EXPECT_EQ(both.body["reasoning"], parsed(R"({"enabled":true,"effort":"high"})"));
  EXPECT_FALSE(both.body.contains("reasoning_effort"));

  EXPECT_EQ(made(20, "x/y-thinking", "{}").body["reasoning"], parsed(R"({"enabled":true})"));
  EXPECT_EQ(made(20, "x/y-thinking", R"({"reasoning_effort":"none"})").body["reasoning"],
            parsed(R"({"enabled":true})"));
  EXPECT_EQ(made(20, "x/y", R"({"reasoning_effort":"low"})").body["reasoning"],
            parsed(R"({"enabled":true,"effort":"low"})"));
  EXPECT_EQ(made(20, "x/y", R"({"reasoning_effort":"none"})").body["reasoning"], parsed(R"({"effort":"none"})"));
  EXPECT_FALSE(made(20, "x/y", "{}").body.contains("reasoning"));

  auto own = made(20, "x/y", R"({"reasoning":{"max_tokens":5},"reasoning_effort":"low"})");
  EXPECT_EQ(own.body["reasoning"], parsed(R"({"max_tokens":5})"));
  EXPECT_FALSE(own.body.contains("reasoning_effort"));
}

TEST(OpenRouterBody, LeavesTheSuffixOfListedNames) {
  auto kept =
      made(20, "moonshotai/kimi-k2-thinking", "{}", OpenAiRoute::kChatCompletions, {"moonshotai/kimi-k2-thinking"});
  EXPECT_EQ(kept.model, "moonshotai/kimi-k2-thinking");
  EXPECT_FALSE(kept.body.contains("reasoning"));
}

TEST(OpenRouterBody, TurnsThinkingOfAnthropicIntoReasoning) {
  auto thinking = made(20, "anthropic/claude-x", R"({"thinking":{"type":"enabled","budget_tokens":2000}})");
  EXPECT_EQ(thinking.body["reasoning"], parsed(R"({"max_tokens":2000})"));
  EXPECT_FALSE(thinking.body.contains("thinking"));
  auto off = made(20, "anthropic/claude-x", R"({"thinking":{"type":"disabled"}})");
  EXPECT_FALSE(off.body.contains("reasoning"));
  EXPECT_FALSE(off.body.contains("thinking"));
  EXPECT_TRUE(made(20, "x/y", R"({"thinking":{"type":"enabled"}})").body.contains("thinking"));
}

// P9: only OpenAI's reasoning models, not every name that begins with an o.
TEST(OpenRouterBody, KnowsReasoningModelsOfOpenAi) {
  auto reasoning = made(20, "openai/o3-mini-high", R"({"max_tokens":5,"temperature":1,"messages":[]})");
  EXPECT_EQ(reasoning.model, "openai/o3-mini");
  EXPECT_EQ(reasoning.body["max_completion_tokens"], 5);
  EXPECT_FALSE(reasoning.body.contains("temperature"));
  EXPECT_EQ(reasoning.body["reasoning"], parsed(R"({"enabled":true,"effort":"high"})"));
  auto chat = made(20, "openai/gpt-4o", R"({"max_tokens":5,"temperature":1})");
  EXPECT_EQ(chat.body["max_tokens"], 5);
  EXPECT_EQ(chat.body["temperature"], 1);
}

TEST(XaiBody, TakesSuffixesOffNames) {
  auto search = made(48, "grok-4-0709-search", R"({"search_parameters":{"mode":"off"}})");
  EXPECT_EQ(search.model, "grok-4-0709");
  EXPECT_EQ(search.body["search_parameters"], parsed(R"({"mode":"on"})"));
  auto mini = made(48, "grok-3-mini-beta-high", R"({"max_tokens":7})");
  EXPECT_EQ(mini.model, "grok-3-mini-beta");
  EXPECT_EQ(mini.body["reasoning_effort"], "high");
  EXPECT_EQ(mini.body["max_completion_tokens"], 7);
  EXPECT_FALSE(mini.body.contains("max_tokens"));
  EXPECT_EQ(made(48, "grok-4-high", R"({"max_tokens":7})").text, R"({"max_tokens":7})");
}

TEST(XaiBody, KeepsFourMembersOfAnImageRequest) {
  EXPECT_EQ(made(48, "grok-2-image", R"({"size":"1x1","model":"grok-2-image","prompt":"p","n":1,"quality":"hd"})",
                 OpenAiRoute::kImages)
                .text,
            R"({"model":"grok-2-image","prompt":"p","n":1})");
}

// P24: nothing is lost but the two names.
TEST(MistralBody, RenamesSeedAndTheLimitAndKeepsTheRest) {
  EXPECT_EQ(made(42, "m", R"({"seed":1,"stop":["x"],"max_completion_tokens":9,"response_format":{},"n":2})").text,
            R"({"random_seed":1,"stop":["x"],"max_tokens":9,"response_format":{},"n":2})");
}

TEST(MistralBody, MakesIdsOfToolCallsNineCharactersTheSameInCallAndResult) {
  const std::string body = R"({"messages":[
    {"role":"assistant","tool_calls":[{"id":"call_abc-1","function":{"name":"f"}},{"id":"abcDEF123"}]},
    {"role":"tool","tool_call_id":"call_abc-1","content":"1"},{"role":"tool","tool_call_id":"abcDEF123"}]})";
  auto first = made(42, "m", body), second = made(42, "m", body);
  EXPECT_EQ(first.text, second.text);
  const auto& messages = first.body["messages"].as_array();
  std::string call(messages[0].at("tool_calls").at(0).at("id").as_string());
  EXPECT_EQ(call.size(), 9U);
  EXPECT_EQ(call.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
            std::string::npos);
  EXPECT_EQ(messages[1].at("tool_call_id"), json::value(call));
  EXPECT_EQ(messages[0].at("tool_calls").at(1).at("id"), "abcDEF123");
  EXPECT_EQ(messages[2].at("tool_call_id"), "abcDEF123");
}

TEST(PerplexityBody, KeepsTopPBelowOneAndKnowsOneLimit) {
  EXPECT_EQ(made(27, "sonar", R"({"top_p":1,"max_completion_tokens":5,"max_tokens":9})").text,
            R"({"top_p":0.99,"max_tokens":5})");
  EXPECT_EQ(made(27, "sonar", R"({"max_completion_tokens":0,"max_tokens":9})").text, R"({"max_tokens":9})");
}

// Q22: a list of stops stays one; nothing is sent that the client did not send.
TEST(ZhipuBody, MakesAListOfStopAndBareImages) {
  EXPECT_EQ(made(26, "glm-4", R"({"stop":"x","top_p":1.5})").text, R"({"stop":["x"],"top_p":0.99})");
  EXPECT_EQ(made(26, "glm-4", R"({"stop":["x","y"]})").text, R"({"stop":["x","y"]})");
  EXPECT_EQ(made(26, "glm-4v",
                 R"({"messages":[{"content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image/png;base64,AAAA"}},{"image_url":{"url":"http://h/1"}}]}]})")
                .text,
            R"({"messages":[{"content":[{"type":"image_url","image_url":{"url":"AAAA"}},)"
            R"({"image_url":{"url":"http://h/1"}}]}]})");
}

TEST(VolcEngineBody, LetsDeepSeekThinkByItsName) {
  auto thinks = made(45, "deepseek-v3-thinking", "{}");
  EXPECT_EQ(thinks.model, "deepseek-v3");
  EXPECT_EQ(thinks.text, R"({"thinking":{"type":"enabled"}})");
  EXPECT_EQ(made(45, "doubao-thinking", "{}").model, "doubao-thinking");
  EXPECT_EQ(made(45, "deepseek-thinking", "{}", OpenAiRoute::kChatCompletions, {"deepseek-thinking"}).model,
            "deepseek-thinking");
}

TEST(BaiduBody, SearchesTheWebByItsName) {
  auto search = made(46, "ernie-4.0-8k-search", "{}");
  EXPECT_EQ(search.model, "ernie-4.0-8k");
  EXPECT_EQ(search.body["web_search"],
            parsed(R"({"enable":true,"enable_citation":true,"enable_trace":true,"enable_status":false})"));
  EXPECT_EQ(made(46, "e-search", R"({"web_search":{"enable":false}})").text, R"({"web_search":{"enable":false}})");
}

// Q4: a client that sends no top_p gets none.
TEST(DashScopeBody, ClampsTopPBetweenItsBounds) {
  EXPECT_EQ(made(17, "qwen-plus", R"({"top_p":1})").text, R"({"top_p":0.999})");
  EXPECT_EQ(made(17, "qwen-plus", R"({"top_p":0})").text, R"({"top_p":0.001})");
  EXPECT_EQ(made(17, "qwen-plus", R"({"top_p":0.3})").text, R"({"top_p":0.3})");
  EXPECT_EQ(made(17, "qwen-plus", "{}").text, "{}");
}

TEST(JinaBody, LosesTheEncodingFormatOfEmbeddings) {
  EXPECT_EQ(made(38, "j", R"({"input":"a","encoding_format":"float"})", OpenAiRoute::kEmbeddings).text,
            R"({"input":"a"})");
}

// Q39: image goes along.
TEST(SiliconFlowBody, NamesSizeAndNumberOfImagesItsWay) {
  EXPECT_EQ(made(40, "f", R"({"prompt":"p","size":"1x1","n":2,"image":"u"})", OpenAiRoute::kImages).text,
            R"({"prompt":"p","image_size":"1x1","batch_size":2,"image":"u"})");
  EXPECT_EQ(made(40, "f", R"({"size":"1x1","image_size":"2x2"})", OpenAiRoute::kImages).text,
            R"({"image_size":"2x2"})");
}

TEST(SiliconFlowBody, GivesACompletionWithPrefixAMessage) {
  EXPECT_EQ(made(40, "f", R"({"prefix":"p"})").body["messages"], parsed(R"([{"role":"user","content":""}])"));
  EXPECT_EQ(made(40, "f", R"({"prefix":"p","messages":[{"role":"user","content":"a"}]})").text,
            R"({"prefix":"p","messages":[{"role":"user","content":"a"}]})");
}

}  // namespace tollgate::provider
