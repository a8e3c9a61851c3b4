#include "relay/channel_balance.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace tollgate::relay {
namespace {

double balance(std::int64_t type, std::string_view answer, std::string_view usage = {}, core::OptionRows rows = {}) {
  auto read = read_balance(type, answer, usage, core::Options(rows));
  EXPECT_TRUE(read) << read.error().message;
  return read ? *read : -1;
}

std::string complaint(std::int64_t type, std::string_view answer, std::string_view usage = {}) {
  auto read = read_balance(type, answer, usage, core::Options());
  return read ? "none" : read.error().message;
}

}  // namespace

TEST(BalanceCall, GoesToTheChannelsOwnAddressElseTheVendors) {
  struct Case {
    std::int64_t type;
    std::string_view base, url;
  };
  for (auto [type, base, url] :
       {Case{1, "", "https://api.openai.com/v1/dashboard/billing/subscription"},
        Case{1, "https://own/", "https://own/v1/dashboard/billing/subscription"},
        Case{8, "https://own", "https://own/v1/dashboard/billing/subscription"},
        Case{10, "", "https://aiproxy.io/api/report/getUserOverview"},
        Case{12, "", "https://api.api2gpt.com/dashboard/billing/credit_grants"},
        Case{13, "", "https://api.aigc2d.com/dashboard/billing/credit_grants"},
        Case{20, "", "https://openrouter.ai/api/v1/credits"}, Case{20, "https://own/api", "https://own/api/v1/credits"},
        Case{25, "", "https://api.moonshot.cn/v1/users/me/balance"},
        Case{40, "", "https://api.siliconflow.cn/v1/user/info"},
        Case{43, "", "https://api.deepseek.com/user/balance"}}) {
    auto call = balance_call(type, base, "k");
    ASSERT_TRUE(call) << type;
    EXPECT_EQ(call->url, url);
    EXPECT_EQ(call->header, type == 10 ? "Api-Key" : "Authorization");
    EXPECT_EQ(call->value, type == 10 ? "k" : "Bearer k");
  }
  for (std::int64_t type : {3, 14, 24}) EXPECT_EQ(balance_call(type, "", "k").error().message, "尚未实现");
  EXPECT_FALSE(balance_call(8, "", "k"));
}

TEST(UsageCall, CoversThisMonthOrAHundredDaysWithoutAPaymentMethod) {
  constexpr std::int64_t kNow = 1'750'000'000;  // 15 June 2025, 15:06 UTC
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  EXPECT_EQ(usage_call("https://own/", "k", R"({"has_payment_method":true})", kNow)->url,
            "https://own/v1/dashboard/billing/usage?start_date=2025-06-01&end_date=2025-06-15");
  EXPECT_EQ(usage_call("", "k", R"({"has_payment_method":false})", kNow)->url,
            "https://api.openai.com/v1/dashboard/billing/usage?start_date=2025-03-07&end_date=2025-06-15");
  EXPECT_FALSE(usage_call("", "k", "<html>", kNow));
}

TEST(ReadBalance, UnderstandsEachVendor) {
  EXPECT_DOUBLE_EQ(balance(1, R"({"hard_limit_usd":120.5})", R"({"total_usage":2050})"), 100);
  EXPECT_DOUBLE_EQ(balance(8, R"({"hard_limit_usd":1})", R"({"total_usage":0})"), 1);
  EXPECT_DOUBLE_EQ(balance(10, R"({"success":true,"data":{"totalPoints":42.5}})"), 42.5);
  EXPECT_DOUBLE_EQ(balance(12, R"({"total_remaining":3})"), 3);
  EXPECT_DOUBLE_EQ(balance(13, R"({"total_available":4.25})"), 4.25);
  EXPECT_DOUBLE_EQ(balance(20, R"({"data":{"total_credits":10,"total_usage":12.5}})"), -2.5);
  EXPECT_DOUBLE_EQ(balance(25, R"({"status":true,"code":0,"data":{"available_balance":73}})"), 10);
  EXPECT_DOUBLE_EQ(balance(25, R"({"status":true,"code":0,"data":{"available_balance":73}})", {}, {{"Price", "10"}}),
                   7.3);
  EXPECT_DOUBLE_EQ(balance(40, R"({"code":20000,"data":{"totalBalance":"88.01"}})"), 88.01);
  EXPECT_DOUBLE_EQ(balance(43, R"({"balance_infos":[{"currency":"CNY","total_balance":"73"},)"
                               R"({"currency":"USD","total_balance":"5.5"}]})"),
                   5.5);
  EXPECT_DOUBLE_EQ(balance(43, R"({"balance_infos":[{"currency":"CNY","total_balance":"73"}]})"), 10);
}

TEST(ReadBalance, SaysWhatTheVendorSaid) {
  EXPECT_EQ(complaint(10, R"({"success":false,"error_code":7,"message":"no"})"), "code: 7, message: no");
  EXPECT_EQ(complaint(25, R"({"status":false,"code":5,"scode":"0x5"})"),
            "failed to update moonshot balance, status: false, code: 5, scode: 0x5");
  EXPECT_EQ(complaint(40, R"({"code":30001,"message":"bad"})"), "code: 30001, message: bad");
  EXPECT_EQ(complaint(43, R"({"balance_infos":[]})"), "currency CNY not found");
  EXPECT_EQ(complaint(3, "{}"), "尚未实现");
}

TEST(ReadBalance, AVendorThatSaysNothingHasNotSaidZero) {
  for (std::int64_t type : {1, 8, 12, 13, 20}) EXPECT_NE(complaint(type, "{}", "{}"), "none") << type;
  EXPECT_NE(complaint(1, R"({"hard_limit_usd":5})", "<html>"), "none");
  EXPECT_NE(complaint(40, R"({"code":20000,"data":{"totalBalance":"much"}})"), "none");
  for (std::int64_t type : {1, 10, 12, 13, 20, 25, 40, 43})
    EXPECT_EQ(complaint(type, "<html>"), "the vendor's answer is not valid JSON") << type;
}

}  // namespace tollgate::relay
