#include "provider/header_override.h"

#include <gtest/gtest.h>

namespace tollgate::provider {
namespace {

const std::vector<HeaderField> kClient = {{"host", "gateway"},
                                          {"authorization", "Bearer sk-client"},
                                          {"x-request-ID", " r1 "},
                                          {"X-Trace", "t1"},
                                          {"x-trace", "t2"},
                                          {"x-blank", "  "},
                                          {"cookie", "session=s"},
                                          {"user-agent", "sdk/1"},
                                          {"content-length", "12"},
                                          {"content-type", "multipart/form-data; boundary=b"},
                                          {"content-encoding", "br"},
                                          {"accept-encoding", "gzip"},
                                          {"X-Api-Key", "k"},
                                          {"transfer-encoding", "chunked"},
                                          {"te", "trailers"},
                                          {"expect", "100-continue"},
                                          {"X-Goog-Api-Key", "g"},
                                          {"sec-websocket-key", "w"},
                                          {"sec-websocket-protocol", "p"},
                                          {"connection", "close"},
                                          {"upgrade", "h2c"}};

// "Name: value" of each header, joined; "fault: …" or "error: …" when there are none.
std::string made(std::string_view text, std::string_view key = "sk-up") {
  auto rules = HeaderOverride::compile(text);
  if (!rules) return "none";
  if (!rules->fault().empty()) return "fault: " + rules->fault();
  auto headers = rules->headers(key, kClient);
  if (!headers) return "error: " + headers.error().message;
  std::string out;
  for (const auto& [name, value] : *headers) out += (out.empty() ? "" : "; ") + name + ": " + value;
  return out;
}

}  // namespace

TEST(HeaderOverride, IsNoneWithoutRules) {
  for (const char* text : {"", "{}", "x", "[]", "null", "\"a\""}) EXPECT_EQ(made(text), "none") << text;
}

TEST(HeaderOverride, SetsWhatItSays) {
  EXPECT_EQ(made(R"({"X-A":"1","x-b":" two "})"), "X-A: 1; x-b: two");
  EXPECT_EQ(made(R"({" X-A ":"1",""  :"2"," ":"3"})"), "X-A: 1");
  EXPECT_EQ(made(R"({"X-A":"","X-B":"  "})"), "");
  EXPECT_EQ(made(R"({"Host":"other.example","Authorization":"Basic x"})"),
            "Host: other.example; Authorization: Basic x");
}

TEST(HeaderOverride, PutsInTheKeyOfTheChannel) {
  EXPECT_EQ(made(R"({"api-key":"{api_key}","X-Two":"{api_key}/{api_key}"})"), "api-key: sk-up; X-Two: sk-up/sk-up");
  EXPECT_EQ(made(R"({"api-key":"{api_key}"})", ""), "");
  EXPECT_EQ(made(R"({"api-key":"{api_key}"})", "a {api_key} b"), "api-key: a {api_key} b");
}

TEST(HeaderOverride, TakesOneHeaderOfTheClient) {
  EXPECT_EQ(made(R"({"X-Up":"{client_header:X-Request-Id}"})"), "X-Up: r1");
  EXPECT_EQ(made(R"({"X-Up":" {client_header: x-trace } "})"), "X-Up: t1");
  EXPECT_EQ(made(R"({"X-Up":"{client_header:X-None}","X-B":"{client_header:x-blank}"})"), "");
  for (const char* text :
       {R"({"X":"{client_header:}"})", R"({"X":"a {client_header:B}"})", R"({"X":"{client_header:B"})",
        R"({"X":"{client_header:A}{client_header:B}"})", R"({"X":"{client_header:A} b"})"})
    EXPECT_TRUE(made(text).starts_with("fault: ")) << text;
}

TEST(HeaderOverride, PassesOnWhatRulesAllow) {
  EXPECT_EQ(made(R"({"*":""})"), "X-Request-Id: r1; X-Trace: t1; User-Agent: sdk/1");
  EXPECT_EQ(made(R"({"*":false})"), "X-Request-Id: r1; X-Trace: t1; User-Agent: sdk/1");
  EXPECT_EQ(made(R"({"re:^X-T":1})"), "X-Trace: t1");
  EXPECT_EQ(made(R"({"Regex:Request-Id$":null})"), "X-Request-Id: r1");
  EXPECT_EQ(made(R"({"RE:agent":""})"), "") << "names are looked at in their usual spelling";
  EXPECT_EQ(made(R"({"re:(?i)agent":""})"), "User-Agent: sdk/1");
  EXPECT_EQ(made(R"({"re:^X-T":"","re:Agent":""})"), "X-Trace: t1; User-Agent: sdk/1");
}

TEST(HeaderOverride, X1_NeverPassesOnCredentialsAndFraming) {
  EXPECT_EQ(made(R"j({"re:(?i)(host|auth|cookie|content|encoding|key|^te|expect|connection|upgrade)":""})j"), "");
}

TEST(HeaderOverride, PutsRulesBeforeEntries) {
  EXPECT_EQ(made(R"({"X-Trace":"mine","*":""})"), "X-Request-Id: r1; X-Trace: t1; User-Agent: sdk/1; X-Trace: mine");
}

TEST(HeaderOverride, LeavesTheFramingToTheGateway) {
  EXPECT_EQ(made(R"({"Content-Length":"5","Transfer-Encoding":"chunked","Connection":"close","X-A":"1"})"), "X-A: 1");
}

TEST(HeaderOverride, SaysWhatIsWrong) {
  EXPECT_EQ(made(R"({"X-A":1})"), "fault: channel:header_override_invalid");
  EXPECT_EQ(made(R"({"X-A":null})"), "fault: channel:header_override_invalid");
  EXPECT_TRUE(made(R"({"re:":""})").starts_with("fault: header override: the pattern of 're:' is empty"));
  EXPECT_TRUE(made(R"({"regex: ":""})").starts_with("fault: header override: the pattern"));
  EXPECT_TRUE(made(R"({"re:(":""})").starts_with("fault: header override: error parsing regexp"));
  EXPECT_TRUE(made(R"({"X A":"1"})").starts_with("fault: header override: 'X A' is no name"));
  EXPECT_TRUE(made(R"({"X-A":"a\r\nX-B: b"})").starts_with("error: header override: the value of 'X-A'"));
  EXPECT_TRUE(made(R"({"X-A":"a\u0000b"})").starts_with("error: "));
  EXPECT_TRUE(made(R"({"X-A":"{api_key}"})", "a\nb").starts_with("error: "));
}

TEST(HeaderOverride, KnowsWhichHeadersItNames) {
  auto rules = HeaderOverride::compile(R"({"AUTHORIZATION":"{client_header:X-None}","X-A":"1"})");
  EXPECT_TRUE(rules->sets("Authorization"));
  EXPECT_TRUE(rules->sets("x-a"));
  EXPECT_FALSE(rules->sets("accept"));
  EXPECT_TRUE(rules->asks_client());
  EXPECT_FALSE(HeaderOverride::compile(R"({"X-A":"1"})")->asks_client());
}

TEST(HeaderOverride, X1_NamesItsCredentials) {
  auto rules = HeaderOverride::compile(R"({"Authorization":"Bearer sk-other","X-Api-Key":"{api_key}","X-A":"1"})");
  EXPECT_EQ(rules->secrets(), (std::vector<std::string_view>{"Bearer sk-other", "sk-other"}));
}

TEST(HeaderOverride, IsNotStoredWhenItCannotWork) {
  for (const char* fine : {"", "null", "{}", R"({"X-A":"1","*":true})"})
    EXPECT_EQ(why_not_store_header_override(fine), "") << fine;
  for (const char* bad : {"x", "[]", R"({"X-A":1})", R"({"re:":""})", R"({"X":"a {client_header:B}"})"})
    EXPECT_NE(why_not_store_header_override(bad), "") << bad;
}

}  // namespace tollgate::provider
