#include "net/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "net/worker.h"

namespace tollgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;

Stream::Stream(Worker& worker, tcp::socket socket) : worker_(worker), socket_(std::move(socket)) {
  worker_.count_socket(1);
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
}

Stream::~Stream() {
  close();
  worker_.count_socket(-1);
}

void Stream::close() {
  deadline_.clear();
  if (ssl_) {
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Stream::reset_on_close() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
}

ssize_t Stream::read_some(char* data, std::size_t size) {
  if (ssl_) {
    ERR_clear_error();
    tls_wants_write_ = false;
    int got = SSL_read(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 1U << 30U)));
    if (got > 0) return got;
    switch (SSL_get_error(ssl_, got)) {
      case SSL_ERROR_WANT_WRITE: tls_wants_write_ = true; [[fallthrough]];
      case SSL_ERROR_WANT_READ: return -1;
      case SSL_ERROR_ZERO_RETURN: return 0;
      // Many servers close without close_notify; framing above tells whether bytes are missing.
      case SSL_ERROR_SYSCALL: return ERR_peek_error() == 0 ? 0 : -2;
      case SSL_ERROR_SSL: return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? 0 : -2;
      default: return -2;
    }
  }
  for (;;) {
    auto got = ::recv(socket_.native_handle(), data, size, 0);
    if (got >= 0) return got;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
  }
}

ssize_t Stream::write_some(const iovec* pieces, std::size_t count) {
  if (ssl_) {
    // One record for small gathered writes: head and event leave together.
    char flat[16 * 1024];
    const char* data = static_cast<const char*>(pieces[0].iov_base);
    std::size_t size = pieces[0].iov_len;
    if (count > 1 && size < sizeof flat) {
      size = 0;
      for (std::size_t i = 0; i < count && size < sizeof flat; ++i) {
        auto take = std::min(pieces[i].iov_len, sizeof flat - size);
        std::memcpy(flat + size, pieces[i].iov_base, take);
        size += take;
      }
      data = flat;
    }
    if (size == 0) return 0;
    ERR_clear_error();
    tls_wants_read_ = false;
    int sent = SSL_write(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 16 * 1024)));
    if (sent > 0) return sent;
    switch (SSL_get_error(ssl_, sent)) {
      case SSL_ERROR_WANT_READ: tls_wants_read_ = true; [[fallthrough]];
      case SSL_ERROR_WANT_WRITE: return -1;
      default: return -2;
    }
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = std::min<std::size_t>(count, 64);
  for (;;) {
    auto sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
  }
}

awaitable<StreamFault> Stream::wait(tcp::socket::wait_type type) {
  if (cancelled_) co_return StreamFault::kCancelled;
  if (timed_out_) co_return StreamFault::kTimeout;
  auto [ec] = co_await socket_.async_wait(type, asio::as_tuple(asio::deferred));
  co_return wait_result(bool(ec));
}

StreamFault Stream::wait_result(bool failed) const {
  if (cancelled_) return StreamFault::kCancelled;
  if (timed_out_) return StreamFault::kTimeout;
  return failed ? StreamFault::kClosed : StreamFault::kNone;
}

awaitable<StreamFault> Stream::wait_readable() {
  return wait(tls_wants_write_ ? tcp::socket::wait_write : tcp::socket::wait_read);
}

awaitable<StreamFault> Stream::wait_writable() {
  return wait(tls_wants_read_ ? tcp::socket::wait_read : tcp::socket::wait_write);
}

awaitable<StreamFault> Stream::write_all(std::span<iovec> pieces) {
  while (!pieces.empty()) {
    if (pieces.front().iov_len == 0) {
      pieces = pieces.subspan(1);
      continue;
    }
    auto sent = write_some(pieces.data(), pieces.size());
    if (sent == -2) co_return StreamFault::kClosed;
    if (sent == -1) {
      auto fault = co_await wait_writable();
      if (fault != StreamFault::kNone) co_return fault;
      continue;
    }
    auto left = static_cast<std::size_t>(sent);
    while (!pieces.empty() && left >= pieces.front().iov_len) {
      left -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (left > 0) {
      auto& first = pieces.front();
      first.iov_base = static_cast<char*>(first.iov_base) + left;
      first.iov_len -= left;
    }
  }
  co_return StreamFault::kNone;
}

void Stream::cancel() {
  cancelled_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::limit(std::chrono::steady_clock::time_point due) {
  timed_out_ = false;
  if (deadline_.is_set()) return deadline_.move_to(due);
  deadline_.set(worker_.wheel(), due, [this] {
    timed_out_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  });
}

void Stream::no_limit() {
  timed_out_ = false;
  deadline_.clear();
}

namespace {

// What lies on the socket, left where it is: 1 bytes, 0 the orderly end, -1 nothing, -2 a broken connection.
int peek(int socket) {
  char byte;
  auto got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got >= 0) return static_cast<int>(got);
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : -2;
}

}  // namespace

bool Stream::peer_closed() const { return peek(const_cast<tcp::socket&>(socket_).native_handle()) != -1; }

bool Stream::ended() const {
  auto there = peek(const_cast<tcp::socket&>(socket_).native_handle());
  return there == 0 || there == -2;
}

}  // namespace tollgate::net
