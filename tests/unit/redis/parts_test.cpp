#include <gtest/gtest.h>

#include "redis/breaker.h"
#include "redis/reply.h"
#include "redis/script.h"
#include "redis/slot.h"

namespace tollgate::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Breaker::Time at(int ms) { return Breaker::Time(std::chrono::hours(1) + milliseconds(ms)); }

TEST(RedisBreaker, OpensAfterFiveFailuresInARow) {
  Breaker breaker;
  for (int i = 0; i < 4; ++i) breaker.record(false, at(i));
  EXPECT_TRUE(breaker.allows(at(5)));
  breaker.record(true, at(5));
  for (int i = 0; i < 4; ++i) breaker.record(false, at(2000 + i));
  EXPECT_TRUE(breaker.allows(at(2005)));
  breaker.record(false, at(2006));
  EXPECT_FALSE(breaker.allows(at(2007)));
}

TEST(RedisBreaker, OpensWhenHalfOfASecondFailed) {
  Breaker breaker;
  for (int i = 0; i < 9; ++i) breaker.record(i % 2 == 1, at(i));
  EXPECT_TRUE(breaker.allows(at(10)));
  breaker.record(false, at(11));
  EXPECT_FALSE(breaker.allows(at(12)));
}

TEST(RedisBreaker, TriesOnceAndStaysOpenTwiceAsLongEachTime) {
  Breaker breaker;
  for (int i = 0; i < 5; ++i) breaker.record(false, at(0));
  EXPECT_FALSE(breaker.allows(at(999)));
  EXPECT_TRUE(breaker.allows(at(1000)));
  EXPECT_FALSE(breaker.allows(at(1001)));
  breaker.record(false, at(1100));
  EXPECT_FALSE(breaker.allows(at(3099)));
  EXPECT_TRUE(breaker.allows(at(3100)));
  breaker.record(true, at(3101));
  EXPECT_TRUE(breaker.allows(at(3102)));
  EXPECT_FALSE(breaker.open());
}

TEST(RedisSlot, FollowsTheClusterSpecification) {
  EXPECT_EQ(slot_of("123456789"), 0x31C3 % kSlots);
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar"));
  EXPECT_EQ(slot_of("user:1"), 10778);
}

TEST(RedisSlot, KnowsWhereTheKeyOfACommandStands) {
  EXPECT_EQ(key_of({"GET", "k"}), "k");
  EXPECT_EQ(key_of({"evalsha", "digest", "1", "k", "v"}), "k");
  EXPECT_EQ(key_of({"PUBLISH", "channel", "text"}), "");
  EXPECT_EQ(key_of({"PING"}), "");
}

TEST(RedisScript, HasTheDigestThatServersUse) {
  EXPECT_EQ(Script("return 1").digest(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

std::optional<Reply> read_in_pieces(std::string_view bytes, std::size_t piece) {
  ReplyReader reader;
  std::optional<Reply> found;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    auto next = reader.next();
    if (!next) return std::nullopt;
    if (*next) found = std::move(**next);
  }
  return found;
}

TEST(RedisReply, IsReadHoweverTheBytesArrive) {
  std::string_view bytes = "*4\r\n:-7\r\n$-1\r\n*2\r\n+OK\r\n-ERR no\r\n$3\r\na\r\n\r\n";
  for (std::size_t piece : {1U, 2U, 7U, 100U}) {
    auto reply = read_in_pieces(bytes, piece);
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->items.size(), 4U);
    EXPECT_EQ(reply->items[0].integer, -7);
    EXPECT_TRUE(reply->items[1].is_nil());
    EXPECT_EQ(reply->items[2].items[0].text, "OK");
    EXPECT_TRUE(reply->items[2].items[1].is_error("ERR"));
    EXPECT_EQ(reply->items[3].text, "a\r\n");
  }
}

TEST(RedisReply, RefusesWhatIsNotItsProtocol) {
  for (std::string_view bytes : {"HTTP/1.1 400 Bad Request\r\n", "*99999999\r\n", ":x\r\n", "%1\r\n+a\r\n+b\r\n",
                                 "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    ReplyReader reader;
    reader.feed(bytes);
    EXPECT_FALSE(reader.next()) << bytes;
  }
}

}  // namespace
}  // namespace tollgate::redis
