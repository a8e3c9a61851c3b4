// One client connection: reads heads and bodies, runs the handler once a request, watches for a client that hangs up.
#pragma once
#include <boost/asio.hpp>
#include <memory>
#include <optional>
#include <string>

#include "net/body_buffer.h"
#include "net/chunked.h"
#include "net/decompress.h"
#include "net/http_server.h"
#include "net/stream.h"
#include "net/worker.h"

namespace tollgate::net {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  static awaitable<void> serve(Server& server, Worker& worker, boost::asio::ip::tcp::socket socket,
                               core::IpAddress peer);
  // On each worker: its connections that have waited for a request for so long.
  static void cancel_idle(Server& server, std::chrono::milliseconds of_clients, std::chrono::milliseconds of_balancers);

  Connection(Server& server, Worker& worker, boost::asio::ip::tcp::socket socket, const core::IpAddress& peer);
  ~Connection();

 private:
  friend class Exchange;
  enum class Next { kKeep, kClose };
  // How far the framing of a body was read.
  struct Payload {
    explicit Payload(std::uint64_t length) : left(length) {}
    std::uint64_t left;  // of a counted body
    ChunkedDecoder chunks{false};
    bool done = false;
  };
  // A body that is read piece by piece.
  struct BodyPieces {
    explicit BodyPieces(const RequestHead& head) : payload(head.content_length) {
      if (head.coding != ContentCoding::kNone) unpack.emplace(head.coding);
    }
    Payload payload;
    std::optional<Decompressor> unpack;
    BufferPool::Lease received, unpacked;
    std::string_view packed;  // received and not yet unpacked
    bool full = false;        // the unpacker has more to give
    std::size_t size = 0;
    std::size_t turn = 0;  // since other connections of the worker had theirs
  };

  awaitable<void> run();
  awaitable<bool> read_head();
  awaitable<Next> exchange();
  awaitable<void> refuse(int status, std::string_view reason);
  awaitable<void> linger(std::size_t most, std::chrono::milliseconds time);
  // Reading the body: request_body.cpp.
  awaitable<core::Result<std::string_view>> read_body(std::size_t limit);
  awaitable<void> drop_body_without_meaning();
  awaitable<core::Result<void>> send_continue();
  awaitable<core::Result<std::string_view>> read_body_piece(std::size_t limit);
  std::optional<core::Error> body_refused(std::size_t limit) const;
  awaitable<core::Result<std::string_view>> next_payload(BufferPool::Lease& buffer, Payload& payload);
  awaitable<core::Result<void>> read_counted(BodyBuffer& body);
  awaitable<core::Result<void>> read_pieces(BodyBuffer& body, Decompressor* unpack);
  awaitable<core::Result<void>> append(BodyBuffer& body, Decompressor* unpack, std::string_view bytes);
  awaitable<core::Result<std::size_t>> receive(char* out, std::size_t size);
  awaitable<core::Result<std::size_t>> receive(BufferPool::Lease& buffer, std::size_t most);
  bool take_early(char* out, std::size_t size, std::size_t& taken);
  awaitable<core::Result<void>> wait_for_body();
  void watch_client();
  void arm_watch();
  void client_left();

  Server& server_;
  Worker& worker_;
  Stream stream_;
  core::IpAddress peer_;
  bool trusted_;       // the peer, by the rules of proxies
  std::string input_;  // bytes of the next head or body that came early
  std::string head_text_;
  RequestHead head_;
  int requests_ = 0;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point last_used_;
  bool of_balancer_ = false;  // its first request came with X-Forwarded-For
  BodyMemory body_;
  std::size_t body_size_ = 0;
  std::unique_ptr<BodyPieces> pieces_;
  bool body_done_ = false;
  bool must_close_ = false;  // after this exchange
  bool in_exchange_ = false;
  bool client_gone_ = false;
  bool watching_ = false;
  bool aborted_ = false;
  Deadline watch_after_;
  std::function<void()> on_gone_;
  Connection* previous_ = nullptr;  // list of the worker's connections
  Connection* next_ = nullptr;
};

std::string_view reason_phrase(int status);

inline iovec piece(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

}  // namespace tollgate::net
