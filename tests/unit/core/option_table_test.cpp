#include "core/option_table.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

namespace tollgate::core {
namespace {

TEST(OptionTable, EveryKeyStandsInItOnce) {
  std::set<std::string_view> keys;
  for (const OptionSpec& spec : option_table()) EXPECT_TRUE(keys.insert(spec.key).second) << spec.key;
  EXPECT_GT(keys.size(), 150U);
}

TEST(OptionTable, DefaultsAreThoseOfTheCompatibleApi) {
  const Options options;
  EXPECT_EQ(options.integer("RetryTimes"), 0);
  EXPECT_EQ(options.integer("PreConsumedQuota"), 500);
  EXPECT_DOUBLE_EQ(options.real("QuotaPerUnit"), 500000);
  EXPECT_TRUE(options.boolean("LogConsumeEnabled"));
  EXPECT_FALSE(options.boolean("AutomaticDisableChannelEnabled"));
  EXPECT_EQ(options.text("AutomaticRetryStatusCodes"), "100-199,300-399,401-407,409-499,500-503,505-523,525-599");
  EXPECT_EQ(options.text("SystemName"), "New API");
  EXPECT_EQ(options.text("GroupRatio"), R"({"default":1,"vip":1,"svip":1})");
  EXPECT_EQ(options.integer("token_setting.max_user_tokens"), 1000);
  EXPECT_FALSE(options.text("ModelRatio").empty());
}

TEST(OptionTable, NeedsOfSwitchesAreKeysOfTheTable) {
  for (const OptionSpec& spec : option_table()) {
    if (!spec.needs.empty()) {
      EXPECT_NE(find_option(spec.needs), nullptr) << spec.key;
    }
  }
}

TEST(Options, RowsReplaceDefaultsAndUnknownKeysAreKept) {
  const Options options(OptionRows{{"RetryTimes", "3"}, {"tg.new_thing", "x"}});
  EXPECT_EQ(options.integer("RetryTimes"), 3);
  EXPECT_EQ(options.text("tg.new_thing"), "x");
  EXPECT_TRUE(options.stored("RetryTimes"));
  EXPECT_FALSE(options.stored("SystemName"));
}

TEST(Options, FlatBooleansAreTrueOnlyWhenSpeltSo) {
  EXPECT_FALSE(Options(OptionRows{{"LogConsumeEnabled", "1"}}).boolean("LogConsumeEnabled"));
  EXPECT_FALSE(Options(OptionRows{{"LogConsumeEnabled", "True"}}).boolean("LogConsumeEnabled"));
  EXPECT_TRUE(Options(OptionRows{{"LogConsumeEnabled", "true"}}).boolean("LogConsumeEnabled"));
}

TEST(Options, StructuredValuesTakeGoSpellingsAndFallBackToTheDefault) {
  EXPECT_TRUE(Options(OptionRows{{"checkin_setting.enabled", "1"}}).boolean("checkin_setting.enabled"));
  EXPECT_TRUE(Options(OptionRows{{"passkey.enabled", "T"}}).boolean("passkey.enabled"));
  EXPECT_TRUE(
      Options(OptionRows{{"claude.thinking_adapter_enabled", "perhaps"}}).boolean("claude.thinking_adapter_enabled"));
  EXPECT_EQ(Options(OptionRows{{"checkin_setting.min_quota", "10.9"}}).integer("checkin_setting.min_quota"), 10);
  EXPECT_EQ(Options(OptionRows{{"checkin_setting.min_quota", "x"}}).integer("checkin_setting.min_quota"), 1000);
}

TEST(Options, UnparsableFlatNumbersAreZero) {
  EXPECT_EQ(Options(OptionRows{{"PreConsumedQuota", "many"}}).integer("PreConsumedQuota"), 0);
  EXPECT_DOUBLE_EQ(Options(OptionRows{{"Price", ""}}).real("Price"), 0);
}

TEST(Options, TheOldCurrencySwitchSpeaksUntilTheDisplayTypeIsStored) {
  EXPECT_EQ(Options(OptionRows{{"DisplayInCurrencyEnabled", "false"}}).text("general_setting.quota_display_type"),
            "TOKENS");
  const OptionRows both{{"DisplayInCurrencyEnabled", "false"}, {"general_setting.quota_display_type", "CNY"}};
  EXPECT_EQ(Options(both).text("general_setting.quota_display_type"), "CNY");
}

TEST(Options, TheSecondNameOfTheGroupRatiosIsRead) {
  EXPECT_EQ(Options(OptionRows{{"group_ratio_setting.group_ratio", R"({"a":2})"}}).text("GroupRatio"), R"({"a":2})");
  const OptionRows both{{"GroupRatio", R"({"b":3})"}, {"group_ratio_setting.group_ratio", R"({"a":2})"}};
  EXPECT_EQ(Options(both).text("GroupRatio"), R"({"b":3})");
}

TEST(Options, AskingForAnUnknownTypedKeyIsAFaultOfTheCaller) {
  EXPECT_THROW(Options().boolean("NoSuchOption"), std::logic_error);
}

TEST(OptionTable, X1_SecretKeysAreKnownByTheirEnding) {
  for (std::string_view key :
       {"SMTPToken", "GitHubClientSecret", "StripeApiSecret", "CreemApiKey", "EpayKey", "TurnstileSiteKey",
        "oidc.client_secret", "model_deployment.ionet.api_key", "tg.smtp.password", "tg.thing.privateKey"})
    EXPECT_TRUE(is_secret_option(key)) << key;
  for (std::string_view key :
       {"SystemName", "ModelRatio", "token_setting.max_user_tokens", "DisplayTokenStatEnabled", "tg.keys_shown"})
    EXPECT_FALSE(is_secret_option(key)) << key;
}

}  // namespace
}  // namespace tollgate::core
