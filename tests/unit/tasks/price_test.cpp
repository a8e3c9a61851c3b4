#include "tasks/price.h"

#include <gtest/gtest.h>

namespace tollgate::tasks {
namespace {

using Options = billing::PriceBook::Options;

std::int64_t units(const Options& options, PriceQuestion question) {
  if (question.unknown_units == 0) question.unknown_units = 500;
  question.user_group = "default";
  if (question.using_group.empty()) question.using_group = "default";
  return price_of(billing::PriceBook(options), question).quota.units;
}

TEST(TaskPrice, WorkedExample1SecondsAndSizeMultiplyThePriceOfSora) {
  const ExtraRatio short_one[] = {{"seconds", 4}, {"size", 1}};
  EXPECT_EQ(units({}, {.model = "sora-2", .ratios = short_one}), 600'000);
  const ExtraRatio large_one[] = {{"seconds", 8}, {"size", 1.666667}};
  EXPECT_EQ(units({}, {.model = "sora-2-pro", .ratios = large_one}), 3'333'334);
}

TEST(TaskPrice, WorkedExample2ASpecialRatioStandsInPlaceOfTheGroups) {
  const ExtraRatio ratios[] = {{"seconds", 8}, {"size", 1}};
  const Options options{{"GroupGroupRatio", R"({"default":{"vip":0.9}})"}, {"GroupRatio", R"({"default":1,"vip":2})"}};
  EXPECT_EQ(units(options, {.model = "sora-2", .using_group = "vip", .ratios = ratios}), 1'080'000);
}

TEST(TaskPrice, WorkedExample3WithoutRatiosACallCostsItsPrice) { EXPECT_EQ(units({}, {.model = "sora-2"}), 150'000); }

TEST(TaskPrice, WorkedExample4AnUnknownModelCostsTheReserveATimesItsRatios) {
  const ExtraRatio ratios[] = {{"seconds", 5}, {"resolution-1080P", 1 / 0.3}};
  EXPECT_EQ(units({}, {.model = "wan2.5-i2v-preview", .ratios = ratios}), 8'333);
}

TEST(TaskPrice, WorkedExample5AnUnknownModelWithoutRatios) {
  EXPECT_EQ(units({}, {.model = "doubao-seedance-1-0-pro-250528"}), 500);
}

TEST(TaskPrice, WorkedExample7AMidjourneyUpscaleInASpecialGroup) {
  const Options options{{"GroupGroupRatio", R"({"default":{"default":0.9}})"}};
  EXPECT_EQ(units(options, {.model = "mj_upscale"}), 22'500);
}

TEST(TaskPrice, WorkedExample8ARemixCostsWhatItsOriginAskedFor) {
  const ExtraRatio ratios[] = {{"seconds", 8}, {"size", 1}};
  EXPECT_EQ(units({}, {.model = "sora-2", .ratios = ratios}), 1'200'000);
}

TEST(TaskPrice, TheBuiltInPriceCountsWhereTheStoredTableHasNone) {
  const Options options{{"ModelPrice", R"({"other":1})"}};
  EXPECT_EQ(units(options, {.model = "suno_music"}), 50'000);
  EXPECT_EQ(units({{"ModelPrice", R"({"suno_music":0.2})"}}, {.model = "suno_music"}), 100'000);
}

TEST(TaskPrice, NoBinaryFractionEntersTheAmount) {
  // 0.07 × 100 is 7.000000000000001 in doubles, 0.29 × 100 is 28.999999999999996.
  const Options options{{"ModelPrice", R"({"a":0.29,"b":0.07})"}, {"QuotaPerUnit", "100"}};
  EXPECT_EQ(units(options, {.model = "a"}), 29);
  EXPECT_EQ(units(options, {.model = "b"}), 7);
}

TEST(TaskPrice, TheLogRowNamesPriceRatiosAndPath) {
  const ExtraRatio ratios[] = {{"seconds", 8}, {"size", 1}, {"other", 1.666667}};
  EXPECT_EQ(ratios_text(ratios), ", 计算参数：seconds: 8.00, other: 1.67");
  EXPECT_EQ(ratios_text({}), "");
  TaskPrice price{.model_price = 0.1, .group_ratio = 0.9, .user_group_ratio = 0.9, .quota = {}};
  EXPECT_EQ(price_json(price, "/v1/videos"),
            R"({"group_ratio":0.9,"model_price":0.1,"request_path":"/v1/videos","user_group_ratio":0.9})");
}

}  // namespace
}  // namespace tollgate::tasks
