#include "model/row_cache.h"

#include <gtest/gtest.h>

#include <future>

#include "unit/redis/redis_server.h"

namespace tollgate::model {
namespace {

using redis::eventually;
using std::chrono::seconds;

const std::string kKey = "cnryAbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefgh";

Token token() {
  Token token;
  token.id = core::TokenId{3};
  token.user_id = core::UserId{7};
  token.key = kKey;
  token.name = "n\r\nm";
  token.remain_quota = core::Quota{-5};
  token.unlimited_quota = true;
  token.model_limits = "a,b";
  token.allow_ips = "";
  token.group = "vip";
  return token;
}

User user() {
  User user;
  user.id = core::UserId{7};
  user.username = "somebody";
  user.group = "vip";
  user.email = "a@b.example";
  user.quota = core::Quota{1000};
  user.role = 10;
  user.setting = R"({"record_ip_log":true})";
  return user;
}

TEST(RowHash, HasTheFieldsOfTheCompatibleProduct) {
  std::vector<std::string> names;
  for (const auto& [field, value] : hash_fields(token())) names.push_back(field);
  EXPECT_EQ(names, (std::vector<std::string>{"Id", "UserId", "Key", "Status", "Name", "CreatedTime", "AccessedTime",
                                             "ExpiredTime", "RemainQuota", "UnlimitedQuota", "ModelLimitsEnabled",
                                             "ModelLimits", "AllowIps", "UsedQuota", "Group", "CrossGroupRetry"}));
  auto fields = hash_fields(token());
  EXPECT_EQ(fields[2].second, "");
  EXPECT_EQ(fields[9].second, "true");
  EXPECT_EQ(fields[15].second, "false");
}

TEST(RowHash, ComesBackAsItWasAndIsNoRowWhenAFieldIsMissing) {
  auto fields = hash_fields(token());
  auto back = token_of_hash(fields);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->name, "n\r\nm");
  EXPECT_EQ(back->remain_quota.units, -5);
  EXPECT_TRUE(back->unlimited_quota);
  EXPECT_EQ(user_of_hash(hash_fields(user()))->role, 10);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].first == "Key") continue;
    auto fewer = fields;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(token_of_hash(fewer)) << fields[i].first;
  }
  fields[0].second = "3x";
  EXPECT_FALSE(token_of_hash(fields));
}

TEST(RowHash, NamesAndSealsByTheSecret) {
  HashKeys keys("crypto"), others("another");
  // printf 'k' | openssl dgst -sha256 -hmac crypto
  EXPECT_EQ(keys.token_name("k").size(), 6 + 64U);
  EXPECT_NE(keys.token_name("k"), others.token_name("k"));
  auto fields = hash_fields(user());
  fields.emplace_back("tg_mac", keys.seal("user:7", fields));
  EXPECT_TRUE(keys.sealed("user:7", fields));
  EXPECT_FALSE(keys.sealed("user:8", fields));
  EXPECT_FALSE(others.sealed("user:7", fields));
  auto counted = fields;
  counted[3].second = "999";
  EXPECT_TRUE(keys.sealed("user:7", counted)) << "counters are changed in place by others";
  auto promoted = fields;
  promoted[7].second = "100";
  EXPECT_FALSE(keys.sealed("user:7", promoted));
  auto shifted = fields;
  shifted[1].second = "vi";
  shifted[2].second = "pa@b.example";
  EXPECT_FALSE(keys.sealed("user:7", shifted));
}

class RowCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    redis::Settings settings;
    settings.address = *redis::parse_address(server_.url());
    client_ = *redis::Client::start(std::move(settings));
    ASSERT_TRUE(client_->await_first(seconds(3)));
    rows_ = std::make_unique<RowCache>(*client_, "crypto", std::vector<std::string>{"older"}, seconds(60));
  }
  void TearDown() override { client_->stop(); }

  std::optional<User> find_user() {
    std::promise<std::optional<User>> answer;
    rows_->find_user(core::UserId{7}, [&](std::optional<User> found) { answer.set_value(std::move(found)); });
    return answer.get_future().get();
  }
  std::optional<Token> find_token() {
    std::promise<std::optional<Token>> answer;
    rows_->find_token(kKey, [&](std::optional<Token> found) { answer.set_value(std::move(found)); });
    return answer.get_future().get();
  }
  std::string field(const std::string& key, const std::string& name) { return client_->ask({"HGET", key, name})->text; }

  redis::RedisServer server_;
  std::unique_ptr<redis::Client> client_;
  std::unique_ptr<RowCache> rows_;
};

TEST_F(RowCacheTest, FindsWhatAnotherNodeHasWritten) {
  EXPECT_FALSE(find_user());
  rows_->put(user());
  rows_->put(token());
  EXPECT_TRUE(eventually([&] { return find_user() && find_token(); }));
  EXPECT_EQ(find_user()->username, "somebody");
  EXPECT_EQ(find_token()->key, kKey);
  EXPECT_EQ(field("user:7", "Group"), "vip");
  EXPECT_EQ(field(rows_->token_name(kKey), "Key"), "");
  auto life = client_->ask({"TTL", "user:7"})->integer;
  EXPECT_GT(life, 50);
  EXPECT_LE(life, 60);
}

TEST_F(RowCacheTest, BelievesNoRowThatNoNodeHasSealed) {
  client_->ask({"HSET", "user:7", "Id", "7", "Group", "vip", "Email", "", "Quota", "9000000000", "Status", "1",
                "Username", "x", "Setting", "", "tg_role", "100"});
  EXPECT_FALSE(find_user());
}

TEST_F(RowCacheTest, ForgetsAChangedRowAndKeepsNoOlderCopyOfIt) {
  rows_->put(user());
  ASSERT_TRUE(eventually([&] { return find_user().has_value(); }));
  rows_->drop_user(core::UserId{7});
  EXPECT_FALSE(find_user());
  // Read from SQL before the change, written after it.
  rows_->put(user());
  EXPECT_FALSE(find_user());
  EXPECT_TRUE(eventually([&] { return client_->ask({"EXISTS", "user:7"})->integer == 0; }));
  rows_->drop_token(kKey);
  EXPECT_EQ(client_->ask({"EXISTS", "tg:inv:" + HashKeys("older").token_name(kKey)})->integer, 1);
  EXPECT_EQ(client_->ask({"EXISTS", "tg:inv:" + rows_->token_name(kKey)})->integer, 1);
}

TEST_F(RowCacheTest, FollowsBalancesWithoutMakingRows) {
  rows_->wallet_moved(core::UserId{7}, core::Quota{-10});
  EXPECT_EQ(client_->ask({"EXISTS", "user:7"})->integer, 0);
  rows_->put(user());
  auto limited = token();
  limited.unlimited_quota = false;
  rows_->put(limited);
  ASSERT_TRUE(eventually([&] { return find_user() && find_token(); }));
  rows_->wallet_moved(core::UserId{7}, core::Quota{-10});
  rows_->key_limit_moved(core::TokenId{3}, core::Quota{8});
  EXPECT_TRUE(eventually([&] { return field("user:7", "Quota") == "990"; }));
  EXPECT_TRUE(eventually([&] { return field(rows_->token_name(kKey), "RemainQuota") == "3"; }));
  EXPECT_TRUE(find_user()) << "the seal does not cover counters";
  client_->ask({"PERSIST", "user:7"});
  rows_->wallet_moved(core::UserId{7}, core::Quota{-10});
  EXPECT_EQ(client_->ask({"PING"})->text, "PONG");
  EXPECT_EQ(field("user:7", "Quota"), "990");
}

}  // namespace
}  // namespace tollgate::model
