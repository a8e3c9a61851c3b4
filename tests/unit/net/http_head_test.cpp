#include "net/http_head.h"

#include <gtest/gtest.h>

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

TEST(HttpHead, TakesTheAbsoluteForm) {
  RequestHead head;
  ASSERT_EQ(parse_request_head("GET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n", head).status, 0);
  EXPECT_EQ(head.path, "/p");
  EXPECT_EQ(head.query, "q");
}

// Each of these is read differently by some program: as a body or none, as one message or two.
TEST(HttpHead, RefusesWhatTwoProgramsReadDifferently) {
  const std::pair<std::string, int> cases[] = {
      {with("Transfer-Encoding: gzip\r\n"), 501},
      {with("Transfer-Encoding: identity\r\n"), 501},
      {with("Transfer-Encoding: xchunked\r\n"), 501},
      {with("Transfer-Encoding: chunked, gzip\r\n"), 501},
      {with("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {with("Transfer-Encoding: chunked,\r\n"), 501},
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
      {with("X: one\r\n two\r\n"), 400},
      {with("X : blank before colon\r\n"), 400},
      {with(": no name\r\n"), 400},
      {with("no colon\r\n"), 400},
      {with("X: bare\rcarriage\r\n"), 400},
      {with(std::string("X: nul\0here\r\n", 13)), 400},
      {with("X: bell\x07\r\n"), 400},
      {"POST / HTTP/1.1\nHost: a\n\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"POST / HTTP/1.1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"POST  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST / x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST /a\"b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"POST example HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"post / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"FO!O / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"POST / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\n", 505},
      {"POST / HTTPS/1.1\r\nHost: a\r\n\r\n", 400},
  };
  for (const auto& [head, status] : cases) EXPECT_EQ(status_of(head), status) << head;
}

TEST(HttpHead, LimitsFieldsAndTarget) {
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "X: y\r\n";
  EXPECT_EQ(status_of(with(fields)), 431);
  EXPECT_EQ(status_of("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
}

TEST(HttpHead, FindsItsEndFromAnyPoint) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
  for (std::size_t from = 0; from < 27; ++from) {
    EXPECT_EQ(find_head_end(std::string_view(text).substr(0, from)), from >= 27 ? 27U : 0U);
    EXPECT_EQ(find_head_end(text, from), 27U) << from;
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
  for (auto bad : {"", "g", "+5", "0x5", "5 ", "5;a", "fffffffffffffffff"})
    EXPECT_FALSE(parse_chunk_size(bad, false)) << bad;
}

}  // namespace tollgate::net
