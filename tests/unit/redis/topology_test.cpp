#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/cluster.h"
#include "redis/discovery.h"

namespace tollgate::redis {
namespace {

using ::testing::HasSubstr;

Probe probe(std::string_view host, std::uint16_t port, Mode mode, std::vector<std::string> groups = {}) {
  return {.endpoint = {.host = std::string(host), .port = port}, .mode = mode, .groups = std::move(groups)};
}

Address address(std::string_view text, std::string master = {}) {
  auto parsed = *parse_address(text);
  parsed.master_name = std::move(master);
  return parsed;
}

TEST(RedisDiscovery, REQ_CL_30_FindsEachMode) {
  auto mode = [](const Probe& one) { return decide(address("redis://h"), {one}, {})->mode; };
  EXPECT_EQ(mode(probe("h", 6379, Mode::kStandalone)), Mode::kStandalone);
  EXPECT_EQ(mode(probe("h", 6379, Mode::kCluster)), Mode::kCluster);
  EXPECT_EQ(mode(probe("h", 26379, Mode::kSentinel, {"mymaster"})), Mode::kSentinel);
}

TEST(RedisDiscovery, REQ_CL_32_UsesTheNameThatSentinelsKnow) {
  auto sentinel = probe("h", 26379, Mode::kSentinel, {"a", "mymaster"});
  auto found = decide(address("redis://h:26379", "mymaster"), {sentinel}, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mode, Mode::kSentinel);
  EXPECT_EQ(found->master_name, "mymaster");
  EXPECT_TRUE(found->warnings.empty());
  auto unknown = decide(address("redis://h:26379", "other"), {sentinel}, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, core::Errc::kInvalid);
  EXPECT_EQ(unknown.error().message,
            "REDIS_MASTER_NAME: sentinel h:26379 does not know \"other\"; it knows: a, mymaster");
}

TEST(RedisDiscovery, REQ_CL_32_TakesTheOnlyNameWhenNoneIsSet) {
  auto found = decide(address("redis://h:26379"), {probe("h", 26379, Mode::kSentinel, {"only"})}, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->master_name, "only");
  EXPECT_EQ(found->warnings.size(), 1U);
  auto several = decide(address("redis://h:26379"), {probe("h", 26379, Mode::kSentinel, {"a", "b"})}, {});
  ASSERT_FALSE(several);
  EXPECT_THAT(several.error().message, HasSubstr("REDIS_MASTER_NAME"));
}

TEST(RedisDiscovery, REQ_CL_32_LooksForSentinelsBesideADataServer) {
  auto data = probe("h", 6379, Mode::kStandalone);
  auto found =
      decide(address("redis://h:6379", "mymaster"), {data}, {probe("h", 26379, Mode::kSentinel, {"mymaster"})});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mode, Mode::kSentinel);
  EXPECT_EQ(found->endpoints[0].text(), "h:26379");
  EXPECT_THAT(found->warnings.at(0), HasSubstr("redis://h:26379"));
  for (auto near : {std::vector<Probe>{}, {probe("h", 26379, Mode::kSentinel, {"other"})}}) {
    auto alone = decide(address("redis://h:6379", "mymaster"), {data}, near);
    ASSERT_TRUE(alone);
    EXPECT_EQ(alone->mode, Mode::kStandalone);
    EXPECT_EQ(alone->endpoints[0].text(), "h:6379");
    EXPECT_THAT(alone->warnings.at(0), HasSubstr("W-REDIS-NOSENTINEL"));
  }
}

TEST(RedisDiscovery, IgnoresANameOnAClusterAndRefusesADatabaseThere) {
  auto found = decide(address("redis://h", "mymaster"), {probe("h", 6379, Mode::kCluster)}, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mode, Mode::kCluster);
  EXPECT_THAT(found->warnings.at(0), HasSubstr("no effect"));
  auto numbered = decide(address("redis://h/2"), {probe("h", 6379, Mode::kCluster)}, {});
  ASSERT_FALSE(numbered);
  EXPECT_EQ(numbered.error().code, core::Errc::kInvalid);
}

Reply integer(std::int64_t value) { return {.type = Reply::Type::kInteger, .integer = value}; }
Reply text(std::string value) { return {.type = Reply::Type::kText, .text = std::move(value)}; }
Reply list(std::vector<Reply> items) { return {.type = Reply::Type::kArray, .items = std::move(items)}; }

TEST(RedisClusterSlots, ReadsWhatServersSayAndLeavesOutTheRest) {
  Endpoint asked{.host = "asked", .port = 1};
  auto server = [](std::string host, std::int64_t port) {
    return list({text(std::move(host)), integer(port), text("id"), list({})});
  };
  auto ranges = slot_ranges(
      list({list({integer(0), integer(5460), server("a", 7000), server("b", 7003)}),
            list({integer(5461), integer(16383), server("", 7001)}), list({integer(5), integer(4), server("c", 1)}),
            list({integer(0), integer(20000), server("c", 1)}), text("nonsense"),
            list({integer(0), integer(1), server("c", 70000)})}),
      asked);
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].last, 5460);
  EXPECT_EQ(ranges[0].primary.text(), "a:7000");
  EXPECT_EQ(ranges[1].primary.text(), "asked:7001");
}

TEST(RedisClusterSlots, ReadsRedirections) {
  Endpoint asked{.host = "asked", .port = 1};
  auto moved = redirection("MOVED 3999 127.0.0.1:6381", asked);
  ASSERT_TRUE(moved);
  EXPECT_FALSE(moved->ask);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->to.text(), "127.0.0.1:6381");
  EXPECT_TRUE(redirection("ASK 1 ::1:7000", asked)->ask);
  EXPECT_EQ(redirection("ASK 1 ::1:7000", asked)->to.host, "::1");
  EXPECT_EQ(redirection("MOVED 1 :7000", asked)->to.text(), "asked:7000");
  for (auto other : {"ERR no", "MOVED", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h:0", "MOVED 1 h", "ASK 1"})
    EXPECT_FALSE(redirection(other, asked)) << other;
}

}  // namespace
}  // namespace tollgate::redis
