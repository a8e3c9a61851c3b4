#include "relay/channel_health.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/random.h"
#include "model/channel.h"
#include "model/schema.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;

RelayOptions options() {
  RelayOptions options;
  options.disable_automatically = true;
  options.disable_statuses = StatusRanges("401");
  options.disable_keywords = {"your credit balance is too low", "permission denied"};
  return options;
}

Channel channel(std::int64_t type = 1) {
  Channel channel;
  channel.id = {7};
  channel.name = "seven";
  channel.provider = provider::find_provider(type);
  channel.auto_ban = true;
  return channel;
}

RelayError upstream(int status, std::string body) { return dialect::read_upstream_error(status, body, {}); }

// A pool whose database can be away.
class MovablePool final : public sql::Pool {
 public:
  explicit MovablePool(sql::Pool& real) : real_(real) {}
  sql::Dialect dialect() const override { return real_.dialect(); }
  sql::Result<Lease> lease() override {
    if (away) return sql::Error{sql::ErrorClass::kConnection, 0, "gone"};
    return real_.lease();
  }
  bool away = false;

 private:
  void give_back(std::unique_ptr<sql::Connection>) override {}
  sql::Pool& real_;
};

// Everything of a row that disabling may change.
struct Stored {
  std::int64_t status = 0;
  std::string other_info, channel_info;
  std::int64_t abilities = 0;  // that are enabled
};

class Health : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / ("tollgate-health-" + core::random_alphanumeric(12) + ".db"))
                .string();
    pool_ = *sql::open_sqlite(path_, 2);
    ASSERT_TRUE(model::migrate(**pool_->lease()));
    movable_ = std::make_unique<MovablePool>(*pool_);
    health_ = std::make_unique<ChannelHealth>(*movable_, clock_, [this] { ++changes_; });
  }
  void TearDown() override {
    health_.reset();
    pool_.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
  core::ChannelId make(std::string key, std::string channel_info = {}) {
    model::Channel row;
    row.type = 1;
    row.name = "made";
    row.key = std::move(key);
    row.models = "a,b";
    row.other_info = R"({"source":"x"})";
    row.channel_info = std::move(channel_info);
    return *model::create_channel(**pool_->lease(), row);
  }
  Stored stored(core::ChannelId id) {
    auto lease = *pool_->lease();
    auto row = **model::find_channel(*lease, id);
    auto rows =
        lease->query("SELECT COALESCE(SUM(enabled), 0) FROM abilities WHERE channel_id = ?", {sql::Param(id.value)});
    return {row.status, row.other_info, row.channel_info, rows->front().integer(0)};
  }
  void execute(std::string_view statement) { ASSERT_TRUE((*pool_->lease())->execute(statement, {})); }
  void report(core::ChannelId id, std::string key, std::string reason = "status_code=401, no") {
    health_->report({id, "made", std::move(key), std::move(reason)});
  }

  std::string path_;
  std::unique_ptr<sql::Pool> pool_;
  std::unique_ptr<MovablePool> movable_;
  core::ManualClock clock_{1'750'000'000};
  int changes_ = 0;
  std::unique_ptr<ChannelHealth> health_;
};

constexpr auto kTwoKeys =
    R"({"is_multi_key":true,"multi_key_size":2,"multi_key_status_list":null,"multi_key_polling_index":0,"multi_key_mode":"random"})";

}  // namespace

TEST(CallsForDisabling, OnlyWhereTheOptionAndTheChannelAllowIt) {
  auto error = upstream(401, "{}");
  auto allowed = options();
  EXPECT_TRUE(calls_for_disabling(allowed, channel(), error));
  auto kept = channel();
  kept.auto_ban = false;
  EXPECT_FALSE(calls_for_disabling(allowed, kept, error));
  allowed.disable_automatically = false;
  EXPECT_FALSE(calls_for_disabling(allowed, channel(), error));
}

TEST(CallsForDisabling, ChannelErrorsComeBeforeTheMarkThatForbidsRepeating) {
  auto error = dialect::gateway_error(500, "channel:model_mapped_error", "circle");
  error.no_retry = true;
  EXPECT_TRUE(calls_for_disabling(options(), channel(), error));
  error.channel_fault = false;
  error.status = 401;
  EXPECT_FALSE(calls_for_disabling(options(), channel(), error));
}

TEST(CallsForDisabling, ByTheStatusesOfTheOption) {
  EXPECT_TRUE(calls_for_disabling(options(), channel(), upstream(401, "<html>")));
  EXPECT_FALSE(calls_for_disabling(options(), channel(), upstream(402, "<html>")));
  auto wider = options();
  wider.disable_statuses = StatusRanges("402-404");
  EXPECT_TRUE(calls_for_disabling(wider, channel(), upstream(402, "<html>")));
  EXPECT_FALSE(calls_for_disabling(wider, channel(), upstream(401, "<html>")));
}

TEST(CallsForDisabling, By403OnGeminiChannelsOnly) {
  EXPECT_TRUE(calls_for_disabling(options(), channel(24), upstream(403, "{}")));
  EXPECT_FALSE(calls_for_disabling(options(), channel(1), upstream(403, "{}")));
}

TEST(CallsForDisabling, ByTheCodeWhenItIsOneOfFiveTexts) {
  for (std::string code :
       {"invalid_api_key", "account_deactivated", "billing_not_active", "pre_consume_token_quota_failed", "Arrearage"})
    EXPECT_TRUE(
        calls_for_disabling(options(), channel(), upstream(400, R"({"error":{"message":"m","code":")" + code + "\"}}")))
        << code;
  for (std::string code : {R"("arrearage")", R"("rate_limited")", "401", "null"})
    EXPECT_FALSE(
        calls_for_disabling(options(), channel(), upstream(400, R"({"error":{"message":"m","code":)" + code + "}}")))
        << code;
}

TEST(CallsForDisabling, ByTheTypeWhenItIsOneOfFive) {
  for (std::string type :
       {"insufficient_quota", "insufficient_user_quota", "authentication_error", "permission_error", "forbidden"})
    EXPECT_TRUE(
        calls_for_disabling(options(), channel(), upstream(429, R"({"error":{"message":"m","type":")" + type + "\"}}")))
        << type;
  EXPECT_FALSE(calls_for_disabling(options(), channel(),
                                   upstream(429, R"({"error":{"message":"m","type":"rate_limit_error"}})")));
}

TEST(CallsForDisabling, ByKeywordsInAnyLetterCaseAlsoInTextsThatClientsDoNotSee) {
  EXPECT_TRUE(calls_for_disabling(options(), channel(),
                                  upstream(400, R"({"error":{"message":"YOUR credit balance is too LOW, sorry"}})")));
  EXPECT_TRUE(
      calls_for_disabling(options(), channel(), upstream(403, R"({"error":{"message":"Permission denied for x"}})")));
  EXPECT_FALSE(calls_for_disabling(options(), channel(), upstream(400, R"({"error":{"message":"slow down"}})")));
  // A page that is no error answer is not searched: what a proxy in between says is not the provider's word.
  EXPECT_FALSE(calls_for_disabling(options(), channel(), upstream(502, "<html>Permission denied</html>")));
}

TEST(FaultOf, NamesStatusAndReasonWithoutTheKey) {
  auto error = upstream(401, R"({"error":{"message":"Incorrect key: upstream-secret-1"}})");
  auto fault = fault_of(channel(), {"upstream-secret-1", 0}, error);
  EXPECT_EQ(fault.reason, "status_code=401, Incorrect key: ***");
  EXPECT_EQ(fault.key, "upstream-secret-1");
}

TEST_F(Health, AChannelWithOneKeyIsDisabledWithReasonAndTimeBesideWhatStoodThere) {
  auto id = make("k1");
  report(id, "k1");
  EXPECT_EQ(stored(id).status, 1);  // nothing is written by the thread that reports
  ASSERT_TRUE(health_->write_waiting());
  auto row = stored(id);
  EXPECT_EQ(row.status, 3);
  EXPECT_EQ(row.other_info, R"({"source":"x","status_reason":"status_code=401, no","status_time":1750000000})");
  EXPECT_EQ(row.abilities, 0);
  EXPECT_EQ(changes_, 1);
}

TEST_F(Health, ItIsToldOfWhatWentOffAndOfNothingElse) {
  std::vector<std::string> told;
  health_->on_status([&](core::ChannelId channel, const std::string& name, int status, const std::string& reason) {
    told.push_back(std::to_string(channel.value) + name + std::to_string(status) + reason);
  });
  auto id = make("k1\nk2", kTwoKeys);
  report(id, "k1", "first");
  report(id, "other", "never had it");
  report(id, "k2", "second");
  ASSERT_TRUE(health_->write_waiting());
  report(id, "k2", "again");
  ASSERT_TRUE(health_->write_waiting());
  const auto number = std::to_string(id.value);
  EXPECT_EQ(told, (std::vector<std::string>{number + "made3first", number + "made3second"}));
}

TEST_F(Health, DisablingAgainChangesNothing) {
  auto id = make("k1");
  report(id, "k1");
  ASSERT_TRUE(health_->write_waiting());
  clock_.advance(std::chrono::seconds(60));
  report(id, "k1", "status_code=401, later");
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).other_info, R"({"source":"x","status_reason":"status_code=401, no","status_time":1750000000})");
  EXPECT_EQ(changes_, 1);
}

TEST_F(Health, AChannelThatWasSwitchedOffByHandStaysThatWay) {
  auto id = make("k1");
  execute("UPDATE channels SET status = 2");
  report(id, "k1");
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).status, 2);
}

TEST_F(Health, WhatAJobFoundIsNotWrittenOnceAnotherNodeDoesTheJob) {
  auto id = make("k1");
  bool held = false;
  health_->report({id, "made", "k1", "found by a run", [&](sql::Connection&) -> sql::Result<bool> { return held; }});
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).status, 1);
  EXPECT_EQ(health_->waiting(), 0U);
  held = true;
  health_->report({id, "made", "k1", "found by a run", [&](sql::Connection&) -> sql::Result<bool> { return held; }});
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).status, 3);
}

TEST_F(Health, AKeyThatWasReplacedMeanwhileIsNoReason) {
  auto id = make("new");
  report(id, "old");
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).status, 1);
  EXPECT_EQ(changes_, 0);
}

TEST_F(Health, OfSeveralKeysTheOneThatWasUsedGoesAndTheChannelWithTheLast) {
  auto id = make("k1\nk2", kTwoKeys);
  report(id, "k2", "status_code=401, second");
  ASSERT_TRUE(health_->write_waiting());
  auto row = stored(id);
  EXPECT_EQ(row.status, 1);
  EXPECT_EQ(row.abilities, 2);
  EXPECT_EQ(row.other_info, R"({"source":"x"})");
  EXPECT_EQ(row.channel_info,
            R"({"is_multi_key":true,"multi_key_size":2,"multi_key_status_list":{"1":3},)"
            R"("multi_key_disabled_reason":{"1":"status_code=401, second"},)"
            R"("multi_key_disabled_time":{"1":1750000000},"multi_key_polling_index":0,"multi_key_mode":"random"})");

  report(id, "k1", "status_code=401, first");
  ASSERT_TRUE(health_->write_waiting());
  row = stored(id);
  EXPECT_EQ(row.status, 3);
  EXPECT_EQ(row.abilities, 0);
  EXPECT_EQ(row.other_info, R"({"source":"x","status_reason":"All keys are disabled","status_time":1750000000})");
  EXPECT_NE(row.channel_info.find(R"("0":"status_code=401, first")"), std::string::npos);
  EXPECT_EQ(changes_, 2);
}

TEST_F(Health, AChannelWhoseKeysAreAllOffByHandGoesWhenARequestFindsNone) {
  auto id = make("k1\nk2", R"({"is_multi_key":true,"multi_key_size":2,"multi_key_status_list":{"0":2,"1":2}})");
  report(id, "");
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).status, 3);
}

TEST_F(Health, AKeyThatStandsThereTwiceGoesWithItsSecondFailure) {
  auto id = make("k1\nk1", kTwoKeys);
  report(id, "k1");
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).status, 1);
  report(id, "k1");
  ASSERT_TRUE(health_->write_waiting());
  EXPECT_EQ(stored(id).status, 3);
}

TEST_F(Health, EachKeyOfAChannelWaitsOnce) {
  auto id = make("k1\nk2", kTwoKeys);
  for (int i = 0; i < 100; ++i) {
    report(id, "k1");
    report(id, "k2");
  }
  EXPECT_EQ(health_->waiting(), 2U);
}

TEST_F(Health, FaultsWaitWhileTheDatabaseIsAwayAndAreWrittenWhenItIsBack) {
  auto id = make("k1");
  movable_->away = true;
  report(id, "k1");
  EXPECT_FALSE(health_->write_waiting());
  report(id, "k1");
  EXPECT_FALSE(health_->write_waiting());
  EXPECT_EQ(health_->waiting(), 1U);
  EXPECT_EQ(changes_, 0);
  movable_->away = false;
  EXPECT_TRUE(health_->write_waiting());
  EXPECT_EQ(health_->waiting(), 0U);
  EXPECT_EQ(stored(id).status, 3);
}

TEST_F(Health, WhatTheDatabaseRefusesForGoodIsNotTriedForEver) {
  auto id = make("k1");
  execute("CREATE TRIGGER never BEFORE UPDATE ON channels BEGIN SELECT RAISE(ABORT, 'never'); END");
  report(id, "k1");
  EXPECT_TRUE(health_->write_waiting());
  EXPECT_EQ(health_->waiting(), 0U);
  EXPECT_EQ(stored(id).status, 1);
}

TEST_F(Health, TheQueueHasABound) {
  for (int i = 0; i < 1500; ++i) report({i + 1}, "k");
  EXPECT_EQ(health_->waiting(), 1000U);
}

TEST_F(Health, ItsThreadWritesWhatIsReportedAndStoppingWritesWhatIsLeft) {
  auto id = make("k1");
  health_->start();
  report(id, "k1");
  health_->stop();
  EXPECT_EQ(stored(id).status, 3);
  EXPECT_EQ(health_->waiting(), 0U);
}

}  // namespace tollgate::relay
