#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "core/random.h"
#include "model/schema.h"
#include "notify/delivery.h"
#include "notify/mail.h"
#include "notify/notifier.h"

namespace tollgate::notify {
namespace {

using core::OptionRows;
using core::Options;

Recipient by_webhook() {
  Recipient to;
  to.id = {5};
  to.way = Way::kWebhook;
  to.webhook_url = "https://hooks.example.com/x";
  return to;
}

const Message kMessage{
    .type = "channel_update_7_3", .title = "标题 <1>", .content = "a {{value}}, b {{value}}", .values = {"x", "y"}};

// Keeps what would go out; fails when told to.
class Recorder final : public Transport {
 public:
  core::Result<void> call(const HttpCall& call, const core::FetchRules&) override {
    calls.push_back(call);
    if (fails) return core::error(core::Errc::kUnavailable, "no");
    return {};
  }
  core::Result<void> mail(const Mail& mail) override {
    mails.push_back(mail);
    return {};
  }
  void stop() override {}
  std::vector<HttpCall> calls;
  std::vector<Mail> mails;
  bool fails = false;
};

class Notifications : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / ("tollgate-notify-" + core::random_alphanumeric(12) + ".db"))
                .string();
    pool_ = *sql::open_sqlite(path_, 2);
    ASSERT_TRUE(model::migrate(**pool_->lease()));
    make({.limit = 2, .window = std::chrono::minutes(10)});
  }
  void TearDown() override {
    notifier_.reset();
    pool_.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
  void make(NotifierSettings settings) {
    notifier_ = std::make_unique<Notifier>(
        settings, *pool_, clock_, [this] { return std::make_shared<const Options>(rows_); },
        [this](core::UserId, core::Quota column) { return column + held_; }, transport_);
  }
  core::UserId user(std::string name, int role, std::string setting, std::int64_t quota = 0) {
    model::User row;
    row.username = std::move(name);
    row.role = role;
    row.setting = std::move(setting);
    row.quota = {quota};
    return *model::create_user(**pool_->lease(), row);
  }
  void work() {
    while (notifier_->step()) {
    }
  }

  std::string path_;
  std::unique_ptr<sql::Pool> pool_;
  core::ManualClock clock_{1'750'000'000};
  OptionRows rows_;
  core::Quota held_;
  Recorder transport_;
  std::unique_ptr<Notifier> notifier_;
};

constexpr auto kHook = R"({"notify_type":"webhook","webhook_url":"https://hooks.example.com/x"})";

}  // namespace

TEST(Recipients, AreReadFromTheSettingAndFallBackToTheAccountsMail) {
  model::User user;
  user.id = {3};
  user.email = "account@example.com";
  for (std::string setting : {"", "{", "[]", R"({"notify_type":"pigeon"})"}) {
    user.setting = setting;
    auto to = recipient_of(user);
    EXPECT_EQ(to.way, Way::kEmail);
    EXPECT_EQ(to.email, "account@example.com");
  }
  user.setting = R"({"notify_type":"gotify","gotify_url":"https://g","gotify_token":"t","gotify_priority":99,)"
                 R"("quota_warning_threshold":2.5,"notification_email":"other@example.com"})";
  auto to = recipient_of(user);
  EXPECT_EQ(to.way, Way::kGotify);
  EXPECT_EQ(to.gotify_priority, 5);
  EXPECT_EQ(to.warning_threshold, 2.5);
  EXPECT_EQ(to.email, "other@example.com");
  EXPECT_TRUE(to.reachable());
}

TEST(Messages, FillTheirPlacesInOrderAndOnce) {
  EXPECT_EQ(kMessage.filled(), "a x, b y");
  Message odd{.type = "t", .title = "t", .content = "{{value}} {{value}}", .values = {"{{value}}"}};
  EXPECT_EQ(odd.filled(), "{{value}} {{value}}");
  EXPECT_EQ((Message{.type = "t", .title = "t", .content = "plain", .values = {"unused"}}).filled(), "plain");
}

TEST(Messages, WhatOthersSaidIsNoMarkupInAMail) {
  auto message = channel_status({7}, "<b>", 3, "status_code=401, <a href='x'>log in & pay</a>");
  EXPECT_EQ(message.type, "channel_update_7_3");
  EXPECT_EQ(message.html(),
            "通道「&lt;b&gt;」（#7）已被禁用，原因：status_code=401, &lt;a href='x'&gt;log in &amp; pay&lt;/a&gt;");
  EXPECT_EQ(message.filled(), "通道「<b>」（#7）已被禁用，原因：status_code=401, <a href='x'>log in & pay</a>");
  EXPECT_NE(low_balance(Recipient(), core::Options(), {1}).html().find("<br/>"), std::string::npos);
}

TEST(Messages, TheWarningSpeaksInTheWordsOfItsWay) {
  Options options(OptionRows{{"ServerAddress", "https://gw.example"}});
  Recipient to;
  EXPECT_EQ(low_balance(to, options, {250'000}).filled(),
            "您的额度即将用尽，当前剩余额度为 ＄0.500000，为了不影响您的使用，请及时充值。<br/>充值链接：<a "
            "href='https://gw.example/console/topup'>https://gw.example/console/topup</a>");
  to.way = Way::kBark;
  EXPECT_EQ(low_balance(to, options, {250'000}).filled(), "您的额度即将用尽，剩余额度：＄0.500000，请及时充值");
  to.way = Way::kGotify;
  EXPECT_EQ(low_balance(to, options, {250'000}).filled(), "您的额度即将用尽，当前剩余额度为 ＄0.500000，请及时充值。");
}

TEST(Webhooks, CarryTheMessageItsValuesAndASignatureOfTheBody) {
  auto to = by_webhook();
  auto call = webhook_call(to, kMessage, 1'750'000'000);
  EXPECT_EQ(call.body, R"({"type":"channel_update_7_3","title":"标题 \u003c1\u003e","content":"a x, b y",)"
                       R"("values":["x","y"],"timestamp":1750000000})");
  EXPECT_EQ(call.headers, std::vector<std::string>{"Content-Type: application/json"});
  to.webhook_secret = "key";
  Message fox{.type = "t", .title = "", .content = "", .values = {}};
  auto signed_call = webhook_call(to, fox, 0);
  EXPECT_EQ(signed_call.body, R"({"type":"t","title":"","content":"","timestamp":0})");
  // printf '%s' '<body>' | openssl dgst -sha256 -hmac key
  EXPECT_EQ(signed_call.headers.at(1),
            "X-Webhook-Signature: 691768270db4e8607524ae315424f6ed22f4a973b89231694a72da18e22af04f");
}

TEST(Bark, FillsTheUrlWithEscapedTexts) {
  Recipient to;
  to.way = Way::kBark;
  to.bark_url = "https://bark.example/k/{{title}}/{{content}}?again={{title}}";
  auto call = bark_call(to, {.type = "t", .title = "a b&c", .content = "标", .values = {}});
  EXPECT_EQ(call.method, "GET");
  EXPECT_EQ(call.url, "https://bark.example/k/a+b%26c/%E6%A0%87?again=a+b%26c");
}

TEST(Gotify, PostsBesideItsToken) {
  Recipient to;
  to.way = Way::kGotify;
  to.gotify_url = "https://gotify.example/";
  to.gotify_token = "a/b";
  to.gotify_priority = 8;
  auto call = gotify_call(to, kMessage);
  EXPECT_EQ(call.url, "https://gotify.example/message?token=a%2Fb");
  EXPECT_EQ(call.body, R"({"title":"标题 \u003c1\u003e","message":"a x, b y","priority":8})");
}

TEST(Worker, MakesTheCallInOurPlaceOnHttpsOnly) {
  Options options(OptionRows{{"WorkerUrl", "https://worker.example"}, {"WorkerValidKey", "wk"}});
  auto to = by_webhook();
  to.webhook_secret = "s";
  auto call = through_worker(webhook_call(to, {.type = "t", .title = "", .content = "", .values = {}}, 0), to, options);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->url, "https://worker.example/");
  EXPECT_TRUE(call->by_operator);
  auto body = boost::json::parse(call->body).get_object();
  EXPECT_EQ(body["key"].get_string(), "wk");
  EXPECT_EQ(body["url"].get_string(), "https://hooks.example.com/x");
  EXPECT_EQ(body["headers"].at("Authorization").get_string(), "Bearer s");
  EXPECT_EQ(body["body"].at("type").get_string(), "t");

  to.webhook_url = "http://hooks.example.com/x";
  EXPECT_EQ(through_worker(webhook_call(to, kMessage, 0), to, options).error().message, "only support https url");
  EXPECT_EQ(through_worker(webhook_call(to, kMessage, 0), to, Options())->url, to.webhook_url);
}

TEST(Mails, NeedAServerAndASender) {
  auto compose = [](OptionRows rows, std::string_view to = "to@example.com") {
    return compose_mail(Options(rows), to, "s", "h", core::SystemTime(), "unique");
  };
  EXPECT_EQ(compose({}).error().message, "invalid SMTP account");
  EXPECT_EQ(compose({{"SMTPFrom", "a@b.c"}}).error().message, "SMTP 服务器未配置");
  OptionRows good{{"SMTPServer", "smtp.example.com"}, {"SMTPAccount", "me@example.com"}};
  EXPECT_EQ(compose(good, "nobody").error().message, "invalid e-mail address");
  EXPECT_FALSE(compose(good, "a@b.c\r\nRCPT TO:<x@y.z>"));
  EXPECT_FALSE(compose(good, "a@b.c> SIZE=1"));
  EXPECT_EQ(compose(good, "a@b.c;;d@e.f")->to, (std::vector<std::string>{"a@b.c", "d@e.f"}));
  EXPECT_FALSE(compose(good)->implicit_tls);
  EXPECT_FALSE(compose(good)->login_auth);
  good["SMTPPort"] = "465";
  EXPECT_TRUE(compose(good)->implicit_tls);
  good["SMTPAccount"] = "me@outlook.com";
  EXPECT_TRUE(compose(good)->login_auth);
}

TEST(Mails, AreTextsThatNoContentBreaks) {
  OptionRows rows{
      {"SMTPServer", "smtp.example.com"}, {"SMTPAccount", "me@example.com"}, {"SystemName", "New\r\nBcc: x"}};
  auto mail = *compose_mail(Options(rows), "to@example.com", "标题", ".\r\nQUIT\r\n" + std::string(3000, 'x'),
                            core::SystemTime(std::chrono::seconds(1'750'000'000)), "unique");
  EXPECT_EQ(mail.text.substr(0, mail.text.find("\r\n\r\n")),
            "To: to@example.com\r\nFrom: =?UTF-8?B?TmV3DQpCY2M6IHg=?= <me@example.com>\r\n"
            "Subject: =?UTF-8?B?5qCH6aKY?=\r\nDate: Sun, 15 Jun 2025 15:06:40 +0000\r\n"
            "Message-ID: <1750000000000000000.unique@example.com>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: base64");
  std::string_view rest = mail.text;
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    ASSERT_NE(end, std::string_view::npos);
    EXPECT_LE(end, 998U);
    EXPECT_FALSE(rest.starts_with('.'));
    rest = rest.substr(end + 2);
  }
}

TEST(Throttles, CountByUserTypeAndHourAndForgetAfterTheirTime) {
  Throttle throttle(2, std::chrono::minutes(10));
  const std::int64_t hour = 1'749'999'600;
  EXPECT_TRUE(throttle.admit({1}, "a", hour));
  EXPECT_TRUE(throttle.would_admit({1}, "a", hour + 1));
  EXPECT_TRUE(throttle.admit({1}, "a", hour + 1));
  EXPECT_FALSE(throttle.would_admit({1}, "a", hour + 2));
  EXPECT_FALSE(throttle.admit({1}, "a", hour + 599));
  EXPECT_TRUE(throttle.admit({1}, "b", hour + 2));
  EXPECT_TRUE(throttle.admit({2}, "a", hour + 2));
  EXPECT_TRUE(throttle.admit({1}, "a", hour + 600));
  Throttle late(1, std::chrono::hours(5));
  EXPECT_TRUE(late.admit({1}, "a", hour + 3599));
  EXPECT_TRUE(late.admit({1}, "a", hour + 3600));
  EXPECT_FALSE(Throttle(0, std::chrono::minutes(1)).admit({1}, "a", hour));
}

TEST_F(Notifications, ReachTheRootUser) {
  user("alice", 1, kHook);
  user("root", 100, R"({"notify_type":"webhook","webhook_url":"https://hooks.example.com/root"})");
  EXPECT_TRUE(notifier_->tell_root(
      {.type = "channel_test", .title = "通道测试完成", .content = "所有通道测试已完成", .values = {}}));
  work();
  ASSERT_EQ(transport_.calls.size(), 1U);
  EXPECT_EQ(transport_.calls[0].url, "https://hooks.example.com/root");
  EXPECT_EQ(transport_.calls[0].body,
            R"({"type":"channel_test","title":"通道测试完成","content":"所有通道测试已完成","timestamp":1750000000})");
}

TEST_F(Notifications, WarnOfABalanceBelowTheUsersThresholdElseTheOptions) {
  auto alice = user(
      "alice", 1,
      R"({"notify_type":"webhook","webhook_url":"https://hooks.example.com/x","quota_warning_threshold":500})", 600);
  notifier_->charged(alice, {40});
  work();
  EXPECT_TRUE(transport_.calls.empty()) << "600 are left, with a threshold of 500";
  held_ = {-150};  // spent and not yet written
  notifier_->charged(alice, {40});
  work();
  ASSERT_EQ(transport_.calls.size(), 1U);
  EXPECT_NE(transport_.calls[0].body.find("＄0.000980"), std::string::npos) << "450 and the charge of 40 before it";

  held_ = {};
  auto bob = user("bob", 1, kHook, 999);
  notifier_->charged(bob, {1});
  work();
  EXPECT_EQ(transport_.calls.size(), 2U) << "QuotaRemindThreshold is 1000";
  rows_["QuotaRemindThreshold"] = "999";
  notifier_->charged(bob, {1});
  work();
  EXPECT_EQ(transport_.calls.size(), 2U);
}

TEST_F(Notifications, AreThrottled) {
  auto alice = user("alice", 1, kHook, 1);
  for (int i = 0; i < 5; ++i) notifier_->charged(alice, {1});
  work();
  EXPECT_EQ(transport_.calls.size(), 2U);
  clock_.advance(std::chrono::minutes(11));
  notifier_->charged(alice, {1});
  work();
  EXPECT_EQ(transport_.calls.size(), 3U);
}

TEST_F(Notifications, GoByMailToTheAddressOfTheSetting) {
  rows_ = {{"SMTPServer", "smtp.example.com"}, {"SMTPAccount", "me@example.com"}};
  user("root", 100, R"({"notification_email":"root@example.com"})");
  notifier_->tell_root({.type = "t", .title = "T", .content = "C", .values = {}});
  work();
  ASSERT_EQ(transport_.mails.size(), 1U);
  EXPECT_EQ(transport_.mails[0].to, std::vector<std::string>{"root@example.com"});
}

TEST_F(Notifications, WithoutAnAddressNothingIsSaid) {
  user("root", 100, "{}");
  notifier_->tell_root({.type = "t", .title = "T", .content = "C", .values = {}});
  work();
  EXPECT_TRUE(transport_.mails.empty());
  EXPECT_TRUE(transport_.calls.empty());
}

TEST_F(Notifications, X4_NeverGoToAddressesThatUsersMayNotName) {
  user("root", 100, R"({"notify_type":"webhook","webhook_url":"https://127.0.0.1/x"})");
  notifier_->tell_root({.type = "t", .title = "T", .content = "C", .values = {}});
  work();
  EXPECT_TRUE(transport_.calls.empty());
}

TEST_F(Notifications, AnAddressThatFailsThreeTimesRestsForAnHour) {
  make({.limit = 100, .window = std::chrono::minutes(1)});
  user("root", 100, kHook);
  transport_.fails = true;
  for (int i = 0; i < 5; ++i) notifier_->tell_root({.type = "t", .title = "T", .content = "C", .values = {}});
  work();
  EXPECT_EQ(transport_.calls.size(), 3U);
  clock_.advance(std::chrono::hours(1));
  notifier_->tell_root({.type = "t", .title = "T", .content = "C", .values = {}});
  work();
  EXPECT_EQ(transport_.calls.size(), 4U);
}

TEST_F(Notifications, TheQueueHasABoundAndNobodyWaits) {
  int taken = 0;
  for (int i = 0; i < 1500; ++i) taken += notifier_->charged({1}, {1}) ? 1 : 0;
  EXPECT_EQ(taken, 1000);
}

TEST_F(Notifications, StoppingWaitsForNothing) {
  notifier_->start();
  notifier_->stop();
  EXPECT_FALSE(notifier_->tell_root({.type = "t", .title = "T", .content = "C", .values = {}}));
}

}  // namespace tollgate::notify
