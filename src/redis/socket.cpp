#include "redis/socket.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "core/ip_address.h"
#include "core/log.h"
#include "core/name_memory.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using asio::generic::stream_protocol;
using core::Errc;
using core::Result;
using net::awaitable;

namespace {

constexpr auto kPatience = std::chrono::seconds(1);  // with a look-up, when the addresses of before are known

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

Result<TlsContext::Context> TlsContext::read(const TlsSettings& settings) {
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return core::error(Errc::kInternal, "TLS cannot be set up");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  bool trusted = settings.ca.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                     : SSL_CTX_load_verify_locations(context.get(), settings.ca.c_str(), nullptr) == 1;
  if (!trusted) return core::error(Errc::kInvalid, fmt::format("{} holds no certificates", settings.ca));
  if (settings.verify) SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (!settings.cert.empty() && SSL_CTX_use_certificate_chain_file(context.get(), settings.cert.c_str()) != 1)
    return core::error(Errc::kInvalid, fmt::format("{} holds no certificate", settings.cert));
  const auto& key = settings.key.empty() ? settings.cert : settings.key;
  if (!key.empty() && SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    return core::error(Errc::kInvalid, fmt::format("{} holds no key of that certificate", key));
  return context;
}

std::string TlsContext::stamp() const {
  std::string stamp;
  for (const auto& file : {settings_.ca, settings_.cert, settings_.key})
    if (struct stat found{}; !file.empty() && ::stat(file.c_str(), &found) == 0)
      stamp += fmt::format("{}.{}.{}.{} ", found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
  return stamp;
}

Result<std::shared_ptr<TlsContext>> TlsContext::make(const TlsSettings& settings) {
  std::shared_ptr<TlsContext> made(new TlsContext(settings));
  made->read_at_ = made->stamp();
  auto context = read(settings);
  if (!context) return context.error();
  made->context_ = std::move(*context);
  return made;
}

SSL* TlsContext::start(const std::string& host, int descriptor) {
  if (auto now = stamp(); now != read_at_) {
    if (auto fresh = read(settings_)) {
      context_ = std::move(*fresh);
      core::log::info("redis: certificates read again");
    } else {
      core::log::warn("redis: the certificates stay as they were: {}", fresh.error().message);
    }
    read_at_ = std::move(now);
  }
  SSL* ssl = SSL_new(context_.get());
  if (!ssl) return nullptr;
  const auto& name = settings_.server_name.empty() ? host : settings_.server_name;
  if (core::parse_ip(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, name.c_str());
    if (settings_.verify) SSL_set1_host(ssl, name.c_str());
  }
  SSL_set_fd(ssl, descriptor);
  return ssl;
}

void Socket::close() {
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  SSL_free(ssl_);
  ssl_ = nullptr;
}

awaitable<bool> Socket::wait(bool readable) {
  auto kind = readable ? stream_protocol::socket::wait_read : stream_protocol::socket::wait_write;
  auto [failed] = co_await socket_.async_wait(kind, asio::as_tuple(asio::deferred));
  co_return !failed && !closed_;
}

awaitable<Result<void>> Socket::connect(Endpoint endpoint, TlsContext* tls, Time due) {
  // The timer may fire after this call has ended: it holds what it touches.
  struct Limit {
    Socket* socket;
    bool late = false;
  };
  auto limit = std::make_shared<Limit>(Limit{this});
  asio::steady_timer timer(io_, due);
  timer.async_wait([limit](boost::system::error_code cancelled) {
    if (cancelled || !limit->socket) return;
    limit->late = true;
    limit->socket->close();
  });
  auto connected = co_await connect_any(endpoint, tls, limit->late);
  limit->socket = nullptr;
  if (limit->late) co_return core::error(Errc::kTimeout, "connecting takes too long");
  co_return connected;
}

awaitable<Result<void>> Socket::connect_any(const Endpoint& endpoint, TlsContext* tls, const bool& late) {
  std::vector<stream_protocol::endpoint> targets;
  if (!endpoint.path.empty()) {
    if (endpoint.path.size() >= sizeof(sockaddr_un::sun_path))
      co_return core::error(Errc::kInvalid, "the path of the unix socket is too long");
    targets.emplace_back(asio::local::stream_protocol::endpoint(endpoint.path));
  } else {
    std::vector<std::string> addresses{endpoint.host};
    if (!core::parse_ip(endpoint.host)) {
      auto resolved = co_await addresses_of(endpoint.host);
      if (!resolved) co_return resolved.error();
      addresses = std::move(*resolved);
    }
    for (const auto& address : addresses) {
      boost::system::error_code unusable;
      auto parsed = asio::ip::make_address(address, unusable);
      if (!unusable) targets.emplace_back(asio::ip::tcp::endpoint(parsed, endpoint.port));
    }
  }
  Result<void> connected = core::error(Errc::kUnavailable, "no address to connect to");
  for (const auto& target : targets) {
    if (late) break;
    connected = co_await connect_to(target);
    if (connected) break;
  }
  if (connected && tls && !late) connected = co_await handshake(*tls, endpoint.host);
  co_return connected;
}

awaitable<Result<std::vector<std::string>>> Socket::addresses_of(const std::string& host) {
  using asio::ip::tcp;
  auto known = core::remembered_addresses(host);
  // The timer may fire after this call has ended: it holds what it touches.
  auto names = std::make_shared<tcp::resolver>(io_);
  asio::steady_timer patience(io_);
  if (!known.empty()) {
    patience.expires_after(kPatience);
    patience.async_wait([names](boost::system::error_code cancelled) {
      if (!cancelled) names->cancel();
    });
  }
  auto [failed, found] = co_await names->async_resolve(host, "", asio::as_tuple(asio::deferred));
  std::vector<std::string> addresses;
  if (!failed)
    for (const auto& entry : found) addresses.push_back(entry.endpoint().address().to_string());
  if (!addresses.empty()) {
    core::remember_addresses(host, addresses);
    co_return addresses;
  }
  if (known.empty())
    co_return core::error(Errc::kUnavailable, fmt::format("the name {} does not resolve: {}", host, failed.message()));
  core::log::warn("Redis: the name {} does not resolve; its last address is used", host);
  co_return known;
}

awaitable<Result<void>> Socket::connect_to(stream_protocol::endpoint target) {
  boost::system::error_code failed;
  socket_.close(failed);
  socket_.open(target.protocol(), failed);
  if (failed) co_return core::error(Errc::kUnavailable, failed.message());
  auto [refused] = co_await socket_.async_connect(target, asio::as_tuple(asio::deferred));
  if (refused) co_return core::error(Errc::kUnavailable, refused.message());
  socket_.non_blocking(true, failed);
  if (target.protocol().family() != AF_UNIX) {
    socket_.set_option(asio::ip::tcp::no_delay(true), failed);
    socket_.set_option(asio::socket_base::keep_alive(true), failed);
  }
  co_return Result<void>();
}

awaitable<Result<void>> Socket::handshake(TlsContext& tls, const std::string& host) {
  ssl_ = tls.start(host, socket_.native_handle());
  if (!ssl_) co_return core::error(Errc::kInternal, "TLS cannot be set up");
  for (;;) {
    ERR_clear_error();
    int done = SSL_connect(ssl_);
    if (done == 1) co_return Result<void>();
    auto state = SSL_get_error(ssl_, done);
    if (state != SSL_ERROR_WANT_READ && state != SSL_ERROR_WANT_WRITE) {
      auto verdict = SSL_get_verify_result(ssl_);
      if (tls.verifies() && verdict != X509_V_OK)
        co_return core::error(Errc::kDenied,
                              fmt::format("certificate refused: {}", X509_verify_cert_error_string(verdict)));
      co_return core::error(Errc::kUnavailable, "TLS handshake failed");
    }
    bool ready = co_await wait(state == SSL_ERROR_WANT_READ);
    if (!ready) co_return core::error(Errc::kUnavailable, "TLS handshake failed");
  }
}

awaitable<std::size_t> Socket::read(char* data, std::size_t size) {
  for (bool readable = true; !closed_;) {
    if (ssl_) {
      ERR_clear_error();
      int got = SSL_read(ssl_, data, static_cast<int>(size));
      if (got > 0) co_return static_cast<std::size_t>(got);
      auto state = SSL_get_error(ssl_, got);
      if (state != SSL_ERROR_WANT_READ && state != SSL_ERROR_WANT_WRITE) co_return 0;
      readable = state == SSL_ERROR_WANT_READ;
    } else {
      auto got = ::recv(socket_.native_handle(), data, size, 0);
      if (got >= 0) co_return static_cast<std::size_t>(got);
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) co_return 0;
    }
    bool ready = co_await wait(readable);
    if (!ready) co_return 0;
  }
  co_return 0;
}

awaitable<bool> Socket::write(std::string_view bytes) {
  while (!bytes.empty() && !closed_) {
    bool writable = true;
    ssize_t sent = -1;
    if (ssl_) {
      ERR_clear_error();
      sent = SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U)));
      if (sent <= 0) {
        auto state = SSL_get_error(ssl_, static_cast<int>(sent));
        if (state != SSL_ERROR_WANT_READ && state != SSL_ERROR_WANT_WRITE) co_return false;
        writable = state == SSL_ERROR_WANT_WRITE;
      }
    } else {
      sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) co_return false;
    }
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    bool ready = co_await wait(!writable);
    if (!ready) co_return false;
  }
  co_return !closed_;
}

}  // namespace tollgate::redis
