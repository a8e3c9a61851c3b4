#include "net/websocket_frame.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

namespace tollgate::net {
namespace {

constexpr std::size_t kMaxControl = 125;
constexpr std::size_t kTakenOnTrust = 64 * 1024;  // room that is made for a length that is only announced

bool is_control(WebSocketOpcode opcode) { return static_cast<unsigned>(opcode) >= 8; }

bool is_opcode(unsigned value) { return value <= 2 || (value >= 8 && value <= 10); }

}  // namespace

bool is_sendable(CloseCode code) {
  auto number = static_cast<unsigned>(code);
  return (number >= 1000 && number <= 1003) || (number >= 1007 && number <= 1014) || (number >= 3000 && number <= 4999);
}

void apply_mask(std::span<char> data, const WebSocketMask& mask, std::uint64_t at) {
  std::array<char, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(at + i) % 4];
  std::uint64_t key;
  std::memcpy(&key, turned.data(), sizeof key);
  std::size_t i = 0;
  for (; i + sizeof key <= data.size(); i += sizeof key) {
    std::uint64_t word;
    std::memcpy(&word, data.data() + i, sizeof word);
    word ^= key;
    std::memcpy(data.data() + i, &word, sizeof word);
  }
  for (; i < data.size(); ++i) data[i] = static_cast<char>(data[i] ^ turned[i % 8]);
}

WebSocketHead::WebSocketHead(WebSocketOpcode opcode, std::uint64_t length, const WebSocketMask* mask) {
  const unsigned masked = mask ? 0x80 : 0;
  bytes[size++] = static_cast<char>(0x80U | static_cast<unsigned>(opcode));
  auto big_endian = [&](unsigned count) {
    while (count-- > 0) bytes[size++] = static_cast<char>((length >> (8 * count)) & 0xFF);
  };
  if (length <= 125) {
    bytes[size++] = static_cast<char>(masked | static_cast<unsigned>(length));
  } else if (length <= 0xFFFF) {
    bytes[size++] = static_cast<char>(masked | 126U);
    big_endian(2);
  } else {
    bytes[size++] = static_cast<char>(masked | 127U);
    big_endian(8);
  }
  if (!mask) return;
  std::copy(mask->begin(), mask->end(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  size += mask->size();
}

std::string close_payload(CloseCode code, std::string_view reason) {
  if (!is_sendable(code)) return {};
  auto number = static_cast<unsigned>(code);
  std::string out{static_cast<char>(number >> 8U), static_cast<char>(number & 0xFFU)};
  reason = reason.substr(0, kMaxControl - 2);
  // A cut in the middle of a character would be no text.
  while (!reason.empty() && !simdjson::validate_utf8(reason.data(), reason.size())) reason.remove_suffix(1);
  out += reason;
  return out;
}

WebSocketReader::Event WebSocketReader::wrong(CloseCode code, const char* why) {
  code_ = code;
  fault_ = why;
  message_.clear();
  return Event::kWrong;
}

// kNone: the head is whole and fine, or needs more bytes (in_payload_ tells).
WebSocketReader::Event WebSocketReader::read_head() {
  if (head_size_ < 2) return Event::kNone;
  const auto first = static_cast<unsigned char>(head_[0]), second = static_cast<unsigned char>(head_[1]);
  const bool masked = (second & 0x80U) != 0;
  const unsigned length = second & 0x7FU;
  const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
  if ((first & 0x70U) != 0) return wrong(CloseCode::kProtocol, "reserved bits are set");
  if (!is_opcode(first & 0x0FU)) return wrong(CloseCode::kProtocol, "unknown opcode");
  if (masked != (from_ == From::kClient))
    return wrong(CloseCode::kProtocol, masked ? "a server's frame is masked" : "a client's frame is not masked");
  opcode_ = static_cast<WebSocketOpcode>(first & 0x0FU);
  final_ = (first & 0x80U) != 0;
  if (is_control(opcode_) && (!final_ || length > kMaxControl))
    return wrong(CloseCode::kProtocol, "a control frame is too long or in pieces");
  if (head_size_ < 2 + length_bytes + (masked ? 4 : 0)) return Event::kNone;

  size_ = length;
  if (length_bytes > 0) {
    size_ = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) size_ = size_ << 8U | static_cast<unsigned char>(head_[2 + i]);
    if (size_ < (length_bytes == 2 ? 126U : 0x10000U) || (size_ >> 63U) != 0)
      return wrong(CloseCode::kProtocol, "a length in more bytes than it needs");
  }
  if (masked) std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(2 + length_bytes), 4, mask_.begin());
  taken_ = 0;
  in_payload_ = true;
  if (is_control(opcode_)) {
    control_.clear();
    return Event::kNone;
  }
  if ((opcode_ == WebSocketOpcode::kContinuation) != in_message_)
    return wrong(CloseCode::kProtocol, "a message inside another, or a continuation of none");
  if (!in_message_) {
    message_.clear();
    text_ = opcode_ == WebSocketOpcode::kText;
    fragments_ = 0;
    in_message_ = true;
  }
  if (++fragments_ > kMaxFragments) return wrong(CloseCode::kTooBig, "a message in too many pieces");
  if (size_ > max_message_ - message_.size()) return wrong(CloseCode::kTooBig, "a message is too long");
  const auto wanted = message_.size() + std::min<std::size_t>(size_, kTakenOnTrust);
  if (wanted > message_.capacity()) message_.reserve(std::max(wanted, message_.capacity() * 2));
  return Event::kNone;
}

WebSocketReader::Event WebSocketReader::end_of_close() {
  code_ = CloseCode::kNone;
  if (control_.empty()) return Event::kClose;
  if (control_.size() < 2) return wrong(CloseCode::kProtocol, "a close frame of one byte");
  code_ =
      static_cast<CloseCode>(static_cast<unsigned char>(control_[0]) << 8U | static_cast<unsigned char>(control_[1]));
  if (!is_sendable(code_)) return wrong(CloseCode::kProtocol, "a close code that must not be sent");
  control_.erase(0, 2);
  if (!simdjson::validate_utf8(control_.data(), control_.size()))
    return wrong(CloseCode::kBadText, "a close reason that is no UTF-8");
  return Event::kClose;
}

WebSocketReader::Event WebSocketReader::end_of_frame() {
  in_payload_ = false;
  head_size_ = 0;
  switch (opcode_) {
    case WebSocketOpcode::kPing: return Event::kPing;
    case WebSocketOpcode::kPong: return Event::kPong;
    case WebSocketOpcode::kClose: return end_of_close();
    default: break;
  }
  if (!final_) return Event::kNone;
  in_message_ = false;
  if (text_ && !simdjson::validate_utf8(message_.data(), message_.size()))
    return wrong(CloseCode::kBadText, "a text that is no UTF-8");
  return Event::kMessage;
}

WebSocketReader::Event WebSocketReader::read(std::string_view& bytes) {
  if (fault_) return Event::kWrong;
  while (!bytes.empty() || (in_payload_ && taken_ == size_)) {
    if (!in_payload_) {
      head_[head_size_++] = bytes.front();
      bytes.remove_prefix(1);
      if (read_head() == Event::kWrong) return Event::kWrong;
      continue;
    }
    auto& into = is_control(opcode_) ? control_ : message_;
    auto take = static_cast<std::size_t>(std::min<std::uint64_t>(size_ - taken_, bytes.size()));
    auto before = into.size();
    into.append(bytes.substr(0, take));
    if (from_ == From::kClient) apply_mask(std::span(into).subspan(before), mask_, taken_);
    bytes.remove_prefix(take);
    taken_ += take;
    if (taken_ < size_) continue;
    if (auto event = end_of_frame(); event != Event::kNone) return event;
  }
  return Event::kNone;
}

}  // namespace tollgate::net
