#include "billing/price_book.h"

#include <gtest/gtest.h>

namespace tollgate::billing {
namespace {

Price price_of(const PriceBook& book, std::string_view model) {
  return book.resolve({.model = model, .user_group = "default", .using_group = "default"}).value();
}

TEST(PriceBook, KnowsTheBuiltInTables) {
  const PriceBook book({});
  const Price price = price_of(book, "gpt-4o");
  EXPECT_FALSE(price.price_billed);
  EXPECT_EQ(price.model_price, -1);
  EXPECT_EQ(price.model_ratio, 1.25);
  EXPECT_EQ(price.completion_ratio, 4);
  EXPECT_EQ(price.cache_ratio, 0.5);
  EXPECT_EQ(price.cache_creation_ratio, 1.25);
  EXPECT_EQ(price.cache_creation_1h_ratio, 2);
  EXPECT_EQ(price.image_ratio, 1);
  EXPECT_EQ(price.group_ratio, 1);
  EXPECT_EQ(price.user_group_ratio, -1);
  EXPECT_EQ(price.quota_per_unit, 500000);
  EXPECT_TRUE(price.built_in_ratio);
  EXPECT_FALSE(price.audio_model);
  EXPECT_TRUE(price_of(book, "gpt-4o-audio-preview").audio_model);
}

TEST(PriceBook, APricePerCallWinsOverARatioAndTakesTheImageFactor) {
  const PriceBook book({});
  const double factor = image_price_factor("dall-e-3", "1024x1792", "hd", 2);
  EXPECT_EQ(factor, 6);
  const Price price =
      book.resolve({.model = "dall-e-3", .user_group = "", .using_group = "", .image_factor = factor}).value();
  EXPECT_TRUE(price.price_billed);
  EXPECT_EQ(price.model_price, 0.24);
  EXPECT_EQ(price.model_ratio, 0);
  EXPECT_EQ(price.completion_ratio, 0);
  EXPECT_TRUE(price_of(book, "gpt-4-gizmo-g-abc").price_billed) << "all GPTs share one entry";
}

TEST(PriceBook, ImageFactorsFollowSizeQualityAndCount) {
  EXPECT_EQ(image_price_factor("dall-e-2", "256x256", "", 1), 0.4);
  EXPECT_EQ(image_price_factor("dall-e-2", "512x512", "hd", 2), 0.9);
  EXPECT_EQ(image_price_factor("dall-e-3", "1024x1024", "hd", 1), 2);
  EXPECT_EQ(image_price_factor("gpt-image-1", "256x256", "hd", 3), 3);
}

TEST(PriceBook, AModelWithoutAPriceIsRefusedUnlessThatIsAllowed) {
  const PriceBook book({});
  const auto refused = book.resolve({.model = "dall-e-2", .user_group = "", .using_group = ""});
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().message,
            "模型 dall-e-2 倍率或价格未配置，请联系管理员设置或开始自用模式；Model dall-e-2 ratio or price not set, "
            "please set or start self-use mode");
  EXPECT_FALSE(book.has_price("dall-e-2"));
  EXPECT_EQ(book.resolve({.model = "x", .user_group = "", .using_group = "", .accept_unset_ratio = true})->model_ratio,
            37.5);
  const PriceBook self_use({{"SelfUseModeEnabled", "true"}});
  EXPECT_EQ(price_of(self_use, "x").model_ratio, 37.5);
}

TEST(PriceBook, GroupsHaveRatiosAndPairsOfGroupsSpecialOnes) {
  const PriceBook book(
      {{"GroupRatio", R"({"default":1,"cheap":0.5})"}, {"GroupGroupRatio", R"({"vip":{"cheap":0.1,"x":0}})"}});
  const auto in = [&](std::string_view user, std::string_view group) {
    return book.resolve({.model = "gpt-4o", .user_group = user, .using_group = group}).value();
  };
  EXPECT_EQ(in("default", "cheap").group_ratio, 0.5);
  EXPECT_EQ(in("default", "cheap").user_group_ratio, -1);
  EXPECT_EQ(in("vip", "cheap").group_ratio, 0.1);
  EXPECT_EQ(in("vip", "cheap").user_group_ratio, 0.1);
  EXPECT_EQ(in("vip", "x").group_ratio, 0);
  EXPECT_EQ(in("vip", "unknown").group_ratio, 1);
  EXPECT_TRUE(book.has_group("cheap"));
  EXPECT_FALSE(book.has_group("x"));
}

TEST(PriceBook, AStoredTableReplacesTheBuiltInOneAndABrokenOneIsEmpty) {
  const PriceBook stored({{"ModelRatio", R"({"mine":0.8572,"odd":"text"})"}, {"ModelPrice", "{}"}});
  EXPECT_EQ(price_of(stored, "mine").model_ratio, 0.8572);
  EXPECT_FALSE(price_of(stored, "mine").built_in_ratio);
  EXPECT_FALSE(stored.has_price("gpt-4o"));
  EXPECT_FALSE(stored.has_price("odd"));
  const PriceBook broken({{"ModelRatio", R"({"gpt-4o":1)"}});
  EXPECT_FALSE(broken.has_price("gpt-4o"));
  EXPECT_TRUE(broken.has_price("dall-e-3")) << "the other tables stand";
}

TEST(PriceBook, CompletionRatiosFollowTheBuiltInRules) {
  const PriceBook book({});
  const std::pair<const char*, double> rows[] = {
      {"gpt-4-all", 2},
      {"gpt-4o-2024-05-13", 3},
      {"gpt-4o-mini-tts", 20},
      {"gpt-4o-mini", 4},
      {"gpt-5-nano", 8},
      {"gpt-4.5-preview", 2},
      {"gpt-4-turbo-2024", 3},
      {"gpt-4-1106", 3},
      {"gpt-4.1", 2},
      {"gpt-3.5-turbo", 2},
      {"gpt-image-1", 8},
      {"o1-mini", 4},
      {"o3", 4},
      {"o4-mini", 1},
      {"chatgpt-4o-latest", 3},
      {"claude-sonnet-4-20250514", 5},
      {"mistral-large", 3},
      {"gemini-2.0-flash", 4},
      {"gemini-2.5-pro", 8},
      {"gemini-2.5-flash-preview-nothinking", 4},
      {"gemini-2.5-flash-lite", 4},
      {"gemini-3-pro-image-x", 60},
      {"gemini-3-pro-preview", 6},
      {"gemini-x", 4},
      {"command-r", 3},
      {"command-r-plus", 5},
      {"command-light", 4},
      {"ERNIE-Lite-8K", 2},
      {"llama3-8b-8192", 2},
      {"llama2-70b-4096", 1.25},
      {"deepseek-chat", 1},
      {"gpt-4o-gizmo-x", 3},
      {"gemini-2.5-flash", 8.333333333333334},
      {"gemini-2.5-flash-preview-05", 23.333333333333332},
      {"llama3-70b-8192", 1.3389830508474576},
  };
  for (const auto& [model, ratio] : rows) EXPECT_EQ(book.completion_ratio(model), ratio) << model;
}

TEST(PriceBook, OnlySoftCompletionRulesCanBeOverriddenExceptWithASlash) {
  const PriceBook book({{"CompletionRatio", R"({"gpt-5":2,"gpt-4o":7,"x/gpt-5":9,"unheard-of":6,"claude-3/y":1.5})"}});
  EXPECT_EQ(book.completion_ratio("gpt-5"), 8);
  EXPECT_EQ(book.completion_ratio("gpt-4o"), 7);
  EXPECT_EQ(book.completion_ratio("x/gpt-5"), 9);
  EXPECT_EQ(book.completion_ratio("unheard-of"), 6);
  EXPECT_EQ(book.completion_ratio("claude-3/y"), 1.5);
}

TEST(PriceBook, CompactModelsShareOneEntry) {
  const PriceBook priced({{"ModelPrice", R"({"*-openai-compact":0.1,"a-openai-compact":9})"}});
  EXPECT_EQ(price_of(priced, "a-openai-compact").model_price, 0.1);
  const PriceBook rated({{"ModelRatio", R"({"*-openai-compact":3,"a-openai-compact":4})"}});
  EXPECT_EQ(price_of(rated, "a-openai-compact").model_ratio, 4);
  EXPECT_EQ(price_of(rated, "b-openai-compact").model_ratio, 3);
}

TEST(PriceBook, FreeModelsNeedNoBalanceWhenTheOptionSaysSo) {
  const PriceBook strict({});
  EXPECT_FALSE(price_of(strict, "glm-4-flash").free);
  const PriceBook book({{"quota_setting.enable_free_model_pre_consume", "false"}, {"GroupRatio", R"({"zero":0})"}});
  EXPECT_TRUE(price_of(book, "glm-4-flash").free);
  EXPECT_FALSE(price_of(book, "gpt-4o").free);
  EXPECT_TRUE(book.resolve({.model = "gpt-4o", .user_group = "", .using_group = "zero"})->free);
}

TEST(PriceBook, ReadsTheUnitAndTheReserve) {
  const Price price = price_of(PriceBook({{"QuotaPerUnit", "1000.5"}, {"PreConsumedQuota", "7"}}), "gpt-4o");
  EXPECT_EQ(price.quota_per_unit, 1000.5);
  EXPECT_EQ(price.reserve_tokens, 7);
  const Price odd = price_of(PriceBook({{"QuotaPerUnit", "none"}, {"PreConsumedQuota", "none"}}), "gpt-4o");
  EXPECT_EQ(odd.quota_per_unit, 500000);
  EXPECT_EQ(odd.reserve_tokens, 0);
}

TEST(PriceBook, MatchingNamesGatherVariants) {
  EXPECT_EQ(matching_name("gemini-2.5-pro-thinking-2048"), "gemini-2.5-pro-thinking-*");
  EXPECT_EQ(matching_name("gemini-2.5-flash-thinking-128"), "gemini-2.5-flash-thinking-*");
  EXPECT_EQ(matching_name("gemini-2.5-flash-lite-preview-thinking-128"), "gemini-2.5-flash-lite-thinking-*");
  EXPECT_EQ(matching_name("gemini-2.5-pro"), "gemini-2.5-pro");
  EXPECT_EQ(matching_name("gpt-4o-gizmo-g-x"), "gpt-4o-gizmo-*");
  EXPECT_EQ(matching_name("gpt-4"), "gpt-4");
}

}  // namespace
}  // namespace tollgate::billing
