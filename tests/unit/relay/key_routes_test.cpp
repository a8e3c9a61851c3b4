#include "relay/key_routes.h"

#include <gtest/gtest.h>

#include "relay/billing_info.h"
#include "relay/endpoint_types.h"
#include "relay/model_limit.h"

namespace tollgate::relay {
namespace {

core::Options options(core::OptionRows rows) { return core::Options(rows); }

using Types = std::vector<std::string_view>;

}  // namespace

TEST(KeyRoutes, MatchMethodAndSegments) {
  EXPECT_TRUE(find_key_route("GET", "/v1/files/abc"));
  EXPECT_TRUE(find_key_route("GET", "/v1/files/abc/content"));
  for (auto path : {"/v1/files/", "/v1/files/a/b", "/v1/files//content", "/v1/filesx", "/v1/files/a/content/b"})
    EXPECT_FALSE(find_key_route("GET", path)) << path;
  EXPECT_FALSE(find_key_route("PUT", "/v1/files"));
  EXPECT_FALSE(find_key_route("HEAD", "/v1/models"));
}

TEST(KeyRoutes, NamesOfModelsMayHoldSlashes) {
  EXPECT_TRUE(find_key_route("GET", "/v1/models/org/model"));
  EXPECT_TRUE(find_key_route("DELETE", "/v1/models/org%2Fmodel"));
  EXPECT_FALSE(find_key_route("GET", "/v1/models/"));
}

TEST(KeyRoutes, OnlyThoseThatNewApiRelaysLookAtTheLoad) {
  EXPECT_FALSE(find_key_route("GET", "/v1/models")->checks_load);
  EXPECT_FALSE(find_key_route("GET", "/dashboard/billing/usage")->checks_load);
  EXPECT_TRUE(find_key_route("POST", "/v1/edits")->checks_load);
}

TEST(EndpointTypes, FollowTheChannelsTypes) {
  EXPECT_EQ(endpoint_types("m", std::vector{1}), (Types{"openai"}));
  EXPECT_EQ(endpoint_types("m", std::vector{14, 1}), (Types{"anthropic", "openai"}));
  EXPECT_EQ(endpoint_types("m", std::vector{33}), (Types{"anthropic", "openai"}));
  EXPECT_EQ(endpoint_types("m", std::vector{24, 41}), (Types{"gemini", "openai"}));
  EXPECT_EQ(endpoint_types("m", std::vector{38}), (Types{"jina-rerank"}));
  EXPECT_EQ(endpoint_types("m", std::vector{55, 20}), (Types{"openai-video", "openai"}));
  EXPECT_EQ(endpoint_types("m", {}), Types{});
}

TEST(EndpointTypes, FollowTheModelsName) {
  EXPECT_EQ(endpoint_types("o3-pro-2025-06-10", std::vector{1}), (Types{"openai-response"}));
  EXPECT_EQ(endpoint_types("o3-pro", std::vector{20, 1}), (Types{"openai", "openai-response"}));
  for (auto name : {"dall-e-3", "DALL-E-2", "gpt-image-1-mini", "flux-dev", "black/FLUX.1-schnell", "Imagen-4"})
    EXPECT_EQ(endpoint_types(name, std::vector{1}), (Types{"image-generation", "openai"})) << name;
  EXPECT_EQ(endpoint_types("my-imagen-4", std::vector{1}), (Types{"openai"}));
}

TEST(BillingInfo, IsAtFourPaths) {
  for (auto path : {"/dashboard/billing/usage", "/v1/dashboard/billing/subscription"})
    EXPECT_TRUE(is_billing_info(path)) << path;
  for (auto path : {"/dashboard/billing", "/v1/v1/dashboard/billing/usage", "/dashboard/billing/usage/"})
    EXPECT_FALSE(is_billing_info(path)) << path;
}

TEST(BillingInfo, ConvertsByTheDisplayType) {
  GrantedAndUsed figures{.remaining = {1'000'000}, .used = {500'000}};
  auto limit = [&](const char* type) {
    auto text = subscription_json(options({{"general_setting.quota_display_type", type}}), figures);
    auto at = text.find("\"hard_limit_usd\":") + 17;
    return text.substr(at, text.find(',', at) - at);
  };
  EXPECT_EQ(limit("USD"), "3");
  EXPECT_EQ(limit("CNY"), "21.9");
  EXPECT_EQ(limit("TOKENS"), "1500000");
  EXPECT_EQ(limit("CUSTOM"), "3");
  EXPECT_EQ(usage_json(options({}), figures), R"({"object":"list","total_usage":100})");
  figures.unlimited = true;
  EXPECT_EQ(limit("TOKENS"), "100000000");
}

TEST(ModelLimits, OfAGroupReplaceTheGeneralPair) {
  auto limits = ModelLimits::of(options({{"ModelRequestRateLimitEnabled", "true"},
                                         {"ModelRequestRateLimitCount", "7"},
                                         {"ModelRequestRateLimitDurationMinutes", "3"},
                                         {"ModelRequestRateLimitGroup", R"({"vip":[0,5],"odd":"x","short":[1]})"}}));
  EXPECT_TRUE(limits.enabled);
  EXPECT_EQ(limits.minutes, 3);
  EXPECT_EQ(limits.of_group("vip").total, 0);
  EXPECT_EQ(limits.of_group("vip").success, 5);
  for (auto group : {"default", "auto", "odd", "short"}) {
    EXPECT_EQ(limits.of_group(group).total, 7) << group;
    EXPECT_EQ(limits.of_group(group).success, 1000) << group;
  }
}

TEST(ModelLimits, AreOffByDefaultAndWithABrokenTableGeneral) {
  EXPECT_FALSE(ModelLimits::of(options({})).enabled);
  EXPECT_TRUE(ModelLimits::of(options({{"ModelRequestRateLimitGroup", "{"}})).groups.empty());
}

TEST(KeyRoutes, APartOfThePathIsNamedByThePattern) {
  EXPECT_EQ(path_part("/v1/files/{}/content", "/v1/files/abc/content", 0), "abc");
  EXPECT_EQ(path_part("/{}/mj/task/{}/fetch", "/fast/mj/task/12/fetch", 1), "12");
  EXPECT_EQ(path_part("/v1/models/{*}", "/v1/models/org/model", 0), "org/model");
  EXPECT_EQ(path_part("/v1/models", "/v1/models", 0), "");
  EXPECT_EQ(path_part("/v1/files/{}", "/v1/files/abc", 1), "");
}

}  // namespace tollgate::relay
