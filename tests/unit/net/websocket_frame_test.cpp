#include "net/websocket_frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/websocket_handshake.h"

namespace tollgate::net {
namespace {

using Event = WebSocketReader::Event;
constexpr WebSocketMask kMask{0x12, 0x34, 0x56, 0x78};

// A frame as a client sends it; `first` is its first byte.
std::string frame(unsigned first, std::string payload, bool masked = true) {
  WebSocketHead head(static_cast<WebSocketOpcode>(first & 0x0FU), payload.size(), masked ? &kMask : nullptr);
  std::string out(head.text());
  out[0] = static_cast<char>(first);
  if (masked) apply_mask(payload, kMask);
  return out + payload;
}

struct Seen {
  Event event = Event::kNone;
  std::string text;
  CloseCode code = CloseCode::kNone;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> read_all(WebSocketReader& reader, std::string_view bytes, std::size_t piece = SIZE_MAX) {
  std::vector<Seen> out;
  while (!bytes.empty()) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    for (;;) {
      auto event = reader.read(part);
      if (event == Event::kNone) break;
      const bool message = event == Event::kMessage;
      const bool coded = event == Event::kClose || event == Event::kWrong;
      out.push_back({event,
                     message                  ? reader.message()
                     : event == Event::kWrong ? ""
                                              : reader.control(),
                     coded ? reader.code() : CloseCode::kNone});
      if (event == Event::kWrong) return out;
    }
  }
  return out;
}
std::vector<Seen> of_client(std::string_view bytes) {
  WebSocketReader reader(WebSocketReader::From::kClient);
  return read_all(reader, bytes);
}
CloseCode refused(std::string_view bytes) {
  auto seen = of_client(bytes);
  return seen.empty() || seen.back().event != Event::kWrong ? CloseCode::kNone : seen.back().code;
}

TEST(WebSocketHandshake, AnswersTheKeyOfTheStandardAsTheStandardDoes) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

RequestHead head_of(const std::string& text) {
  RequestHead head;
  EXPECT_EQ(parse_request_head(text, head).status, 0) << text;
  return head;
}

TEST(WebSocketHandshake, H20_IsSeenOnlyWhereAllOfItIsThere) {
  const std::string start = "GET /v1/realtime HTTP/1.1\r\nHost: a\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  const std::string upgrade = "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n";
  auto asked = [&](const std::string& fields, const std::string& line) {
    const std::string text = line + fields + "\r\n";
    return upgrade_asked(head_of(text));
  };
  EXPECT_EQ(asked(upgrade + key + version, start), UpgradeAsked::kYes);
  EXPECT_EQ(asked("Upgrade: websocket\r\n" + key + version, start), UpgradeAsked::kNo);
  EXPECT_EQ(asked("Connection: Upgrade\r\n" + key + version, start), UpgradeAsked::kNo);
  EXPECT_EQ(asked("Upgrade: h2c\r\nConnection: Upgrade\r\n" + key + version, start), UpgradeAsked::kNo);
  EXPECT_EQ(asked(upgrade + key + "Sec-WebSocket-Version: 8\r\n", start), UpgradeAsked::kOtherVersion);
  EXPECT_EQ(asked(upgrade + version, start), UpgradeAsked::kBadKey);
  EXPECT_EQ(asked(upgrade + version + "Sec-WebSocket-Key: short==\r\n", start), UpgradeAsked::kBadKey);
  EXPECT_EQ(asked(upgrade + key + key + version, start), UpgradeAsked::kBadKey);
  EXPECT_EQ(asked(upgrade + key + version, "GET /v1/realtime HTTP/1.0\r\nHost: a\r\n"), UpgradeAsked::kNo);
}

TEST(WebSocketHandshake, OfAnUpstreamMustAnswerThisKeyWithAProtocolThatWasOffered) {
  auto fault = [](const std::string& fields, std::string_view offered) {
    ResponseHead head;
    const std::string text = "HTTP/1.1 101 Switching Protocols\r\n" + fields + "\r\n";
    EXPECT_EQ(parse_response_head(text, "GET", head), nullptr);
    return why_not_open(head.headers, "dGhlIHNhbXBsZSBub25jZQ==", offered) != nullptr;
  };
  const std::string good =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  EXPECT_FALSE(fault(good, ""));
  EXPECT_FALSE(fault(good + "Sec-WebSocket-Protocol: realtime\r\n", "realtime,x"));
  EXPECT_TRUE(fault(good + "Sec-WebSocket-Protocol: realtime\r\n", ""));
  EXPECT_TRUE(fault(good + "Sec-WebSocket-Extensions: permessage-deflate\r\n", ""));
  EXPECT_TRUE(fault("Upgrade: websocket\r\nConnection: Upgrade\r\n", ""));
  EXPECT_TRUE(fault("Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", ""));
}

TEST(WebSocketFrame, MasksBytesAtAnyPlaceOfAPayload) {
  std::string whole = "the quick brown fox jumps over the lazy dog", pieces = whole;
  apply_mask(whole, kMask);
  for (std::size_t at = 0; at < pieces.size(); at += 7)
    apply_mask(std::span(pieces).subspan(at, std::min<std::size_t>(7, pieces.size() - at)), kMask, at);
  EXPECT_EQ(whole, pieces);
}

TEST(WebSocketFrame, ReadsMessagesOfEveryLengthFormFromPiecesOfAnySize) {
  for (std::size_t size : {0UL, 1UL, 125UL, 126UL, 65535UL, 65536UL, 200'000UL}) {
    const std::string text(size, 'x');
    for (std::size_t piece : {1UL, 3UL, 4096UL, SIZE_MAX}) {
      if (size > 1000 && piece < 1000) continue;
      WebSocketReader reader(WebSocketReader::From::kClient);
      auto seen = read_all(reader, frame(0x81, text) + frame(0x82, "next"), piece);
      ASSERT_EQ(seen.size(), 2U);
      EXPECT_EQ(seen[0], (Seen{Event::kMessage, text, CloseCode::kNone}));
      EXPECT_EQ(seen[1].text, "next");
      EXPECT_FALSE(reader.is_text());
    }
  }
}

TEST(WebSocketFrame, PutsFragmentsTogetherWithControlFramesBetweenThem) {
  auto seen =
      of_client(frame(0x01, "Hel") + frame(0x89, "ping") + frame(0x00, "l") + frame(0x8A, "") + frame(0x80, "o"));
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0], (Seen{Event::kPing, "ping", CloseCode::kNone}));
  EXPECT_EQ(seen[1].event, Event::kPong);
  EXPECT_EQ(seen[2], (Seen{Event::kMessage, "Hello", CloseCode::kNone}));
}

TEST(WebSocketFrame, ACharacterMayBeCutByAFragmentButNotByTheMessage) {
  auto seen = of_client(frame(0x01, "\xC3") + frame(0x80, "\xA4"));
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].text, "\xC3\xA4");
  EXPECT_EQ(refused(frame(0x01, "\xC3") + frame(0x80, "")), CloseCode::kBadText);
  EXPECT_EQ(of_client(frame(0x82, "\xC3")).at(0).event, Event::kMessage) << "binary is no text";
}

TEST(WebSocketFrame, SEC10_RefusesWhatTheStandardCallsAFailure) {
  EXPECT_EQ(refused(frame(0x81, "a", false)), CloseCode::kProtocol) << "a client that does not mask";
  for (unsigned reserved : {0xC1U, 0xA1U, 0x91U}) EXPECT_EQ(refused(frame(reserved, "a")), CloseCode::kProtocol);
  for (unsigned opcode : {0x83U, 0x87U, 0x8BU, 0x8FU}) EXPECT_EQ(refused(frame(opcode, "a")), CloseCode::kProtocol);
  for (unsigned control : {0x08U, 0x09U, 0x0AU}) EXPECT_EQ(refused(frame(control, "")), CloseCode::kProtocol);
  EXPECT_EQ(refused(frame(0x89, std::string(126, 'x'))), CloseCode::kProtocol) << "a long ping";
  EXPECT_EQ(refused(frame(0x80, "a")), CloseCode::kProtocol) << "a continuation of nothing";
  EXPECT_EQ(refused(frame(0x01, "a") + frame(0x81, "b")), CloseCode::kProtocol) << "a message inside another";
  EXPECT_EQ(refused(std::string("\x81\xFE\x00\x05", 4) + "mask" + "hello"), CloseCode::kProtocol) << "16 bits for 5";
  EXPECT_EQ(refused(std::string("\x81\xFF\0\0\0\0\0\0\xFF\xFF", 10) + "mask"), CloseCode::kProtocol) << "64 bits";
  EXPECT_EQ(refused(std::string("\x81\xFF\x80\0\0\0\0\0\0\0", 10) + "mask"), CloseCode::kProtocol) << "the top bit";
  EXPECT_EQ(refused(frame(0x88, "\x03")), CloseCode::kProtocol) << "half a code";
  for (unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U}) {
    std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
    EXPECT_EQ(refused(frame(0x88, payload)), CloseCode::kProtocol) << code;
  }
  EXPECT_EQ(refused(frame(0x88, "\x03\xE8\xFF")), CloseCode::kBadText) << "a reason that is no text";
  EXPECT_EQ(refused(frame(0x81, "\xFF")), CloseCode::kBadText);
}

TEST(WebSocketFrame, OfAServerMustNotBeMasked) {
  WebSocketReader reader(WebSocketReader::From::kServer);
  EXPECT_EQ(read_all(reader, frame(0x81, "a", false)).at(0).text, "a");
  EXPECT_EQ(read_all(reader, frame(0x81, "a")).at(0).code, CloseCode::kProtocol);
}

TEST(WebSocketFrame, T29_IsTooBigByItsHeadAlone) {
  const std::string head("\x82\xFF\0\0\0\0\x01\0\0\x01", 10);  // 16 MiB and one byte
  EXPECT_EQ(refused(head + "mask"), CloseCode::kTooBig);
  std::string fragments = frame(0x01, "");
  for (int i = 1; i < WebSocketReader::kMaxFragments; ++i) fragments += frame(0x00, "");
  EXPECT_EQ(refused(fragments), CloseCode::kNone);
  EXPECT_EQ(refused(fragments + frame(0x00, "")), CloseCode::kTooBig);
}

TEST(WebSocketFrame, ALengthThatIsOnlyAnnouncedTakesNoMemory) {
  WebSocketReader reader(WebSocketReader::From::kClient);
  EXPECT_TRUE(read_all(reader, std::string("\x82\xFF\0\0\0\0\x01\0\0\0", 10) + "mask").empty());
  EXPECT_LE(reader.message().capacity(), 128U * 1024);
}

TEST(WebSocketFrame, CloseFramesSayWhyInWholeCharacters) {
  EXPECT_EQ(of_client(frame(0x88, "")).at(0), (Seen{Event::kClose, "", CloseCode::kNone}));
  EXPECT_EQ(of_client(frame(0x88, close_payload(CloseCode::kRestart, "service restart"))).at(0),
            (Seen{Event::kClose, "service restart", CloseCode::kRestart}));
  std::string long_reason;
  while (long_reason.size() < 200) long_reason += "\xE9\xA2\x9D";
  auto seen = of_client(frame(0x88, close_payload(CloseCode::kPolicy, long_reason)));
  ASSERT_EQ(seen.at(0).event, Event::kClose);
  EXPECT_EQ(seen[0].text.size(), 123U);
  EXPECT_EQ(close_payload(CloseCode::kNone, "no code, no reason"), "");
}

}  // namespace
}  // namespace tollgate::net
