// A connected socket, plain or TLS, with the few operations that messages are read and written by.
#pragma once
#include <sys/uio.h>

#include <boost/asio.hpp>
#include <span>
#include <string>
#include <string_view>

#include "net/awaitable.h"
#include "net/deadline.h"

typedef struct ssl_st SSL;

namespace tollgate::net {

class Worker;

// Why waiting on a stream ended.
enum class StreamFault { kNone, kClosed, kTimeout, kCancelled };

// Owned by one coroutine of one worker. Reads and writes never block; waits end with cancel(), with the deadline, or
// when the peer closes.
class Stream {
 public:
  Stream(Worker& worker, boost::asio::ip::tcp::socket socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Bytes read; 0 at the peer's orderly end; -1 would block; -2 the connection is broken.
  ssize_t read_some(char* data, std::size_t size);
  // Bytes written; -1 would block; -2 broken. At most 64 pieces are looked at.
  ssize_t write_some(const iovec* pieces, std::size_t count);

  awaitable<StreamFault> wait_readable();
  awaitable<StreamFault> wait_writable();
  // What a wait on socket() ended with, for those who wait on it themselves.
  StreamFault wait_result(bool failed) const;
  // Writes all pieces, waiting as needed; the pieces are used up.
  awaitable<StreamFault> write_all(std::span<iovec> pieces);

  // Ends the present wait and each later one with kCancelled.
  void cancel();
  bool cancelled() const { return cancelled_; }
  // From now on waits end with kTimeout when `due` has passed. Cheap to call again.
  void limit(std::chrono::steady_clock::time_point due);
  void no_limit();

  void attach_tls(SSL* ssl) { ssl_ = ssl; }  // takes ownership; an earlier one must belong to it
  SSL* tls() const { return ssl_; }
  bool peer_closed() const;  // looks without taking: orderly end, reset, or bytes nobody asked for
  bool ended() const;        // looks without taking: orderly end or reset
  void close();
  void reset_on_close();  // the peer sees a reset instead of an orderly end
  boost::asio::ip::tcp::socket& socket() { return socket_; }
  Worker& worker() { return worker_; }
  std::chrono::steady_clock::time_point idle_since;

 private:
  awaitable<StreamFault> wait(boost::asio::ip::tcp::socket::wait_type type);

  Worker& worker_;
  boost::asio::ip::tcp::socket socket_;
  SSL* ssl_ = nullptr;
  Deadline deadline_;
  bool cancelled_ = false;
  bool timed_out_ = false;
  bool tls_wants_write_ = false;  // what SSL_read or SSL_write asked for last
  bool tls_wants_read_ = false;
};

}  // namespace tollgate::net
