// One end of an open WebSocket: whole messages, answers to pings, close frames. Of clients (we are the server) and of
// upstreams (we are the client).
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/awaitable.h"
#include "net/websocket_frame.h"
#include "net/worker.h"

namespace tollgate::net {

class Stream;

// What read() ended with.
enum class WebSocketEnd {
  kNone,     // it is a message
  kClosed,   // the peer's close frame: code and reason
  kWrong,    // the peer broke the protocol or a limit: what it should be closed with, and why
  kLost,     // the connection ended without a close frame
  kStopped,  // stop() was called
};

struct WebSocketMessage {
  WebSocketEnd end = WebSocketEnd::kNone;
  bool text = true;
  std::string data;
  CloseCode code = CloseCode::kNone;
  std::string reason;
};

// On one worker. One coroutine reads while another sends; pings, pongs and close frames go between two messages and are
// waited for by nobody. While nothing comes it holds no buffer. Time limits are the owner's: stop() ends every wait.
class WebSocket {
 public:
  // `early`: bytes that came behind the handshake. The stream of a client's connection outlives this object.
  static std::unique_ptr<WebSocket> of_client(Stream& stream, std::string early);
  static std::unique_ptr<WebSocket> of_upstream(std::unique_ptr<Stream> stream, std::string early);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  awaitable<WebSocketMessage> read();
  // False: it did not get out, and nothing else will. `data` is used up: towards upstreams it is masked in place.
  awaitable<bool> send(bool text, std::string& data);
  void ping();
  // The last frame of this end; later messages are not sent.
  void close(CloseCode code, std::string_view reason);
  void stop();

  // Writes what of control frames did not go at once.
  awaitable<void> flush();

  bool closing() const { return closing_; }
  // Since when the peer takes nothing of what is sent.
  std::optional<std::chrono::steady_clock::time_point> stuck_since() const;

 private:
  WebSocket(WebSocketReader::From peer, Stream& stream, std::unique_ptr<Stream> own, std::string early);
  awaitable<bool> receive();
  bool too_many_pings();
  void send_control(WebSocketOpcode opcode, std::string payload);
  void write_control();

  Stream& stream_;
  std::unique_ptr<Stream> own_;
  const bool masks_;  // we are the client
  WebSocketReader reader_;
  std::string early_;
  BufferPool::Lease buffer_;
  std::string_view received_;  // in `early_` or `buffer_`, not read yet
  std::string control_;        // frames that wait for their turn
  bool writing_ = false;
  bool closing_ = false;
  bool broken_ = false;
  std::chrono::steady_clock::time_point writing_since_{}, ping_second_{};
  int pings_ = 0;
};

}  // namespace tollgate::net
