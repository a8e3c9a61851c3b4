#include "redis/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tollgate::redis {
namespace {

using std::chrono::milliseconds;

Address taken(std::string_view text) {
  auto address = parse_address(text);
  EXPECT_TRUE(address) << text << ": " << (address ? "" : address.error().message);
  return address ? *address : Address{};
}

std::string refused(std::string_view text) {
  auto address = parse_address(text);
  EXPECT_FALSE(address) << text;
  if (address) return "";
  EXPECT_EQ(address.error().code, core::Errc::kInvalid);
  return address.error().message;
}

std::vector<std::string> hosts(const Address& address) {
  std::vector<std::string> texts;
  for (const auto& endpoint : address.endpoints) texts.push_back(endpoint.text());
  return texts;
}

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RedisAddress, REQ_CL_18_TakesTheGuidesLine) {
  auto address = taken("redis://default:password@your-redis-host:6379");
  EXPECT_THAT(hosts(address), ElementsAre("your-redis-host:6379"));
  EXPECT_EQ(address.credentials, (Credentials{"default", "password"}));
  EXPECT_EQ(address.database, 0);
  EXPECT_FALSE(address.tls);
  EXPECT_EQ(address.mode, Mode::kAuto);
}

TEST(RedisAddress, FillsInPortDatabaseAndHost) {
  EXPECT_THAT(hosts(taken("redis://redis")), ElementsAre("redis:6379"));
  EXPECT_EQ(taken("redis://:pw@h").credentials, (Credentials{"", "pw"}));
  EXPECT_EQ(taken("redis://h:6379/3").database, 3);
  EXPECT_THAT(hosts(taken("redis://:pw@")), ElementsAre("localhost:6379"));
  EXPECT_THAT(hosts(taken("redis://[::1]:7000")), ElementsAre("[::1]:7000"));
  EXPECT_EQ(taken("  REDIS://h  ").endpoints.size(), 1U);
}

TEST(RedisAddress, HonoursTheOptionsItKnowsAndIgnoresOthers) {
  auto address = taken("redis://h?db=3&dial_timeout=5s&read_timeout=1&pool_size=20&idle_timeout=9");
  EXPECT_EQ(address.database, 3);
  EXPECT_EQ(address.connect_timeout, milliseconds(5000));
  EXPECT_EQ(address.command_timeout, milliseconds(1000));
  EXPECT_FALSE(taken("redis://h?read_timeout=-1").command_timeout);
}

TEST(RedisAddress, TakesTlsAndUnixSockets) {
  EXPECT_TRUE(taken("rediss://h:6380").tls);
  auto plain = taken("unix:///run/redis.sock?db=2");
  EXPECT_EQ(plain.endpoints[0].path, "/run/redis.sock");
  EXPECT_EQ(plain.database, 2);
  auto named = taken("unix://user:pw@/run/redis.sock");
  EXPECT_EQ(named.credentials, (Credentials{"user", "pw"}));
  EXPECT_EQ(named.endpoints[0].text(), "/run/redis.sock");
}

TEST(RedisAddress, TakesSentinelsInEveryForm) {
  EXPECT_THAT(hosts(taken("redis://s1:26379,s2:26379,s3:26379")), ElementsAre("s1:26379", "s2:26379", "s3:26379"));
  EXPECT_THAT(hosts(taken("s1:26379,s2:26379")), ElementsAre("s1:26379", "s2:26379"));
  EXPECT_THAT(hosts(taken("redis://s1:1,redis://s2:2")), ElementsAre("s1:1", "s2:2"));
  EXPECT_THAT(hosts(taken("redis://s1:1/2, s2:2")), ElementsAre("s1:1", "s2:2"));
  auto whole = taken("redis+sentinel://user:pw@s1,s2:26380/mymaster/4?sentinel_password=p%40w");
  EXPECT_EQ(whole.mode, Mode::kSentinel);
  EXPECT_THAT(hosts(whole), ElementsAre("s1:26379", "s2:26380"));
  EXPECT_EQ(whole.master_name, "mymaster");
  EXPECT_EQ(whole.database, 4);
  EXPECT_EQ(whole.sentinel.password, "p@w");
}

TEST(RedisAddress, TakesClusterSeeds) {
  EXPECT_THAT(hosts(taken("redis://n1:7001,n2:7002,n3:7003")), ElementsAre("n1:7001", "n2:7002", "n3:7003"));
  EXPECT_EQ(taken("redis+cluster://n1:7001").mode, Mode::kCluster);
  EXPECT_TRUE(taken("rediss+cluster://n1:7001").tls);
}

TEST(RedisAddress, DecodesCredentialsAndForgivesAnAt) {
  EXPECT_EQ(taken("redis://u:%40%2F%3A%23%3F%25+@h").credentials.password, "@/:#?%+");
  auto address = taken("redis://:p@ss@h:1");
  EXPECT_EQ(address.credentials.password, "p@ss");
  EXPECT_THAT(hosts(address), ElementsAre("h:1"));
  ASSERT_EQ(address.warnings.size(), 1U);
  EXPECT_THAT(address.warnings[0], HasSubstr("%40"));
}

TEST(RedisAddress, RefusesWhatItCannotUseAndNamesNoSecret) {
  EXPECT_THAT(refused("http://h"), HasSubstr("scheme"));
  EXPECT_THAT(refused("rediss+unix:///x"), HasSubstr("scheme"));
  EXPECT_THAT(refused("redis://h:port"), HasSubstr("port"));
  EXPECT_THAT(refused("redis://h:0"), HasSubstr("port"));
  EXPECT_THAT(refused("redis://h:70000"), HasSubstr("port"));
  EXPECT_THAT(refused("redis://h/abc"), HasSubstr("database"));
  EXPECT_THAT(refused("redis+cluster://h/1"), HasSubstr("database 0"));
  EXPECT_THAT(refused("redis://a,,b"), HasSubstr("empty"));
  EXPECT_THAT(refused("redis://a,"), HasSubstr("empty"));
  EXPECT_THAT(refused("redis://a,rediss://b"), HasSubstr("schemes"));
  EXPECT_THAT(refused("redis://:x@a,redis://:y@b"), HasSubstr("credentials"));
  EXPECT_THAT(refused("unix://relative"), HasSubstr("absolute"));
  EXPECT_THAT(refused("redis://[::1"), HasSubstr("bracket"));
  EXPECT_THAT(refused("redis://:CANARY@h:port"), ::testing::Not(HasSubstr("CANARY")));
}

}  // namespace
}  // namespace tollgate::redis
