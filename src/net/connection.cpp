#include "net/connection.h"

#include <netinet/tcp.h>

#include "core/log.h"

namespace tollgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kWatchAfter = std::chrono::milliseconds(100);  // shorter exchanges never pay for the watch
constexpr int kMaxRequests = 10'000;                          // of one connection
constexpr auto kMaxAge = std::chrono::hours(1);
// How long bytes are read that nobody wants any more, so that they do not turn an answer into a reset: behind a head
// that was refused, and behind an answer that came before the end of the body.
constexpr std::size_t kLingerRefused = 64 * 1024, kLingerUnread = 16 * 1024 * 1024;
constexpr auto kLingerRefusedTime = std::chrono::seconds(1), kLingerUnreadTime = std::chrono::seconds(2);
constexpr int kMostUnsent = 64 * 1024;
thread_local Connection* t_connections = nullptr;

}  // namespace

Connection::Connection(Server& server, Worker& worker, tcp::socket socket, const core::IpAddress& peer)
    : server_(server),
      worker_(worker),
      stream_(worker, std::move(socket)),
      peer_(peer),
      trusted_(server.is_trusted(peer)),
      began_(worker.wheel().now()),
      last_used_(began_) {
  // What the kernel takes of an answer whose reader is slow: without a bound it grows to megabytes a connection.
  ::setsockopt(stream_.socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kMostUnsent, sizeof kMostUnsent);
  next_ = t_connections;
  if (next_) next_->previous_ = this;
  t_connections = this;
}

Connection::~Connection() {
  if (next_) next_->previous_ = previous_;
  if (previous_)
    previous_->next_ = next_;
  else if (t_connections == this)
    t_connections = next_;
  server_.left(peer_, worker_);
}

awaitable<void> Connection::serve(Server& server, Worker& worker, tcp::socket socket, core::IpAddress peer) {
  auto connection = std::make_shared<Connection>(server, worker, std::move(socket), peer);
  co_await connection->run();
  connection->stream_.close();
}

void Connection::cancel_idle(Server& server, std::chrono::milliseconds of_clients,
                             std::chrono::milliseconds of_balancers) {
  for (auto* connection = t_connections; connection; connection = connection->next_) {
    if (&connection->server_ != &server || connection->in_exchange_ || !connection->input_.empty()) continue;
    auto idle = connection->worker_.wheel().now() - connection->last_used_;
    if (idle < (connection->of_balancer_ ? of_balancers : of_clients)) continue;
    // A request that has come but was not read yet would be answered by a reset.
    char byte;
    if (::recv(connection->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) continue;
    connection->stream_.cancel();
  }
}

awaitable<void> Connection::run() {
  for (;;) {
    bool got = co_await read_head();
    if (!got) co_return;
    auto next = co_await exchange();
    if (next == Next::kClose) co_return;
  }
}

// False: the connection ends (silence, hang-up, or a head that was refused).
awaitable<bool> Connection::read_head() {
  auto idle = server_.settings_.idle_timeout;
  std::size_t looked = 0;
  bool limited = false;
  bool blank_line = false;
  for (;;) {
    // One empty line before a request line is skipped, as RFC 9112 §2.2 asks of servers.
    while (looked == 0 && input_.starts_with("\r\n")) {
      if (blank_line) {
        co_await refuse(400, "empty lines before the request line");
        co_return false;
      }
      blank_line = true;
      input_.erase(0, 2);
    }
    auto end = find_head_end(input_, looked);
    if (end > kMaxRequestHead || (end == 0 && input_.size() > kMaxRequestHead)) {
      co_await refuse(431, "head too long");
      co_return false;
    }
    if (end > 0) {
      head_text_.assign(input_, 0, end);
      input_.erase(0, end);
      break;
    }
    looked = input_.size();
    if (input_.empty() || !limited) {
      limited = !input_.empty();
      stream_.limit(std::chrono::steady_clock::now() + (limited ? server_.settings_.head_timeout : idle));
    }
    auto fault = co_await stream_.wait_readable();
    if (fault == StreamFault::kTimeout && !input_.empty()) co_await refuse(408, "the head takes too long");
    if (fault != StreamFault::kNone) co_return false;
    auto buffer = worker_.buffers().borrow();
    auto got = stream_.read_some(buffer.data(), kBufferSize);
    if (got == 0 || got == -2) co_return false;
    if (got > 0) input_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  stream_.no_limit();
  auto fault = parse_request_head(head_text_, head_);
  if (fault.status != 0) {
    co_await refuse(fault.status, fault.reason);
    co_return false;
  }
  co_return true;
}

// An answer to what is no request: nothing after it can be trusted, so the connection closes.
awaitable<void> Connection::refuse(int status, std::string_view reason) {
  worker_.requests_refused().fetch_add(1, std::memory_order_relaxed);
  std::string body = "{\"error\":{\"message\":\"" + std::string(reason) +
                     "\",\"type\":\"invalid_request_error\",\"param\":\"\",\"code\":\"bad_http_message\"}}";
  std::string text =
      "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) +
      "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
      (status == 405 ? "\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" : "") + "\r\n\r\n" + body;
  iovec pieces[] = {piece(text)};
  stream_.limit(std::chrono::steady_clock::now() + std::chrono::seconds(5));
  co_await stream_.write_all(pieces);
  ::shutdown(stream_.socket().native_handle(), SHUT_WR);
  input_.clear();
  co_await linger(kLingerRefused, kLingerRefusedTime);
}

// Reads and drops what the client still sends, until it closes or one of the limits is reached.
awaitable<void> Connection::linger(std::size_t most, std::chrono::milliseconds time) {
  stream_.limit(std::chrono::steady_clock::now() + time);
  for (std::size_t dropped = 0; dropped < most;) {
    // Waits also when there is more to read: a fast sender must not keep the worker.
    auto fault = co_await stream_.wait_readable();
    if (fault != StreamFault::kNone) co_return;
    auto buffer = worker_.buffers().borrow();
    auto got = stream_.read_some(buffer.data(), kBufferSize);
    if (got == 0 || got == -2) co_return;
    if (got > 0) dropped += static_cast<std::size_t>(got);
  }
}

awaitable<Connection::Next> Connection::exchange() {
  in_exchange_ = true;
  must_close_ = !head_.keep_alive || ++requests_ >= kMaxRequests || worker_.wheel().now() - began_ >= kMaxAge;
  if (requests_ == 1) of_balancer_ = head_.headers.find("x-forwarded-for").has_value();
  body_done_ = head_.framing == BodyFraming::kNone;
  server_.exchanges_.fetch_add(1, std::memory_order_relaxed);
  worker_.requests_taken().fetch_add(1, std::memory_order_relaxed);
  if (!body_done_ && head_.method != "POST") co_await drop_body_without_meaning();
  {
    Exchange exchange(*this);
    std::exception_ptr failure;
    try {
      co_await server_.handler_(exchange);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        core::log::error("handler of {} {}: {}", head_.method, head_.path, error.what());
      }
      if (!exchange.started_ && !exchange.answered_) {
        Header json{"Content-Type", "application/json"};
        co_await exchange.answer(
            500, {&json, 1},
            "{\"error\":{\"message\":\"internal error\",\"type\":\"tollgate_internal\",\"param\":\"\","
            "\"code\":\"internal_error\"}}");
      } else {
        aborted_ = true;
      }
    }
    if (!exchange.answered_) aborted_ = true;
    if (server_.observer_) server_.observer_(exchange);
  }
  on_gone_ = nullptr;
  watch_after_.clear();
  if (watching_) {
    boost::system::error_code ignored;
    stream_.socket().cancel(ignored);
  }
  body_.reset();
  body_size_ = 0;
  pieces_.reset();
  in_exchange_ = false;
  last_used_ = worker_.wheel().now();
  server_.exchanges_.fetch_sub(1, std::memory_order_relaxed);
  if (aborted_) stream_.reset_on_close();
  // An answer whose head went out before a drain began has promised to keep the connection: it may be in use again.
  bool close = aborted_ || client_gone_ || must_close_ || !body_done_ || stream_.cancelled();
  if (close && !aborted_ && !client_gone_) {
    // What the client still sends (an unread body) must not turn the answer into a reset.
    ::shutdown(stream_.socket().native_handle(), SHUT_WR);
    if (!body_done_) co_await linger(kLingerUnread, kLingerUnreadTime);
  }
  co_return close ? Next::kClose : Next::kKeep;
}

// Armed only for exchanges that last: most are over before the wheel comes round.
void Connection::watch_client() {
  if (watching_ || watch_after_.is_set()) return;
  watch_after_.set(worker_.wheel(), worker_.wheel().now() + kWatchAfter, [this] { arm_watch(); });
}

void Connection::arm_watch() {
  if (watching_ || !in_exchange_ || !on_gone_ || !input_.empty()) return;
  watching_ = true;
  stream_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& ec) {
    self->watching_ = false;
    if (ec || !self->in_exchange_) return;
    char byte;
    auto got = ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return;  // the next request came early: it waits, and the watch ends
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return self->arm_watch();
    self->client_left();
  });
}

void Connection::client_left() {
  if (client_gone_) return;
  client_gone_ = true;
  if (auto callback = std::exchange(on_gone_, nullptr)) callback();
}

}  // namespace tollgate::net
