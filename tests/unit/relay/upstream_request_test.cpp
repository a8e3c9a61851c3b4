#include "relay/upstream_request.h"

#include <gtest/gtest.h>

namespace tollgate::relay {
namespace {

using dialect::OpenAiRoute;

Channel channel(int type, std::string base_url = "http://h") {
  Channel channel;
  channel.provider = provider::find_provider(type);
  channel.base_url = std::move(base_url);
  return channel;
}

// Address and headers, or the code and text of the refusal.
std::string built(const UpstreamTarget& target) {
  UpstreamRequestHead head;
  if (auto wrong = head.build(target)) return wrong->code + " " + wrong->log_text();
  auto request = head.request();
  std::string out = request.url->host + request.url->target;
  for (const auto& header : request.headers) out += "\n" + std::string(header.name) + ": " + std::string(header.value);
  return out;
}

std::string stream_options(int type, const std::string& body, bool force, bool without = false,
                           OpenAiRoute route = OpenAiRoute::kChatCompletions) {
  auto text = body + std::string(64, '\0');
  std::string_view view(text.data(), body.size());
  auto request = dialect::read_openai_request(route, view);
  core::JsonEditor editor(view);
  std::string model = request->model;
  rewrite_openai_body(channel(type), route, model, *request, force, editor, view, without);
  auto out = editor.text();
  auto at = out.find("\"stream_options\":");
  return at == std::string::npos ? "" : out.substr(at + 17, out.find('}', at) - at - 16);
}

}  // namespace

TEST(UpstreamRequest, HoldsAddressAndHeaders) {
  auto openai = channel(1);
  openai.organization = "org-1";
  EXPECT_EQ(built({.channel = openai, .key = "k", .upstream_model = "m", .stream = true, .query = "a=1"}),
            "h/v1/chat/completions?a=1\nContent-Type: application/json\nAccept: text/event-stream\n"
            "Authorization: Bearer k\nOpenAI-Organization: org-1");
  auto azure = channel(3);
  azure.other = "v";
  EXPECT_EQ(built({.channel = azure, .key = "k", .upstream_model = "m", .accept = "*/*"}),
            "h/openai/deployments/m/chat/completions?api-version=v\nContent-Type: application/json\nAccept: */*\n"
            "api-key: k");
}

TEST(UpstreamRequest, RefusesWhatAChannelCannotBeAsked) {
  auto submodel = channel(53);
  EXPECT_EQ(built({.channel = submodel, .key = "k", .route = OpenAiRoute::kEmbeddings}),
            "\"convert_request_failed\" submodel channel: endpoint not supported");
  auto jina = channel(38);
  EXPECT_EQ(built({.channel = jina, .key = "k"}), "\"convert_request_failed\" invalid relay mode");
  auto nowhere = channel(8, "");
  EXPECT_EQ(built({.channel = nowhere, .key = "k"}), "\"do_request_failed\" the channel has no base URL");
  auto baidu = channel(46);
  EXPECT_EQ(built({.channel = baidu, .key = "|a"}),
            "\"do_request_failed\" invalid API key: authorization token is required");
}

TEST(UpstreamRequest, LetsNoValueBeginAHeader) {
  auto openrouter = channel(20);
  openrouter.site_headers = {{"X-Title", "a\r\nX-Other: b"}};
  EXPECT_TRUE(built({.channel = openrouter, .key = "k"}).starts_with("\"channel:invalid_key\""));
  auto azure = channel(3);
  EXPECT_TRUE(built({.channel = azure, .key = "k\ny"}).starts_with("\"channel:invalid_key\""));
}

// By type, by what the client says, by FORCE_STREAM_OPTION.
TEST(UpstreamRequest, AsksForUsageInStreamsWhereTheUpstreamTakesIt) {
  const std::string said_no = R"({"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":false}})";
  const std::string silent = R"({"model":"m","messages":[{}],"stream":true})";
  const std::string plain = R"({"model":"m","messages":[{}],"stream_options":{"include_usage":true}})";
  for (int type : {1, 3, 8, 17, 31, 39, 43, 45, 46, 47, 48, 53}) {
    EXPECT_EQ(stream_options(type, said_no, true), R"({"include_usage":true})") << type;
    EXPECT_EQ(stream_options(type, silent, true), R"({"include_usage":true})") << type;
    EXPECT_EQ(stream_options(type, said_no, false), R"({"include_usage":false})") << type;
    EXPECT_EQ(stream_options(type, silent, false), "") << type;
    EXPECT_EQ(stream_options(type, plain, true), "") << type;
    EXPECT_EQ(stream_options(type, said_no, true, true), "") << type;
  }
  for (int type : {20, 25, 26, 27, 35, 40, 42}) {
    EXPECT_EQ(stream_options(type, said_no, true), "") << type;
    EXPECT_EQ(stream_options(type, silent, true), "") << type;
  }
}

}  // namespace tollgate::relay
