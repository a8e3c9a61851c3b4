// Requests, patches, answers and errors of the OpenAI dialect.
#include <gtest/gtest.h>

#include "dialect/openai_answer.h"
#include "dialect/openai_error.h"
#include "dialect/openai_patch.h"
#include "dialect/openai_request.h"
#include "dialect/openai_usage.h"

namespace tollgate::dialect {
namespace {

// Texts with the spare bytes that the readers may look at.
std::string_view padded(std::string text) {
  static std::string kept;
  kept = std::move(text);
  auto size = kept.size();
  kept.append(64, '\0');
  return {kept.data(), size};
}

OpenAiRequest read(std::string text, OpenAiRoute route = OpenAiRoute::kChatCompletions) {
  auto request = read_openai_request(route, padded(std::move(text)));
  EXPECT_TRUE(request) << (request ? "" : request.error().message);
  return request ? *request : OpenAiRequest{};
}

std::string patched(const std::string& body, OpenAiPatch patch) {
  auto request = read(body);
  core::JsonEditor editor(body);
  patch_openai_request(request, patch, editor, body);
  return editor.text();
}

}  // namespace

TEST(OpenAiRequest, ReadsWhatTheGateNeeds) {
  auto request = read(R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"max_tokens":7,
                          "max_completion_tokens":9,"messages":[{"role":"user","content":"x"}],"store":false})");
  EXPECT_EQ(request.model, "m");
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(request.include_usage, IncludeUsage::kTrue);
  EXPECT_EQ(request.max_output_tokens, 9);
  EXPECT_TRUE(request.filtered_members);
  EXPECT_EQ(request.broken_rule, "");
  EXPECT_EQ(read(R"({"model":"m","messages":[{}],"stream_options":{}})").include_usage, IncludeUsage::kFalse);
  EXPECT_EQ(read(R"({"model":"m","messages":[{}]})").include_usage, IncludeUsage::kAbsent);
}

TEST(OpenAiRequest, NamesTheBrokenRule) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"model":"m"})", "field messages is required"},
      {R"({"model":"m","messages":[]})", "field messages is required"},
      {R"({"model":"m","messages":"x"})", "messages must be an array"},
      {R"({"model":"m","messages":[1]})", "each message must be an object"},
      {R"({"model":"m","messages":[{}],"max_tokens":1073741824})", "max_tokens is invalid"},
      {R"({"model":"m","messages":[{}],"max_tokens":"5"})", "max_tokens must be an integer"},
      {R"({"model":"m","messages":[{}],"stream":"yes"})", "stream must be a boolean"},
      {R"({"model":"m","messages":[{}],"stream_options":1})", "stream_options must be an object"},
      {R"({"model":"m","messages":[{}],"web_search_options":{"search_context_size":"huge"}})",
       "invalid search_context_size, must be one of: high, medium, low"},
  };
  for (const auto& [body, text] : cases) EXPECT_EQ(read(body).broken_rule, text) << body;
  EXPECT_EQ(read(R"({"model":"m","prompt":""})", OpenAiRoute::kCompletions).broken_rule, "field prompt is required");
  EXPECT_EQ(read(R"({"model":"m"})", OpenAiRoute::kEmbeddings).broken_rule, "input is empty");
  EXPECT_EQ(read(R"({"model":"m","prefix":"x"})").broken_rule, "");
}

TEST(OpenAiRequest, RefusesBodiesThatAreNone) {
  for (auto body : {"", " ", "[]", "5", "{", R"({"model":"m",})", R"({"model":"m"} x)", "{\"model\":\"\xFF\"}",
                    R"({"model":5})", R"({"a":01})", R"({"a":tru})"})
    EXPECT_FALSE(read_openai_request(OpenAiRoute::kChatCompletions, padded(body))) << body;
}

TEST(OpenAiRequest, F1_TakesNumbersOfAnyLength) {
  auto request = read(
      R"({"model":"m","seed":123456789012345678901234567890,"messages":[{"content":"a \"1234567890123456789012\""}]})");
  EXPECT_EQ(request.model, "m");
}

TEST(OpenAiRequest, CountsWhatAPromptHolds) {
  std::string text;
  auto parts = visit_prompt(
      OpenAiRoute::kChatCompletions,
      padded(R"({"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","name":"N","content":
                              [{"type":"text","text":"T"},{"type":"image_url","image_url":{"url":"data:,"}}]},{"role":"assistant","content":null}],
                              "tools":[{"function":{"name":"f","description":"D","parameters":{"b":1,"a":[true,"x"],"c":[999999,1000000,0.0001,0.00001,-2.5e21,0]}}}]})"),
      [&](std::string_view part) { text += std::string(part) + "|"; });
  EXPECT_EQ(text, "system|S|user|N|T|assistant|f|D|map[a:[true x] b:1 c:[999999 1e+06 0.0001 1e-05 -2.5e+21 0]]|");
  EXPECT_EQ(parts.extra_tokens, 8 + 3 * 3 + 3 + 3);
}

TEST(OpenAiRequest, NamesTheFilesOfAPrompt) {
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"T"},
    {"type":"image_url","image_url":{"url":"http://a/1","detail":"low"}},{"type":"image_url","image_url":"data:,x"},
    {"type":"input_audio","input_audio":{"data":"x","format":"wav"}},{"type":"input_audio","input_audio":{"data":"x"}},
    {"type":"file","file":{"filename":"f","file_data":"data:,y"}},{"type":"file","file":{"file_id":"1"}},
    {"type":"video_url","video_url":"http://a/2"}]}]})";
  std::string files;
  visit_prompt(
      OpenAiRoute::kChatCompletions, padded(body), [](std::string_view) {},
      [&](const PromptFile& file) {
        files += std::to_string(static_cast<int>(file.kind)) + " " + std::string(file.source) + " " +
                 std::string(file.detail) + "|";
      });
  EXPECT_EQ(files, "0 http://a/1 low|0 data:,x |1  |3 data:,y |2 http://a/2 |");
  EXPECT_EQ(read(body).files, 7);
}

TEST(OpenAiRequest, ALongNumberDoesNotHideThePrompt) {
  std::string text;
  auto parts = visit_prompt(OpenAiRoute::kCompletions,
                            padded(R"({"model":"m","x":1e400,"prompt":"P","seed":33333333333333333333})"),
                            [&](std::string_view part) { text += part; });
  EXPECT_EQ(text, "P");
  EXPECT_EQ(parts.extra_tokens, 3);
}

TEST(OpenAiPatch, F1_WithoutANeedNothingChanges) {
  const std::string body =
      R"({ "model":"m" , "temperature": 0.10, "x":1e400,"messages":[{"role":"user","content":"\u00e9"}]})";
  EXPECT_EQ(patched(body, {}), body);
}

TEST(OpenAiPatch, F1_ChangesOnlyWhatItNames) {
  EXPECT_EQ(patched(R"({"model" : "m","messages":[{}]})", {.upstream_model = "up\"stream"}),
            R"({"model" : "up\"stream","messages":[{}]})");
  EXPECT_EQ(patched(R"({"model":"m","stream":true,"messages":[{}]})", {.upstream_model = "m", .ask_usage = true}),
            R"({"stream_options":{"include_usage":true},"model":"m","stream":true,"messages":[{}]})");
  EXPECT_EQ(patched(R"({"model":"m","stream":true,"stream_options":{"include_usage":false,"x":1},"messages":[{}]})",
                    {.ask_usage = true}),
            R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{}]})");
  EXPECT_EQ(patched(R"({"model":"m","stream_options":{"x":1},"messages":[{}]})", {.drop_stream_options = true}),
            R"({"model":"m","messages":[{}]})");
  EXPECT_EQ(patched(R"({"service_tier":"auto","model":"m","store":true,"messages":[{}],"safety_identifier":"x"})",
                    {.drop_service_tier = true, .drop_store = true, .drop_safety_identifier = true}),
            R"({"model":"m","messages":[{}]})");
}

TEST(OpenAiPatch, PutsTheSystemPromptWhereItBelongs) {
  OpenAiPatch patch{.upstream_model = "m", .system_prompt = "P"};
  EXPECT_EQ(patched(R"({"model":"m","messages":[{"role":"user"}]})", patch),
            R"({"model":"m","messages":[{"role":"system","content":"P"},{"role":"user"}]})");
  EXPECT_EQ(patched(R"({"model":"m","messages":[{"role":"system","content":"old"}]})", patch),
            R"({"model":"m","messages":[{"role":"system","content":"old"}]})");
  patch.system_prompt_override = true;
  EXPECT_EQ(patched(R"({"model":"m","messages":[{"role":"system","content":"old"}]})", patch),
            R"({"model":"m","messages":[{"role":"system","content":"P\nold"}]})");
  EXPECT_EQ(
      patched(R"({"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"old"}]}]})", patch),
      R"({"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"P"},{"type":"text","text":"old"}]}]})");
}

TEST(OpenAiAnswer, TellsWholeEmptyAndErrorApart) {
  auto read_answer = [](const char* text) { return read_openai_answer(OpenAiRoute::kChatCompletions, padded(text)); };
  auto whole = read_answer(
      R"({"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}})");
  EXPECT_TRUE(whole.valid && !whole.is_empty && !whole.is_error);
  EXPECT_EQ(whole.usage->prompt_tokens, 3);
  EXPECT_TRUE(read_answer(R"({"choices":[]})").is_empty);
  EXPECT_TRUE(read_answer(R"({"choices":[{"message":{"content":""}}]})").is_empty);
  EXPECT_FALSE(read_answer(R"({"choices":[{"message":{"content":null,"tool_calls":[{}]}}]})").is_empty);
  EXPECT_TRUE(read_answer(R"({"error":{"type":"server_error","message":"x"}})").is_error);
  EXPECT_FALSE(read_answer("<html>").valid);
  EXPECT_EQ(read_answer(R"({"choices":[{"message":{"content":"a","reasoning_content":"b"},"finish_reason":"stop"}]})")
                .output_text,
            "ab");
}

TEST(OpenAiAnswer, TakesAFailureInBaseRespForOne) {
  auto failed = read_openai_answer(OpenAiRoute::kChatCompletions,
                                   padded(R"({"base_resp":{"status_code":1004,"status_msg":"login fail"}})"));
  EXPECT_TRUE(failed.is_error);
  auto error = read_upstream_error(200, R"({"base_resp":{"status_code":1008,"status_msg":"no money"}})", {});
  EXPECT_EQ(error.status, 402);
  EXPECT_EQ(error.message, "no money");
  EXPECT_EQ(error.code, "1008");
  auto whole = read_openai_answer(
      OpenAiRoute::kChatCompletions,
      padded(R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"base_resp":{"status_code":0}})"));
  EXPECT_FALSE(whole.is_error);
}

TEST(OpenAiAnswer, CountsContentInParts) {
  EXPECT_EQ(read_openai_answer(OpenAiRoute::kChatCompletions,
                               padded(R"({"choices":[{"message":{"content":[{"type":"thinking","thinking":)"
                                      R"([{"type":"text","text":"a"}]},{"type":"text","text":"b"}]}}]})"))
                .output_text,
            "ab");
}

TEST(OpenAiUsage, B6_ReadsCompletionsThatLeaveOutReasoning) {
  const std::string_view figures = R"({"prompt_tokens":291,"completion_tokens":26,"total_tokens":513})";
  EXPECT_EQ(read_openai_usage(figures)->completion_tokens, 26);
  EXPECT_EQ(read_openai_usage(figures, nullptr, {.completion_without_reasoning = true})->completion_tokens, 222);
}

TEST(OpenAiUsage, B6_ReadsCachedTokensBesideTheDetailsOnlyWhereTheyStand) {
  const std::string_view figures =
      R"({"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,"cached_tokens":64})";
  EXPECT_EQ(read_openai_usage(figures)->cached_tokens, 0);
  EXPECT_EQ(read_openai_usage(figures, nullptr, {.cached_apart = true})->cached_tokens, 64);
  auto answer = read_openai_answer(OpenAiRoute::kChatCompletions,
                                   padded(R"({"choices":[{"message":{"content":"a"},"usage":{"cached_tokens":7}}],)"
                                          R"("usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}})"),
                                   {.cached_apart = true});
  EXPECT_EQ(answer.usage->cached_tokens, 7);
}

TEST(OpenAiUsage, B6_ReadsEverySpellingThatIsMet) {
  auto usage =
      *read_openai_usage(R"({"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_cache_hit_tokens":64,
      "prompt_tokens_details":{"cached_tokens":60,"audio_tokens":3,"image_tokens":4},"completion_tokens_details":{"reasoning_tokens":9}})");
  EXPECT_EQ(usage.cached_tokens, 64);
  EXPECT_EQ(usage.prompt_audio_tokens, 3);
  EXPECT_EQ(usage.prompt_image_tokens, 4);
  EXPECT_EQ(usage.reasoning_tokens, 9);
  EXPECT_EQ(read_openai_usage(R"({"input_tokens":5,"output_tokens":6})")->completion_tokens, 6);
  EXPECT_FALSE(read_openai_usage("null"));
  EXPECT_EQ(*read_openai_usage(write_openai_usage(usage)), [&] {
    auto copy = usage;
    copy.total_tokens = 120;
    return copy;
  }());
}

TEST(OpenAiUsage, B7_RefusesFiguresThatCannotBe) {
  for (auto absurd :
       {R"({"prompt_tokens":-4,"completion_tokens":5})", R"({"prompt_tokens":4,"completion_tokens":1000000001})",
        R"({"prompt_tokens":1e30,"completion_tokens":5})", R"({"prompt_tokens":1.5,"completion_tokens":5})",
        R"({"prompt_tokens":"10","completion_tokens":5})", R"({"prompt_tokens":10,"completion_tokens":[5]})",
        R"({"prompt_tokens":10,"completion_tokens":20,"total_tokens":29})",
        R"({"prompt_tokens":10,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":-1}})",
        R"({"prompt_tokens":10,"completion_tokens":20,"completion_tokens_details":{"reasoning_tokens":0.5}})",
        R"({"prompt_tokens":10,"completion_tokens":99999999999999999999})"}) {
    bool refused = false;
    EXPECT_FALSE(read_openai_usage(absurd, &refused)) << absurd;
    EXPECT_TRUE(refused) << absurd;
  }
  bool refused = true;
  auto usage = read_openai_usage(
      R"({"prompt_tokens":10.0,"completion_tokens":2e1,"total_tokens":30,"prompt_tokens_details":null,"cost":0.5,"x":"y"})",
      &refused);
  ASSERT_TRUE(usage);
  EXPECT_FALSE(refused);
  EXPECT_EQ(usage->completion_tokens, 20);
}

TEST(OpenAiError, FindsTheMessageWhereProvidersPutIt) {
  auto error = [](int status, const char* body) { return read_upstream_error(status, body, {}); };
  auto usual =
      error(429, R"({"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limited"}})");
  EXPECT_EQ(error_body(usual, "RID"),
            R"({"error":{"message":"slow down","type":"rate_limit_error","param":"","code":"rate_limited"}})");
  auto number = error(400, R"({"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}})");
  EXPECT_EQ(number.type, "upstream_error");
  EXPECT_EQ(number.code, "400");
  EXPECT_EQ(error(500, R"({"error":"quota"})").message, "quota");
  EXPECT_EQ(error(500, R"({"error":"quota"})").type, "bad_response_status_code");
  EXPECT_EQ(error(404, R"({"detail":"not found"})").message, "not found");
  EXPECT_EQ(error(500, R"({"header":{"message":"deep"}})").message, "deep");
  EXPECT_EQ(error(502, "<html>").message, "openai_error");
  EXPECT_EQ(error(529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})").type,
            "overloaded_error");
}

TEST(OpenAiError, X1_KeepsSecretsAndAuthenticationTextsIn) {
  core::SecretSet secrets;
  secrets.add("super-secret-key");
  auto error = read_upstream_error(
      400, R"({"error":{"message":"key super-secret-key at https://api.up.com/v1","type":"t"}})", secrets);
  EXPECT_EQ(error.message.find("super"), std::string::npos);
  EXPECT_EQ(error.message.find("api.up"), std::string::npos);
  auto refused = read_upstream_error(401, R"({"error":{"message":"Incorrect API key","type":"t"}})", secrets);
  EXPECT_EQ(refused.message, "upstream authentication failed");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.log_text(), "Incorrect API key");
  refused =
      read_upstream_error(403, R"({"error":{"message":"super-secret-key?","type":"t"}})", secrets, AuthText::kPass);
  EXPECT_EQ(refused.message, "***?");
}

TEST(OpenAiError, X1_ScrubsEveryMemberThatPasses) {
  core::SecretSet secrets;
  secrets.add("super-secret-key");
  auto error = read_upstream_error(
      500,
      R"({"error":{"message":"m","type":"super-secret-key","code":"a\"super-secret-key","metadata":)"
      R"({"super-secret-key":["super-secret-key",1,null,{}],"at":"https://api.up.com/v1"}}})",
      secrets);
  EXPECT_EQ(error_body(error, "RID"),
            R"x({"error":{"message":"m ({\"***\":[\"***\",1,null,{}],\"at\":\"https://***.com/***\"})","type":"***",)x"
            R"x("param":"","code":"a\"***","metadata":{"***":["***",1,null,{}],"at":"https://***.com/***"}}})x");
  auto code = read_upstream_error(500, R"({"error":{"message":"m","code":{"k":"super-secret-key"}}})", secrets);
  EXPECT_EQ(code.code, R"({"k":"***"})");
  auto page = read_upstream_error(502, "<html>super-secret-key</html>", secrets);
  EXPECT_EQ(page.log_text(), "bad response status code 502");
  EXPECT_EQ(page.detail, "body: <html>***</html>");
}

TEST(OpenAiError, OnlySecondsAndDatesPassAsRetryAfter) {
  for (auto good : {"0", "7", "120", "Sun, 06 Nov 1994 08:49:37 GMT"}) EXPECT_TRUE(is_retry_after(good)) << good;
  for (auto bad :
       {"", "-1", "1.5", "12345678901", "sk-proj-abcdefghijklmnopq", "soon", "Sun, 06 Nov 1994 08:49:37 CET"})
    EXPECT_FALSE(is_retry_after(bad)) << bad;
}

TEST(OpenAiError, GateAndGatewayErrorsHaveTheirShapes) {
  EXPECT_EQ(error_body(gate_error(401, "无效的令牌"), "RID"),
            R"x({"error":{"code":"","message":"无效的令牌 (request id: RID)","type":"new_api_error"}})x");
  EXPECT_EQ(
      error_body(upstream_unreachable("connect refused"), "RID"),
      R"x({"error":{"message":"upstream error: do request failed (request id: RID)","type":"new_api_error","param":"","code":"do_request_failed"}})x");
}

}  // namespace tollgate::dialect
