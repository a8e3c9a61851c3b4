#include "relay/credentials.h"

#include <gtest/gtest.h>

#include <map>

namespace tollgate::relay {
namespace {

Credential find(std::string_view path, std::map<std::string, std::string, std::less<>> headers,
                std::string_view query = "") {
  return find_credential(path, query, [&](std::string_view name) -> std::optional<std::string_view> {
    auto found = headers.find(name);
    if (found == headers.end()) return std::nullopt;
    return std::string_view(found->second);
  });
}

}  // namespace

TEST(Credentials, AcceptTheSpellingsOfAuthorization) {
  for (auto text : {"Bearer sk-abc", "bearer sk-abc", "sk-abc", "abc", "Bearer   abc  "})
    EXPECT_EQ(find("/v1/chat/completions", {{"authorization", text}}).key, "abc") << text;
  EXPECT_EQ(find("/v1/chat/completions", {}).key, "");
  EXPECT_EQ(find("/v1/chat/completions", {{"authorization", "BEARER abc"}}).key, "BEARER abc");
}

TEST(Credentials, PinAChannelBehindTheKey) {
  auto credential = find("/v1/chat/completions", {{"authorization", "Bearer sk-abc-17-x"}});
  EXPECT_EQ(credential.key, "abc");
  EXPECT_EQ(credential.channel, "17");
  EXPECT_FALSE(find("/v1/chat/completions", {{"authorization", "Bearer sk-abc"}}).channel);
}

TEST(Credentials, OfOtherClientsCountOnTheirRoutesOnly) {
  EXPECT_EQ(find("/v1/messages", {{"authorization", "sk-a"}, {"x-api-key", "sk-b"}}).key, "b");
  EXPECT_EQ(find("/v1/chat/completions", {{"authorization", "sk-a"}, {"x-api-key", "sk-b"}}).key, "a");
  EXPECT_EQ(find("/v1beta/models/m:generateContent", {}, "alt=sse&key=sk%2Dq").key, "q");
  EXPECT_EQ(find("/v1beta/models/m", {{"x-goog-api-key", "g"}}, "key=q").key, "g");
  EXPECT_EQ(find("/v1/models", {}, "key=q").key, "");
}

TEST(Credentials, OfWebSocketClientsReplaceAuthorization) {
  EXPECT_EQ(find("/v1/realtime", {{"sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-w, beta"}}).key,
            "w");
  EXPECT_EQ(find("/v1/realtime", {{"authorization", "sk-a"}, {"sec-websocket-protocol", "realtime"}}).key, "a");
}

TEST(Credentials, OfMidjourneyClientsCountWhereThereIsNoOther) {
  EXPECT_EQ(find("/mj/submit/imagine", {{"mj-api-secret", "sk-m"}}).key, "m");
  EXPECT_EQ(find("/mj/submit/imagine", {{"authorization", "Bearer midjourney-proxy"}, {"mj-api-secret", "m"}}).key,
            "m");
  EXPECT_EQ(find("/mj/submit/imagine", {{"authorization", "Bearer sk-a"}, {"mj-api-secret", "m"}}).key, "a");
}

}  // namespace tollgate::relay
