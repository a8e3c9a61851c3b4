#include <gtest/gtest.h>

#include "net/body_buffer.h"
#include "net/chunked.h"
#include "net/deadline.h"
#include "net/http_server.h"
#include "net/sse.h"
#include "net/url.h"

namespace tollgate::net {
namespace {

struct Decoded {
  std::string payload;
  bool done = false;
  std::string rest;
  std::string error;
};

Decoded decode(const std::string& text, std::size_t step, bool extensions = false) {
  ChunkedDecoder decoder(extensions);
  Decoded out;
  for (std::size_t at = 0; at < text.size() && !out.done;) {
    auto piece = text.substr(at, step);
    auto result = decoder.decode(piece.data(), piece.size());
    if (result.error) {
      out.error = result.error;
      return out;
    }
    out.payload.append(piece, 0, result.payload);
    out.done = result.done;
    at += result.consumed;
    if (out.done) out.rest = text.substr(at);
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> events(std::string_view text, std::size_t step) {
  SseReader reader;
  std::vector<std::pair<std::string, std::string>> out;
  SseEvent event;
  for (std::size_t at = 0; at < text.size(); at += step) {
    // A copy that goes away before the next piece comes: a view kept too long would show.
    std::string piece(text.substr(at, step));
    reader.feed(piece);
    while (reader.next(event)) out.emplace_back(event.name, event.data);
  }
  while (reader.finish(event)) out.emplace_back(event.name, event.data);
  return out;
}

}  // namespace

TEST(Chunked, GivesTheSamePayloadAtEverySplit) {
  const std::string text = "5\r\nhello\r\n1\r\n,\r\n006\r\n world\r\n0\r\nTrailer: x\r\n\r\nNEXT";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    auto out = decode(text, step);
    EXPECT_EQ(out.payload, "hello, world") << step;
    EXPECT_TRUE(out.done) << step;
    EXPECT_EQ(out.rest, "NEXT") << step;
  }
}

TEST(Chunked, RefusesWhatIsNoChunk) {
  for (auto bad : {"5\nhello\r\n", "x\r\n", "-1\r\n", "5\r\nhelloX\r\n", "5;a=b\r\nhello\r\n", "5\r\nhello\n0\r\n\r\n",
                   "fffffffffffffffff\r\n", "\r\n", "5 \r\nhello\r\n", "000000005\r\nhello\r\n", "5\r\nhello\n",
                   "0\r\nGET / HTTP/1.1\r\n\r\n", "0\r\na: b\r\n c\r\n\r\n", "0\r\na b: c\r\n\r\n"})
    EXPECT_NE(decode(bad, 3).error, "") << bad;
  EXPECT_EQ(decode("5;a=b\r\nhello\r\n0\r\n\r\n", 4, true).payload, "hello");
  EXPECT_NE(decode("0\r\n" + std::string(20'000, 'x'), 100).error, "");
}

TEST(Chunked, RefusesAFloodOfTinyChunks) {
  auto chunks = [](int count, std::string_view chunk) {
    std::string text;
    for (int i = 0; i < count; ++i) text += chunk;
    return text + "0\r\n\r\n";
  };
  EXPECT_TRUE(decode(chunks(63, "1\r\nx\r\n"), 1000).done);
  EXPECT_EQ(decode(chunks(64, "1\r\nx\r\n"), 1000).error, "too many tiny chunks");
  EXPECT_TRUE(decode(chunks(1000, "10\r\n0123456789abcdef\r\n"), 1000).done);
  EXPECT_NE(decode(chunks(1000, "f\r\n0123456789abcde\r\n"), 1000).error, "");
}

TEST(BodyBuffer, P2_NeverHoldsMoreThanItsBytesOrTwice) {
  BodyBuffer counted(3'000'000);
  while (counted.size() < 3'000'000) {
    auto step = std::min<std::size_t>(1'000'000, 3'000'000 - counted.size());
    std::memset(counted.room(step), 'x', step);
    counted.added(step);
    EXPECT_LE(counted.capacity(), 3'000'000 + BodyBuffer::kSpare);
  }
  BodyBuffer open(100'000'000);
  for (int i = 0; i < 100; ++i) {
    std::memset(open.room(10'000), 'x', 10'000);
    open.added(10'000);
    EXPECT_LE(open.capacity(), 2 * open.size() + BodyBuffer::kSpare);
  }
  auto memory = open.take();
  EXPECT_EQ(std::string_view(memory.get() + 1'000'000 - 1, 2), std::string_view("x\0", 2));
}

TEST(Sse, S5_ReadsTheSameEventsAtEverySplit) {
  const std::string_view text =
      "\xEF\xBB\xBF: hi\ndata: {\"a\":\r\ndata:1}\r\n\r\nevent:x\rdata:  y\r\rid: 7\ndata\ndata: \xC3\xA9\n\n";
  const std::vector<std::pair<std::string, std::string>> expected{
      {"message", "{\"a\":\n1}"}, {"x", " y"}, {"message", "\n\xC3\xA9"}};
  for (std::size_t step = 1; step <= text.size(); ++step) EXPECT_EQ(events(text, step), expected) << step;
}

TEST(Sse, AnEventWithoutItsEmptyLineComesAtTheEnd) {
  EXPECT_EQ(events("data: a\n\ndata: [DONE]", 4).size(), 2U);
  EXPECT_EQ(events("data: a\n\nevent: x\n", 4).size(), 1U);
}

TEST(Sse, P1_AnEventThatIsTooLongEndsTheReading) {
  SseReader reader(1000);
  SseEvent event;
  std::string piece(600, 'x');
  reader.feed(piece);
  EXPECT_FALSE(reader.next(event));
  EXPECT_FALSE(reader.too_long());
  reader.feed(piece);
  EXPECT_FALSE(reader.next(event));
  EXPECT_TRUE(reader.too_long());
}

TEST(Url, ReadsItsParts) {
  auto url = parse_url("HTTPS://user:p%40ss@Example.COM:8443/a/b?c#d");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->user_info, "user:p%40ss");
  EXPECT_EQ(url->host, "example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/a/b?c");
  EXPECT_EQ(url->authority(), "example.com:8443");
  EXPECT_EQ(parse_url("http://[::1]")->authority(), "[::1]");
  EXPECT_EQ(parse_url("http://h?q")->target, "/?q");
  for (auto bad :
       {"", "h", "ftp://h", "http://", "http://h:0", "http://h:99999", "http://h:x", "http://a b", "http://[::1"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(Deadline, FiresOnceWhenItsTimeHasCome) {
  auto now = std::chrono::steady_clock::time_point(std::chrono::hours(1));
  DeadlineWheel wheel(now);
  int fired = 0;
  Deadline entry;
  entry.set(wheel, now + std::chrono::milliseconds(250), [&] { ++fired; });
  wheel.advance(now + std::chrono::milliseconds(200));
  EXPECT_EQ(fired, 0);
  wheel.advance(now + std::chrono::milliseconds(300));
  EXPECT_EQ(fired, 1);
  wheel.advance(now + std::chrono::seconds(100));
  EXPECT_EQ(fired, 1);
}

TEST(Deadline, MovesBothWaysAndBeyondTheWheel) {
  auto now = std::chrono::steady_clock::time_point(std::chrono::hours(1));
  DeadlineWheel wheel(now);
  int fired = 0;
  Deadline entry;
  entry.set(wheel, now + std::chrono::seconds(1), [&] { ++fired; });
  entry.move_to(now + std::chrono::minutes(10));
  wheel.advance(now + std::chrono::minutes(9));
  EXPECT_EQ(fired, 0);
  entry.move_to(now + std::chrono::minutes(9) + std::chrono::seconds(1));
  wheel.advance(now + std::chrono::minutes(9) + std::chrono::seconds(2));
  EXPECT_EQ(fired, 1);
}

TEST(Deadline, CallbacksMayClearOthersOfTheSameMoment) {
  auto now = std::chrono::steady_clock::time_point(std::chrono::hours(1));
  DeadlineWheel wheel(now);
  int fired = 0;
  Deadline entries[3];
  for (auto& entry : entries)
    entry.set(wheel, now + std::chrono::milliseconds(100), [&] {
      ++fired;
      for (auto& other : entries) other.clear();
    });
  wheel.advance(now + std::chrono::seconds(1));
  EXPECT_EQ(fired, 1);
}

TEST(ClientIp, BelievesTrustedPeersOnly) {
  std::vector<core::IpBlock> trusted{*core::parse_ip_block("10.0.0.0/8")};
  auto resolve = [&](std::string_view peer, std::vector<Header> fields, bool all = false) {
    HeaderList headers;
    for (auto field : fields) headers.add(field);
    return resolve_client_ip(*core::parse_ip(peer), headers, trusted, all);
  };
  EXPECT_EQ(resolve("203.0.113.9", {{"X-Forwarded-For", "1.2.3.4"}}), "203.0.113.9");
  EXPECT_EQ(resolve("10.0.0.1", {{"X-Forwarded-For", "1.2.3.4"}}), "1.2.3.4");
  EXPECT_EQ(resolve("10.0.0.1", {{"X-Forwarded-For", "6.6.6.6, 1.2.3.4, 10.9.9.9"}}), "1.2.3.4");
  EXPECT_EQ(resolve("10.0.0.1", {{"X-Forwarded-For", "6.6.6.6"}, {"x-forwarded-for", "1.2.3.4:55"}}), "1.2.3.4");
  EXPECT_EQ(resolve("10.0.0.1", {{"X-Forwarded-For", "10.1.1.1, 10.2.2.2"}}), "10.1.1.1");
  EXPECT_EQ(resolve("10.0.0.1", {{"X-Forwarded-For", "1.2.3.4, nonsense"}}), "10.0.0.1");
  EXPECT_EQ(resolve("10.0.0.1", {{"X-Real-IP", "[2001:db8::1]:9"}}), "2001:db8::1");
  EXPECT_EQ(resolve("203.0.113.9", {{"X-Forwarded-For", "6.6.6.6, 1.2.3.4"}}, true), "6.6.6.6");
}

}  // namespace tollgate::net
