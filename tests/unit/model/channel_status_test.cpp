#include "model/channel_status.h"

#include <gtest/gtest.h>

#include "model/schema.h"
#include "sql_server.h"

namespace tollgate::model {
namespace {

class ChannelStatusOf : public ::testing::TestWithParam<sql::Dialect> {
 protected:
  void SetUp() override {
    pool_ = test::fresh_database(GetParam());
    lease_ = *pool_->lease();
    ASSERT_TRUE(migrate(db()));
  }
  sql::Connection& db() { return *lease_; }
  core::ChannelId make(std::int64_t status, std::string channel_info = {}) {
    Channel row;
    row.key = "k";
    row.models = "m";
    row.status = status;
    row.other_info = R"({"zebra":1,"status_reason":"old","ape":true})";
    row.channel_info = std::move(channel_info);
    return *create_channel(db(), row);
  }
  Channel stored(core::ChannelId id) { return **find_channel(db(), id); }
  std::int64_t enabled_abilities() {
    return db().query("SELECT COUNT(*) FROM abilities WHERE enabled", {})->front().integer(0);
  }
  std::unique_ptr<sql::Pool> pool_;
  sql::Pool::Lease lease_;
};
TOLLGATE_ON_EVERY_DATABASE(ChannelStatusOf);

}  // namespace

TEST_P(ChannelStatusOf, ASwitchWritesReasonTimeAndAbilitiesAndKeepsOtherMembersSorted) {
  auto id = make(1);
  EXPECT_TRUE(*set_channel_status(db(), id, ChannelStatus::kDisabledByHand, "", 77));
  EXPECT_EQ(stored(id).status, 2);
  EXPECT_EQ(stored(id).other_info, R"({"ape":true,"status_reason":"","status_time":77,"zebra":1})");
  EXPECT_EQ(enabled_abilities(), 0);
  EXPECT_TRUE(*set_channel_status(db(), id, ChannelStatus::kEnabled, "", 78));
  EXPECT_EQ(enabled_abilities(), 1);
  EXPECT_FALSE(*set_channel_status(db(), {999}, ChannelStatus::kEnabled, "", 79));
}

TEST_P(ChannelStatusOf, AnInfoThatIsNoObjectIsBegunAnew) {
  auto id = make(1);
  ASSERT_TRUE(db().execute("UPDATE channels SET other_info = 'rubbish'", {}));
  EXPECT_TRUE(*set_channel_status(db(), id, ChannelStatus::kDisabledByHand, "r", 5));
  EXPECT_EQ(stored(id).other_info, R"({"status_reason":"r","status_time":5})");
}

TEST_P(ChannelStatusOf, ATestEnablesOnlyWhatWentAutomaticallyAndHasOneKey) {
  auto automatic = make(3), by_hand = make(2), several = make(3, R"({"is_multi_key":true,"multi_key_size":1})");
  EXPECT_TRUE(*enable_tested_channel(db(), automatic, 9));
  EXPECT_EQ(stored(automatic).status, 1);
  EXPECT_EQ(enabled_abilities(), 1);
  EXPECT_FALSE(*enable_tested_channel(db(), by_hand, 9));
  EXPECT_FALSE(*enable_tested_channel(db(), several, 9));
  EXPECT_FALSE(*enable_tested_channel(db(), {999}, 9));
  EXPECT_EQ(stored(by_hand).status, 2);
  EXPECT_EQ(stored(several).status, 3);
}

}  // namespace tollgate::model
