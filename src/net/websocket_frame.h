// WebSocket framing (RFC 6455 §5) without sockets: messages out of bytes that come in pieces of any size, and the heads
// of frames that are sent.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tollgate::net {

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

// Why a WebSocket ends (RFC 6455 §7.4). kNone: the peer's close frame gave no code; never sent.
enum class CloseCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocol = 1002,
  kNone = 1005,
  kBadText = 1007,
  kPolicy = 1008,
  kTooBig = 1009,
  kServerError = 1011,
  kRestart = 1012,
  kTryLater = 1013,
};
// Whether a code may stand in a close frame.
bool is_sendable(CloseCode code);

using WebSocketMask = std::array<char, 4>;
// Masking and unmasking are the same. `at`: how many bytes of the frame's payload went before.
void apply_mask(std::span<char> data, const WebSocketMask& mask, std::uint64_t at = 0);

// The head of a whole, unfragmented frame; of a client with its mask. At most 14 bytes.
struct WebSocketHead {
  WebSocketHead(WebSocketOpcode opcode, std::uint64_t size, const WebSocketMask* mask = nullptr);
  std::string_view text() const { return {bytes.data(), size}; }
  std::array<char, 14> bytes;
  std::size_t size = 0;
};

// The payload of a close frame: code and reason, cut to what a control frame holds.
std::string close_payload(CloseCode code, std::string_view reason);

// Reads the frames of one peer. Refuses what RFC 6455 calls a failure: frames of clients that are not masked and of
// servers that are, reserved bits and opcodes, lengths in more bytes than they need, control frames that are long or in
// pieces, text that is no UTF-8, close frames with codes that must not be sent.
class WebSocketReader {
 public:
  enum class From { kClient, kServer };
  static constexpr std::size_t kMaxMessage = 16U << 20U;
  static constexpr int kMaxFragments = 1024;
  explicit WebSocketReader(From from, std::size_t max_message = kMaxMessage) : from_(from), max_message_(max_message) {}

  enum class Event {
    kNone,     // more bytes are needed
    kMessage,  // message() and is_text()
    kPing,     // control() is what the pong must say
    kPong,
    kClose,  // code() and control(), the reason
    kWrong,  // code() is what the connection is to be closed with, fault() says why; nothing more can be read
  };
  // Takes bytes off the front of `bytes` until something is whole.
  Event read(std::string_view& bytes);

  std::string& message() { return message_; }  // may be moved out
  bool is_text() const { return text_; }
  const std::string& control() const { return control_; }
  CloseCode code() const { return code_; }
  const char* fault() const { return fault_; }

 private:
  Event wrong(CloseCode code, const char* why);
  Event read_head();
  Event end_of_frame();
  Event end_of_close();

  const From from_;
  const std::size_t max_message_;
  std::array<char, 14> head_{};
  std::size_t head_size_ = 0;
  bool in_payload_ = false;
  bool final_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::kText;
  std::uint64_t size_ = 0, taken_ = 0;  // of the frame's payload
  WebSocketMask mask_{};
  bool in_message_ = false;
  int fragments_ = 0;
  bool text_ = false;
  std::string message_, control_;
  CloseCode code_ = CloseCode::kNone;
  const char* fault_ = nullptr;
};

}  // namespace tollgate::net
