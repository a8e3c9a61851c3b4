#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "model/channel_status.h"
#include "model/log_row.h"
#include "model/option.h"
#include "model/quota_data.h"
#include "model/schema.h"
#include "model/schema_types.h"
#include "model/session.h"
#include "model/setup.h"
#include "model/token.h"
#include "model/user.h"
#include "sql_server.h"

namespace tollgate::model {
namespace {

using sql::Param;

class Model : public ::testing::TestWithParam<sql::Dialect> {
 protected:
  void SetUp() override {
    pool_ = test::fresh_database(GetParam());
    auto lease = pool_->lease();
    ASSERT_TRUE(lease) << lease.error().message;
    lease_ = std::move(*lease);
  }
  std::string name(std::string_view word) { return sql::quoted(GetParam(), word); }
  sql::Connection& db() { return *lease_; }
  void schema() { ASSERT_TRUE(migrate(db())); }
  core::UserId user(std::string name, std::int64_t role = 1) {
    User row;
    row.username = std::move(name);
    row.password = "hash";
    row.role = role;
    row.email = row.username + "@x";
    return *create_user(db(), row);
  }
  std::unique_ptr<sql::Pool> pool_;
  sql::Pool::Lease lease_;
};
TOLLGATE_ON_EVERY_DATABASE(Model);

// How SQLite keeps the definition of a table.
std::string ddl(std::string_view table) {
  auto pool = *sql::open_sqlite(":memory:", 1);
  auto db = *pool->lease();
  EXPECT_TRUE(migrate(*db));
  return db->query("SELECT sql FROM sqlite_master WHERE name = ?", {Param(table)})->front().text(0);
}

}  // namespace

TEST(SqliteSchema, OfTokensIsSpeltAsTheOtherProductSpellsIt) {
  EXPECT_EQ(
      ddl("tokens"),
      "CREATE TABLE `tokens` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`key` char(48),`status` integer "
      "DEFAULT 1,`name` text,`created_time` integer,`accessed_time` integer,`expired_time` integer DEFAULT "
      "-1,`remain_quota` integer DEFAULT 0,`unlimited_quota` numeric,`model_limits_enabled` numeric,`model_limits` "
      "varchar(1024) DEFAULT \"\",`allow_ips` text DEFAULT \"\",`used_quota` integer DEFAULT 0,`group` text DEFAULT "
      "\"\",`cross_group_retry` numeric,`deleted_at` datetime)");
  EXPECT_TRUE(ddl("subscription_plans").starts_with("CREATE TABLE `subscription_plans` (`id` integer,"));
  EXPECT_NE(ddl("subscription_plans").find("`enabled` numeric DEFAULT 1"), std::string::npos);
}

TEST(ServerSchema, OfTokensIsSpeltAsTheOtherProductSpellsIt) {
  const auto tokens =
      *std::find_if(tables().begin(), tables().end(), [](const Table& t) { return t.name == "tokens"; });
  EXPECT_EQ(
      create_table(sql::Dialect::kMysql, tokens),
      "CREATE TABLE `tokens` (`id` bigint AUTO_INCREMENT,`user_id` bigint,`key` char(48),`status` bigint DEFAULT "
      "1,`name` varchar(191),`created_time` bigint,`accessed_time` bigint,`expired_time` bigint DEFAULT "
      "-1,`remain_quota` bigint DEFAULT 0,`unlimited_quota` boolean,`model_limits_enabled` boolean,`model_limits` "
      "varchar(1024) DEFAULT '',`allow_ips` varchar(191) DEFAULT '',`used_quota` bigint DEFAULT 0,`group` "
      "varchar(191) DEFAULT '',`cross_group_retry` boolean,`deleted_at` datetime(3) NULL,PRIMARY KEY "
      "(`id`),INDEX `idx_tokens_user_id` (`user_id`),UNIQUE INDEX `idx_tokens_key` (`key`),INDEX "
      "`idx_tokens_name` (`name`),INDEX `idx_tokens_deleted_at` (`deleted_at`))");
  EXPECT_EQ(create_table(sql::Dialect::kPostgres, tokens),
            "CREATE TABLE \"tokens\" (\"id\" bigserial,\"user_id\" bigint,\"key\" char(48),\"status\" bigint DEFAULT "
            "1,\"name\" text,\"created_time\" bigint,\"accessed_time\" bigint,\"expired_time\" bigint DEFAULT "
            "-1,\"remain_quota\" bigint DEFAULT 0,\"unlimited_quota\" boolean,\"model_limits_enabled\" "
            "boolean,\"model_limits\" varchar(1024) DEFAULT '',\"allow_ips\" text DEFAULT '',\"used_quota\" bigint "
            "DEFAULT 0,\"group\" text DEFAULT '',\"cross_group_retry\" boolean,\"deleted_at\" timestamptz,PRIMARY KEY "
            "(\"id\"))");
}

TEST_P(Model, SeveralMastersAtOnceMakeOneSchema) {
  if (GetParam() == sql::Dialect::kSqlite) GTEST_SKIP() << "one file, one writer";
  auto other = pool_->lease();
  ASSERT_TRUE(other);
  sql::Result<std::size_t> first = std::size_t{0}, second = std::size_t{0};
  std::thread beside([&] { second = migrate(**other); });
  first = migrate(db());
  beside.join();
  EXPECT_TRUE(first) << first.error().message;
  EXPECT_TRUE(second) << second.error().message;
  EXPECT_TRUE(plan_migration(db())->empty());
}

TEST_P(Model, G2_MigrationCompletesAnOlderDatabaseAndThenDoesNothing) {
  ASSERT_TRUE(db().execute(
      "CREATE TABLE users (id integer PRIMARY KEY, username varchar(191), legacy text, quota integer)", {}));
  ASSERT_TRUE(db().execute("INSERT INTO users VALUES (7, 'old', 'kept', 42)", {}));
  ASSERT_TRUE(db().execute("CREATE TABLE their_own (a integer)", {}));
  auto first = migrate(db());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_GT(*first, 30U);
  EXPECT_EQ(*migrate(db()), 0U);
  EXPECT_TRUE(plan_migration(db())->empty());
  auto row = db().query("SELECT username, legacy, quota, role, " + name("group") + " FROM users WHERE id = 7", {});
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(row->front().text(1), "kept");
  EXPECT_EQ(row->front().integer(2), 42);
  EXPECT_EQ(row->front().integer(3), 1);
  EXPECT_EQ(row->front().text(4), "default");
  EXPECT_TRUE(db().query("SELECT * FROM their_own", {}));
}

TEST_P(Model, UsersAreFoundAsTheyMaySignIn) {
  schema();
  auto id = user("alice", 100);
  EXPECT_TRUE(*root_exists(db()));
  EXPECT_EQ((*find_user_by_login(db(), "alice"))->id, id);
  EXPECT_EQ((*find_user_by_login(db(), "alice@x"))->id, id);
  EXPECT_FALSE(*find_user_by_login(db(), "bob"));
  EXPECT_FALSE(*find_user_by_access_token(db(), ""));
  ASSERT_TRUE(set_user_access_token(db(), id, "t0k3n"));
  EXPECT_EQ((*find_user_by_access_token(db(), "t0k3n"))->id, id);
  User twin;
  twin.username = "alice";
  EXPECT_EQ(create_user(db(), twin).error().cls, sql::ErrorClass::kDuplicate);
  EXPECT_EQ((*find_user(db(), id))->aff_code.size(), 4U);
  EXPECT_TRUE(*soft_delete_user(db(), id, 1'750'000'000));
  EXPECT_FALSE(*soft_delete_user(db(), id, 1'750'000'000));
  EXPECT_FALSE(*find_user_by_login(db(), "alice"));
  EXPECT_TRUE((*find_user(db(), id, true))->deleted_at->starts_with("2025-06-15 15:06:40"));
}

TEST_P(Model, UserListsFilterAndEscapeWildcards) {
  schema();
  user("al_ice");
  user("alXice");
  EXPECT_EQ(*count_users(db(), {.keyword = "al_", .group = {}}), 1);
  EXPECT_EQ(list_users(db(), {.keyword = "al", .group = "default"}, 0, 10)->size(), 2U);
  EXPECT_EQ(list_users(db(), {.keyword = "al", .group = "vip"}, 0, 10)->size(), 0U);
  EXPECT_EQ(list_users(db(), {.keyword = "2", .group = {}}, 0, 10)->front().username, "alXice");
}

TEST_P(Model, TokensBelongToTheirOwner) {
  schema();
  auto alice = user("alice"), bob = user("bob");
  Token token;
  token.user_id = alice;
  token.key = std::string(48, 'k');
  token.name = "first";
  token.expired_time = 0;  // zero is stored as the column's default
  token.remain_quota = {500};
  auto id = *create_token(db(), token);
  EXPECT_EQ((*find_token_by_key(db(), token.key))->expired_time, -1);
  EXPECT_FALSE(*find_token(db(), id, bob));
  EXPECT_FALSE(*delete_token(db(), id, bob, 1));
  auto stored = **find_token(db(), id, alice);
  stored.name = "second";
  stored.remain_quota = {999'999};
  ASSERT_TRUE(update_token(db(), stored));
  EXPECT_EQ((*find_token(db(), id, alice))->name, "second");
  EXPECT_EQ((*find_token(db(), id, alice))->remain_quota.units, 500);
  EXPECT_TRUE(*delete_token(db(), id, alice, 1));
  EXPECT_FALSE(*find_token_by_key(db(), token.key));
}

TEST_P(Model, ChannelsKeepTheirAbilitiesInStep) {
  schema();
  Channel channel;
  channel.name = "c";
  channel.key = "k";
  channel.models = "a,b,a";
  channel.group = "default,vip";
  channel.priority = 5;
  channel.channel_info = R"({"is_multi_key":false})";
  channel.id = *create_channel(db(), channel);
  auto abilities = [&] {
    return db().query("SELECT COUNT(*), SUM(CASE WHEN enabled THEN 1 ELSE 0 END) FROM abilities", {})->front();
  };
  EXPECT_EQ(abilities().integer(0), 4);
  EXPECT_EQ(abilities().integer(1), 4);
  if (GetParam() == sql::Dialect::kSqlite) {
    EXPECT_EQ(db().query("SELECT typeof(channel_info) FROM channels", {})->front().text(0), "blob");
  }
  EXPECT_EQ(*enabled_models_of_group(db(), "vip"), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(*set_channel_status(db(), channel.id, ChannelStatus::kDisabledByHand, "", 1));
  EXPECT_EQ(abilities().integer(1), 0);
  auto stored = **find_channel(db(), channel.id);
  EXPECT_EQ(stored.channel_info, channel.channel_info);
  stored.models = "z";
  stored.status = 1;
  ASSERT_TRUE(update_channel(db(), stored));
  EXPECT_EQ(*enabled_models(db()), (std::vector<std::string>{"z"}));
  EXPECT_EQ(*count_channels(db(), {.keyword = {}, .group = "vip", .model = "z", .status = 1}), 1);
  EXPECT_EQ(*count_channels(db(), {.keyword = {}, .group = "vi", .model = {}}), 0);
  EXPECT_TRUE(*delete_channel(db(), channel.id));
  EXPECT_EQ(abilities().integer(0), 0);
}

TEST(ChannelTexts, SplitAsTheOtherProductSplitsThem) {
  EXPECT_EQ(split_list("a, b,,c"), (std::vector<std::string>{"a", " b", "c"}));
  EXPECT_EQ(split_keys(" k1\nk2\r\n\nk3\n"), (std::vector<std::string>{"k1", "k2", "k3"}));
  EXPECT_EQ(split_keys(R"(["k1", {"a":1}])"), (std::vector<std::string>{"k1", R"({"a":1})"}));
  EXPECT_EQ(split_keys("[not json"), (std::vector<std::string>{"[not json"}));
}

TEST_P(Model, OptionsSessionsSetupAndDashboardKeepWhatTheyAreGiven) {
  schema();
  ASSERT_TRUE(save_option(db(), "RetryTimes", "3"));
  ASSERT_TRUE(save_option(db(), "RetryTimes", "4"));
  EXPECT_EQ(*load_options(db()), (std::vector<std::pair<std::string, std::string>>{{"RetryTimes", "4"}}));
  EXPECT_FALSE(*is_set_up(db()));
  ASSERT_TRUE(mark_set_up(db(), "v1", 5));
  EXPECT_TRUE(*is_set_up(db()));
  StoredSession session{.id = "s", .user_id = {3}, .created_at = 1, .last_seen = 2, .ip = "i", .user_agent = "u"};
  ASSERT_TRUE(save_session(db(), session));
  EXPECT_EQ((*find_session(db(), "s"))->user_id.value, 3);
  ASSERT_TRUE(delete_sessions_of(db(), {3}));
  EXPECT_FALSE(*find_session(db(), "s"));
  EXPECT_EQ(*sessions_valid_from(db(), {3}), 0);
  ASSERT_TRUE(set_sessions_valid_from(db(), {3}, 9));
  ASSERT_TRUE(set_sessions_valid_from(db(), {3}, 10));
  EXPECT_EQ(*sessions_valid_from(db(), {3}), 10);
  QuotaData hour{
      .user_id = {1}, .username = "u", .model_name = "m", .hour = 3600, .token_used = 5, .count = 1, .quota = {7}};
  ASSERT_TRUE(add_quota_data(db(), hour));
  ASSERT_TRUE(add_quota_data(db(), hour));
  auto row = db().query("SELECT token_used, count, quota FROM quota_data", {});
  ASSERT_EQ(row->size(), 1U);
  EXPECT_EQ(row->front().integer(2), 14);
}

TEST_P(Model, LogsAreFilteredCountedAndSummed) {
  schema();
  std::vector<LogRow> rows(3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].user_id = {static_cast<std::int64_t>(i % 2 + 1)};
    rows[i].type = 2;
    rows[i].created_at = 1000 + static_cast<std::int64_t>(i);
    rows[i].quota = {10};
    rows[i].model_name = i == 0 ? "gpt-4o" : "gpt-4o-mini";
    rows[i].request_id = "r" + std::to_string(i);
    rows[i].prompt_tokens = 3;
  }
  ASSERT_TRUE(insert_logs(db(), rows));
  LogFilter filter;
  EXPECT_EQ(count_logs(db(), filter)->total, 3);
  filter.user_id = core::UserId{1};
  EXPECT_EQ(list_logs(db(), filter, 0, 10)->size(), 2U);
  filter.model_name = "gpt-4o%";
  filter.start_time = 1001;
  EXPECT_EQ(list_logs(db(), filter, 0, 10)->front().request_id, "r2");
  auto sums = log_statistics(db(), {}, 1010);
  EXPECT_EQ(sums->quota.units, 30);
  EXPECT_EQ(sums->rpm, 3);
  EXPECT_EQ(sums->tpm, 9);
}

}  // namespace tollgate::model
