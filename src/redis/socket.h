// A connection's socket: TCP or unix, plain or TLS. For this folder; coroutines of one thread.
#pragma once
#include <boost/asio.hpp>
#include <memory>
#include <string>

#include "core/result.h"
#include "net/awaitable.h"
#include "redis/address.h"
#include "redis/tls.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace tollgate::redis {

// Certificates and keys of the settings' files. Errors of make(): kInvalid with the file that cannot be used.
class TlsContext {
 public:
  static core::Result<std::shared_ptr<TlsContext>> make(const TlsSettings& settings);
  // For a new connection. Files that others have taken the place of are read again; what of them cannot be used is
  // logged, and those read before stay in force.
  SSL* start(const std::string& host, int descriptor);
  bool verifies() const { return settings_.verify; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  using Context = std::unique_ptr<SSL_CTX, Free>;
  explicit TlsContext(TlsSettings settings) : settings_(std::move(settings)) {}
  static core::Result<Context> read(const TlsSettings& settings);
  std::string stamp() const;  // changes with the files

  TlsSettings settings_;
  Context context_;
  std::string read_at_;  // stamp() of what context_ was made from
};

class Socket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Socket(boost::asio::io_context& io) : io_(io), socket_(io) {}
  ~Socket() { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Connects, and shakes hands when `tls` is given, until `due`. A name is looked up each time; while that fails, or
  // has no answer for a second, the addresses of before serve. Errors: kUnavailable, kTimeout, kDenied (certificate).
  net::awaitable<core::Result<void>> connect(Endpoint endpoint, TlsContext* tls, Time due);
  // Bytes read; 0 when the connection has ended, in whichever way.
  net::awaitable<std::size_t> read(char* data, std::size_t size);
  net::awaitable<bool> write(std::string_view bytes);
  void close();  // ends every wait

 private:
  net::awaitable<core::Result<void>> connect_any(const Endpoint& endpoint, TlsContext* tls, const bool& late);
  net::awaitable<core::Result<std::vector<std::string>>> addresses_of(const std::string& host);
  net::awaitable<core::Result<void>> connect_to(boost::asio::generic::stream_protocol::endpoint endpoint);
  net::awaitable<core::Result<void>> handshake(TlsContext& tls, const std::string& host);
  net::awaitable<bool> wait(bool readable);

  boost::asio::io_context& io_;
  boost::asio::generic::stream_protocol::socket socket_;
  SSL* ssl_ = nullptr;
  bool closed_ = false;
};

}  // namespace tollgate::redis
