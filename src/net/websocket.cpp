#include "net/websocket.h"

#include <utility>

#include "core/random.h"
#include "net/stream.h"

namespace tollgate::net {
namespace {

constexpr int kPingsASecond = 10;
constexpr std::size_t kMostControl = 2048;  // frames that wait; a peer that reads nothing gets no further pongs

WebSocketMask new_mask() {
  WebSocketMask mask;
  core::random_bytes(mask.data(), mask.size());
  return mask;
}

iovec piece_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

}  // namespace

WebSocket::WebSocket(WebSocketReader::From peer, Stream& stream, std::unique_ptr<Stream> own, std::string early)
    : stream_(stream),
      own_(std::move(own)),
      masks_(peer == WebSocketReader::From::kServer),
      reader_(peer),
      early_(std::move(early)),
      received_(early_) {
  stream_.no_limit();
}
WebSocket::~WebSocket() = default;

std::unique_ptr<WebSocket> WebSocket::of_client(Stream& stream, std::string early) {
  return std::unique_ptr<WebSocket>(new WebSocket(WebSocketReader::From::kClient, stream, nullptr, std::move(early)));
}

std::unique_ptr<WebSocket> WebSocket::of_upstream(std::unique_ptr<Stream> stream, std::string early) {
  auto& where = *stream;
  return std::unique_ptr<WebSocket>(
      new WebSocket(WebSocketReader::From::kServer, where, std::move(stream), std::move(early)));
}

// False: the connection is over.
awaitable<bool> WebSocket::receive() {
  early_ = {};
  bool waited = false;
  for (;;) {
    // TLS may hold decrypted bytes while the socket is silent. Else it is waited also when there is more to read: a
    // fast sender must not keep the worker.
    if (waited || stream_.tls()) {
      if (!buffer_) buffer_ = stream_.worker().buffers().borrow();
      auto got = stream_.read_some(buffer_.data(), kBufferSize);
      if (got == 0 || got == -2) co_return false;
      if (got > 0) {
        received_ = {buffer_.data(), static_cast<std::size_t>(got)};
        co_return true;
      }
    }
    buffer_.release();
    auto fault = co_await stream_.wait_readable();
    if (fault != StreamFault::kNone) co_return false;
    waited = true;
  }
}

bool WebSocket::too_many_pings() {
  auto now = stream_.worker().wheel().now();
  if (now - ping_second_ >= std::chrono::seconds(1)) {
    ping_second_ = now;
    pings_ = 0;
  }
  return ++pings_ > kPingsASecond;
}

awaitable<WebSocketMessage> WebSocket::read() {
  WebSocketMessage out;
  for (;;) {
    switch (reader_.read(received_)) {
      case WebSocketReader::Event::kNone: {
        buffer_.release();
        auto got = co_await receive();
        if (got) continue;
        out.end = stream_.cancelled() ? WebSocketEnd::kStopped : WebSocketEnd::kLost;
        co_return out;
      }
      case WebSocketReader::Event::kMessage:
        out.text = reader_.is_text();
        out.data = std::move(reader_.message());
        if (received_.empty()) buffer_.release();
        co_return out;
      case WebSocketReader::Event::kPing:
        if (too_many_pings()) {
          out.end = WebSocketEnd::kWrong;
          out.code = CloseCode::kPolicy;
          out.reason = "too many pings";
          co_return out;
        }
        send_control(WebSocketOpcode::kPong, reader_.control());
        continue;
      case WebSocketReader::Event::kPong: continue;
      case WebSocketReader::Event::kClose:
        out.end = WebSocketEnd::kClosed;
        out.code = reader_.code();
        out.reason = reader_.control();
        co_return out;
      case WebSocketReader::Event::kWrong:
        out.end = WebSocketEnd::kWrong;
        out.code = reader_.code();
        out.reason = reader_.fault();
        co_return out;
    }
  }
}

awaitable<bool> WebSocket::send(bool text, std::string& data) {
  if (closing_ || broken_) co_return false;
  WebSocketMask mask{};
  if (masks_) {
    mask = new_mask();
    apply_mask(data, mask);
  }
  WebSocketHead head(text ? WebSocketOpcode::kText : WebSocketOpcode::kBinary, data.size(), masks_ ? &mask : nullptr);
  auto before = std::exchange(control_, {});
  iovec pieces[] = {piece_of(before), piece_of(head.text()), piece_of(data)};
  writing_ = true;
  writing_since_ = stream_.worker().wheel().now();
  auto fault = co_await stream_.write_all(pieces);
  while (fault == StreamFault::kNone && !control_.empty()) {  // queued meanwhile
    before = std::exchange(control_, {});
    iovec rest[] = {piece_of(before)};
    fault = co_await stream_.write_all(rest);
  }
  writing_ = false;
  broken_ = broken_ || fault != StreamFault::kNone;
  co_return !broken_;
}

void WebSocket::send_control(WebSocketOpcode opcode, std::string payload) {
  if (closing_ || broken_ || (opcode == WebSocketOpcode::kPong && control_.size() > kMostControl)) return;
  WebSocketMask mask{};
  if (masks_) {
    mask = new_mask();
    apply_mask(payload, mask);
  }
  control_ += WebSocketHead(opcode, payload.size(), masks_ ? &mask : nullptr).text();
  control_ += payload;
  write_control();
}

// As much as goes at once: control frames are small, so nearly always all. The rest leaves before the next message.
void WebSocket::write_control() {
  if (writing_ || broken_) return;
  while (!control_.empty()) {
    auto piece = piece_of(control_);
    auto sent = stream_.write_some(&piece, 1);
    if (sent == -2) broken_ = true;
    if (sent <= 0) return;
    control_.erase(0, static_cast<std::size_t>(sent));
  }
}

awaitable<void> WebSocket::flush() {
  if (writing_) co_return;  // whoever writes takes them along
  writing_ = true;
  writing_since_ = stream_.worker().wheel().now();
  while (!control_.empty() && !broken_) {
    auto text = std::exchange(control_, {});
    iovec pieces[] = {piece_of(text)};
    broken_ = co_await stream_.write_all(pieces) != StreamFault::kNone;
  }
  writing_ = false;
}

void WebSocket::ping() {
  write_control();
  send_control(WebSocketOpcode::kPing, {});
}

void WebSocket::close(CloseCode code, std::string_view reason) {
  if (closing_) return;
  send_control(WebSocketOpcode::kClose, close_payload(code, reason));
  closing_ = true;
}

void WebSocket::stop() { stream_.cancel(); }

std::optional<std::chrono::steady_clock::time_point> WebSocket::stuck_since() const {
  return writing_ ? std::optional(writing_since_) : std::nullopt;
}

}  // namespace tollgate::net
