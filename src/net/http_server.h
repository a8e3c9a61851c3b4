// The HTTP/1.1 server: listeners, connections spread over workers, and the Exchange a handler answers through.
#pragma once
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "core/result.h"
#include "net/address_counts.h"
#include "net/awaitable.h"
#include "net/http_head.h"

namespace tollgate::net {

class Worker;
class Connection;
class WebSocket;

// One request and its answer. Lives on one worker, from the request's head until the handler returns. An answer is
// either answer(), or start() … write() … finish(). Errors of writing are kClosed (client gone), kTimeout, kCancelled.
class Exchange {
 public:
  explicit Exchange(Connection& connection);

  const RequestHead& head() const;
  std::optional<std::string_view> header(std::string_view name) const { return head().headers.find(name); }
  const core::IpAddress& peer() const;  // the TCP peer
  const std::string& client_ip();       // by the trusted-proxy rules, as text
  bool peer_is_trusted() const;
  Worker& worker() const;

  // The whole body, unpacked; at least 64 readable bytes follow the text. `limit` counts unpacked bytes. Errors:
  // kTooLarge, kUnsupported (its coding), kInvalid (framing, packing), kTimeout, kClosed.
  awaitable<core::Result<std::string_view>> read_body(std::size_t limit);
  // In place of read_body(), for bodies that are not kept whole: the next piece, an empty one is the end. The view
  // lives until the next call. Errors alike.
  awaitable<core::Result<std::string_view>> read_body_piece(std::size_t limit);
  void release_body();  // gives the body's memory back before the exchange ends

  // A whole answer in one gathered write. Content-Length, Connection and the extra headers of the exchange are added.
  awaitable<core::Result<void>> answer(int status, std::span<const Header> headers, std::string_view body);

  // A streamed answer: chunked in HTTP/1.1, ended by closing in 1.0. The head leaves with the first write.
  void start(int status, std::span<const Header> headers);
  bool started() const { return started_; }
  // One gathered write of up to 60 pieces; waits while the client takes nothing.
  awaitable<core::Result<void>> write(std::span<const std::string_view> pieces);
  awaitable<core::Result<void>> finish(std::span<const std::string_view> last_pieces = {});
  // Answers 101 (RFC 6455 §4.2.2) with one of the protocols that the client offered, or none. The connection ends with
  // the exchange; the WebSocket lives no longer than it.
  awaitable<core::Result<std::unique_ptr<WebSocket>>> upgrade(std::string_view protocol);
  bool draining() const;  // the server wants to stop

  void abort();  // breaks the connection off: the client sees that the answer is not whole
  // The same behind a started answer whose bytes so far are to arrive: the connection ends without the answer's end.
  void break_off();

  // Sent with every answer of this exchange.
  void add_header(std::string_view name, std::string value);

  // Called once, on the worker, when the client hangs up during the exchange; replaces an earlier one. nullptr: none.
  void on_client_gone(std::function<void()> callback);
  bool client_gone() const;
  // As client_gone(), after a look at the socket: for moments that the watch behind on_client_gone() may have missed.
  bool probe_client_gone();
  // From now on a client that takes nothing is given this long, also in a write under way.
  void hurry(std::chrono::milliseconds limit);
  std::size_t bytes_sent() const { return bytes_sent_; }
  // For those who count: when it began, how it was answered (0: not at all), what the handler says it was.
  std::chrono::steady_clock::time_point began() const { return began_; }
  int status() const { return status_; }
  std::string_view route() const { return route_; }
  void set_route(std::string_view route) { route_ = route; }  // a text that outlives the server
  std::chrono::steady_clock::time_point last_write() const { return last_write_; }

 private:
  friend class Connection;
  awaitable<core::Result<void>> send(std::span<iovec> pieces);
  awaitable<core::Result<void>> send_part(std::span<const std::string_view> pieces, bool last);
  void build_head(std::string& out, int status, std::span<const Header> headers, std::string_view framing);

  Connection& connection_;
  std::string client_ip_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::string_view route_;
  int status_ = 0;
  std::string pending_head_;  // built by start(), leaves with the first write
  std::vector<std::pair<std::string, std::string>> extra_headers_;
  bool started_ = false;
  bool answered_ = false;
  bool chunked_ = false;
  std::size_t bytes_sent_ = 0;
  std::chrono::steady_clock::time_point last_write_{};
  std::chrono::milliseconds write_limit_;
  bool writing_ = false;
};

using Handler = std::function<awaitable<void>(Exchange&)>;

struct ServerSettings {
  std::vector<std::string> listen;  // "host:port", "[v6]:port", "unix:/path?mode=0660"; empty: all addresses at `port`
  std::uint16_t port = 3000;
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds head_timeout{10'000};    // for a head once it has begun
  std::chrono::milliseconds body_timeout{60'000};    // of silence inside a body
  std::chrono::milliseconds write_timeout{300'000};  // of a client that takes nothing
  std::size_t max_connections = 60'000;              // at most four fifths of the descriptors that the process may have
  std::size_t max_connections_per_address = 512;     // trusted proxies are exempt
  std::vector<core::IpBlock> trusted_proxies;
  std::string name_line;     // "X-Tollgate-Node: name\r\n" in the head of answers to trusted peers; empty: none
  bool name_to_all = false;  // and to all others
  bool trust_all = false;    // believe forwarding headers of everybody, left-most entry: the compatible product's way
};

class Server {
 public:
  // `workers` outlive the server.
  Server(ServerSettings settings, std::vector<Worker*> workers, Handler handler);
  ~Server();

  // Called on the worker when a request's handler has returned. Set before listen().
  void on_exchange_end(std::function<void(const Exchange&)> observer) { observer_ = std::move(observer); }

  core::Result<void> bind();  // takes the addresses, does not listen yet
  core::Result<void> listen();
  std::uint16_t port() const { return port_; }  // of the first listener (port 0: what the kernel gave)

  // Closes the listeners without a reset: new handshakes are dropped by a socket filter, those under way are served
  // until none has come for 100 ms. From then on answers carry Connection: close. Blocks the caller (not a worker) for
  // that time.
  void stop_accepting();
  // Takes the same addresses again after stop_accepting(); kUnavailable when another program has them by now.
  core::Result<void> resume();
  // Gives the listening sockets back: after the workers were joined, before they are destroyed.
  void close();
  // Ends connections that have had no request for so long; those in an exchange go on. A connection of a balancer (its
  // requests came with X-Forwarded-For) may be used for a request at any moment: it gets more time than a client's own.
  void close_idle(std::chrono::milliseconds of_clients, std::chrono::milliseconds of_balancers);
  bool draining() const { return draining_.load(std::memory_order_relaxed); }
  int open_exchanges() const { return exchanges_.load(std::memory_order_relaxed); }
  int open_connections() const;
  struct Requests {
    std::uint64_t taken = 0, refused = 0;
  };
  Requests requests() const;  // since start: handed to the handler; refused by the rules of HTTP
  void begin_drain() { draining_.store(true, std::memory_order_relaxed); }

 private:
  friend class Connection;
  friend class Exchange;
  struct Listener;
  core::Result<void> bind_one(Listener& listener);
  awaitable<void> accept_loop(Listener& listener);
  void on_first_worker(const std::function<void()>& job);  // and waits for it
  void place(int descriptor, const core::IpAddress& peer);
  bool is_trusted(const core::IpAddress& peer) const;
  void left(const core::IpAddress& peer, Worker& worker);  // a connection of this worker has ended

  ServerSettings settings_;
  std::vector<Worker*> workers_;
  Handler handler_;
  std::function<void(const Exchange&)> observer_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::uint16_t port_ = 0;
  AddressCounts per_address_;
  std::atomic<bool> draining_{false};
  std::atomic<int> exchanges_{0};
  std::atomic<std::chrono::steady_clock::time_point> last_accepted_{};
};

// A peer's and its forwarding headers' word for who the client is: behind a trusted peer the right-most untrusted entry
// of X-Forwarded-For (else X-Real-IP), otherwise the peer. With trust_all the left-most entry.
std::string resolve_client_ip(const core::IpAddress& peer, const HeaderList& headers,
                              std::span<const core::IpBlock> trusted, bool trust_all);
std::string to_text(const core::IpAddress& address);

}  // namespace tollgate::net
