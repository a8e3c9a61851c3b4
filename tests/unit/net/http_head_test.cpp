#include "net/http_head.h"

#include <gtest/gtest.h>

#include "net/request_target.h"

namespace tollgate::net {
namespace {

int status_of(const std::string& head) {
  RequestHead parsed;
  return parse_request_head(head, parsed).status;
}

std::string with(const std::string& lines) { return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"; }

}  // namespace

TEST(HttpHead, ReadsARequest) {
  RequestHead head;
  std::string text = "POST /v1/x?a=b&c HTTP/1.1\r\nhOsT: example\r\nContent-Length:  5 \r\nX-Empty:\r\n\r\n";
  ASSERT_EQ(parse_request_head(text, head).status, 0);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/x");
  EXPECT_EQ(head.query, "a=b&c");
  EXPECT_EQ(head.framing, BodyFraming::kLength);
  EXPECT_EQ(head.content_length, 5U);
  EXPECT_EQ(head.headers.find("HOST"), "example");
  EXPECT_EQ(head.headers.find("x-empty"), "");
  EXPECT_TRUE(head.keep_alive);
}

TEST(HttpHead, KnowsConnectionOptions) {
  RequestHead head;
  auto keeps = [&](const char* text) {
    EXPECT_EQ(parse_request_head(text, head).status, 0) << text;
    return head.keep_alive;
  };
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(HttpHead, TakesTheAbsoluteFormOfItsOwnHost) {
  RequestHead head;
  ASSERT_EQ(parse_request_head("GET HTTP://h:1/p?q HTTP/1.1\r\nHost: h:1\r\n\r\n", head).status, 0);
  EXPECT_EQ(head.path, "/p");
  EXPECT_EQ(head.query, "q");
  for (auto target : {"http://other/p", "http://h/p", "http://u@h:1/p", "http:///p", "http://h:1", "ftp://h:1/p"})
    EXPECT_EQ(status_of("GET " + std::string(target) + " HTTP/1.1\r\nHost: h:1\r\n\r\n"), 400) << target;
}

// Each of these is read differently by some program: as a body or none, as one message or two.
TEST(HttpHead, RefusesWhatTwoProgramsReadDifferently) {
  const std::pair<std::string, int> cases[] = {
      {with("Transfer-Encoding: gzip\r\n"), 501},
      {with("Transfer-Encoding: identity\r\n"), 400},
      {with("Transfer-Encoding: xchunked\r\n"), 400},
      {with("Transfer-Encoding: chunked, gzip\r\n"), 400},
      {with("Transfer-Encoding: gzip, chunked\r\n"), 400},
      {with("Transfer-Encoding: chunked,\r\n"), 400},
      {with("Transfer-Encoding:\tchunked\r\n"), 400},
      {with("Transfer-Encoding: \"chunked\"\r\n"), 400},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
      {with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {with("Transfer-Encoding:\r\n chunked\r\n"), 400},
      {with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
      {with("Content-Length: 5, 5\r\n"), 400},
      {with("Content-Length: +5\r\n"), 400},
      {with("Content-Length: -1\r\n"), 400},
      {with("Content-Length: 0x5\r\n"), 400},
      {with("Content-Length: \r\n"), 400},
      {with("Content-Length: 18446744073709551616\r\n"), 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 400},
      {"DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {with("X: one\r\n two\r\n"), 400},
      {with("X : blank before colon\r\n"), 400},
      {with(": no name\r\n"), 400},
      {with("no colon\r\n"), 400},
      {with(std::string(65, 'x') + ": long name\r\n"), 400},
      {with("X: bare\rcarriage\r\n"), 400},
      {with(std::string("X: nul\0here\r\n", 13)), 400},
      {with("X: bell\x07\r\n"), 400},
      {with("Authorization: Bearer k\xC3\xA9y\r\n"), 400},
      {with("Expect: 200-ok\r\n"), 417},
      {"POST / HTTP/1.1\nHost: a\n\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"POST / HTTP/1.1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"POST  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST / x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST example HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"post / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"FO!O / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"POST / HTTP/1.11\r\nHost: a\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\n", 400},
      {"POST / HTTPS/1.1\r\nHost: a\r\n\r\n", 400},
  };
  for (const auto& [head, status] : cases) EXPECT_EQ(status_of(head), status) << head;
}

TEST(HttpHead, RefusesFieldsThatMayStandOnceAndStandTwice) {
  for (auto name : {"Authorization", "content-type", "X-API-Key", "x-goog-api-key", "New-Api-User", "Content-Encoding",
                    "Stripe-Signature", "Expect"}) {
    std::string field = std::string(name) + ": 100-continue\r\n";
    EXPECT_EQ(status_of(with(field)), 0) << name;
    EXPECT_EQ(status_of(with(field + field)), 400) << name;
  }
  EXPECT_EQ(status_of(with("Cookie: a=1\r\nCookie: b=2\r\nConnection: x\r\nConnection: y\r\n")), 0);
}

TEST(HttpHead, ReadsTheCodingOfABody) {
  RequestHead head;
  const std::pair<const char*, ContentCoding> cases[] = {
      {"gzip", ContentCoding::kGzip}, {"GZIP", ContentCoding::kGzip},      {"deflate", ContentCoding::kDeflate},
      {"br", ContentCoding::kBrotli}, {"zstd", ContentCoding::kZstd},      {"identity", ContentCoding::kNone},
      {"xz", ContentCoding::kOther},  {"gzip, br", ContentCoding::kOther}, {"", ContentCoding::kOther},
  };
  for (const auto& [value, coding] : cases) {
    ASSERT_EQ(parse_request_head(with("Content-Encoding: " + std::string(value) + "\r\n"), head).status, 0);
    EXPECT_EQ(head.coding, coding) << value;
  }
  ASSERT_EQ(parse_request_head(with(""), head).status, 0);
  EXPECT_EQ(head.coding, ContentCoding::kNone);
}

TEST(RequestTarget, TakesWhatTheGrammarGives) {
  for (auto target : {"/", "/v1/chat/completions", "/a//b", "/a.b/..c/...", "/%41?b=%20&c", "/p?q=a[0]|{}^\"",
                      "/p?q=\xE4\xB8\xAD\xF0\x9F\x98\x80", "/a;b=1/c,d@e:f", "/%252f", "/p?/../a?b"})
    EXPECT_EQ(parse_target(target, "GET").status, 0) << target;
  EXPECT_EQ(parse_target("*", "OPTIONS").path, "*");
  EXPECT_TRUE(parse_target("/a%2Fb", "GET").encoded_slash);
  EXPECT_TRUE(parse_target("/a%5cb", "GET").encoded_slash);
  EXPECT_FALSE(parse_target("/ab?c%2Fd", "GET").encoded_slash);
}

TEST(RequestTarget, RefusesBytesAndSegmentsThatProgramsReadDifferently) {
  for (auto target : {"/a b",      "/a\\b",  "/a#b",    "/a<b",   "/a>b",        "/a\"b",           "/a[b",
                      "/\xC3\xA9", "/a?b#c", "/a?b\\c", "/a?b`",  "/a?\xC0\x80", "/a?\xED\xA0\x80", "/a?\xE4\xB8",
                      "/a?\xFF",   "/%",     "/%4",     "/%zz",   "/%00",        "/a?%zz",          "/a?%00",
                      "/a?%4",     "/..",    "/../a",   "/a/./b", "/a/.",        "/%2e%2e/a",       "/a/.%2E",
                      "/%2E",      "",       "a",       "*"})
    EXPECT_EQ(parse_target(target, "GET").status, 400) << target;
}

TEST(RequestTarget, KnowsAHost) {
  for (auto host : {"a", "a:1", "A-b_c.example:65535", "127.0.0.1", "[::1]", "[::ffff:1.2.3.4]:80", "a%41"})
    EXPECT_TRUE(is_host(host)) << host;
  for (auto host : {"",     ":80", "a:",  "a:b",  "a:123456", "a:1:2",  "u@a", "a/b", "a?x",  "a#x",
                    "a\\b", "a,b", "a b", "[::1", "[]",       "[::1]x", "[g]", "a%4", "a%00", "::1"})
    EXPECT_FALSE(is_host(host)) << host;
  EXPECT_FALSE(is_host(std::string(256, 'a')));
}

TEST(HttpHead, LimitsFieldsAndTarget) {
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "X: y\r\n";
  EXPECT_EQ(status_of(with(fields)), 431);
  EXPECT_EQ(status_of(with("X: " + std::string(16 * 1024, 'y') + "\r\n")), 431);
  EXPECT_EQ(status_of(with("X: " + std::string(16 * 1024 - 3, 'y') + "\r\n")), 0);
  EXPECT_EQ(status_of("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
}

TEST(HttpHead, FindsItsEndFromAnyPoint) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
  for (std::size_t from = 0; from < 27; ++from) {
    EXPECT_EQ(find_head_end(std::string_view(text).substr(0, from)), from >= 27 ? 27U : 0U);
    EXPECT_EQ(find_head_end(text, from), 27U) << from;
  }
}

TEST(HttpHead, DoesNotWaitBehindABareLineFeed) {
  for (std::string text : {"GET / HTTP/1.1\nHost: a", "GET / HTTP/1.1\r\nHost: a\n\r\n", "\n"}) {
    auto end = find_head_end(text);
    ASSERT_GT(end, 0U) << text;
    EXPECT_EQ(status_of(text.substr(0, end)), 400) << text;
  }
}

TEST(HttpHead, ReadsAnswers) {
  ResponseHead head;
  EXPECT_EQ(parse_response_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "POST", head), nullptr);
  EXPECT_EQ(head.framing, BodyFraming::kChunked);
  EXPECT_EQ(parse_response_head("HTTP/1.1 204\r\nContent-Length: 4\r\n\r\n", "POST", head), nullptr);
  EXPECT_EQ(head.framing, BodyFraming::kNone);
  EXPECT_EQ(parse_response_head("HTTP/1.0 200 OK\r\n\r\n", "POST", head), nullptr);
  EXPECT_EQ(head.framing, BodyFraming::kUntilClose);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(parse_response_head("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n", "POST", head),
            nullptr);
  for (auto bad : {"HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "<html>\r\n\r\n"})
    EXPECT_NE(parse_response_head(bad, "POST", head), nullptr) << bad;
}

TEST(ChunkSize, IsHexadecimalAndNothingElse) {
  EXPECT_EQ(parse_chunk_size("0", false), 0U);
  EXPECT_EQ(parse_chunk_size("1aF", false), 0x1AFU);
  EXPECT_EQ(parse_chunk_size("5;a=b", true), 5U);
  EXPECT_EQ(parse_chunk_size("00000001", false), 1U);
  for (auto bad : {"", "g", "+5", "0x5", "5 ", " 5", "5;a", "000000001", "fffffffffffffffff"})
    EXPECT_FALSE(parse_chunk_size(bad, false)) << bad;
}

}  // namespace tollgate::net
