#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/ip_address.h"

namespace tollgate::net {

using core::Errc;

TlsContexts::~TlsContexts() {
  SSL_CTX_free(verifying_);
  SSL_CTX_free(trusting_);
}

SSL_CTX* TlsContexts::context(bool verify) {
  auto*& context = verify ? verifying_ : trusting_;
  if (!context) {
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
    if (verify) {
      SSL_CTX_set_default_verify_paths(context);
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
  }
  return context;
}

awaitable<core::Result<void>> TlsContexts::handshake(Stream& stream, const std::string& host, bool verify) {
  SSL* ssl = SSL_new(context(verify));
  if (!ssl) co_return core::error(Errc::kInternal, "TLS cannot be set up");
  if (SSL* around = stream.tls()) {
    BIO* tunnel = BIO_new(BIO_f_ssl());
    if (!tunnel) {
      SSL_free(ssl);
      co_return core::error(Errc::kInternal, "TLS cannot be set up");
    }
    BIO_set_ssl(tunnel, around, BIO_CLOSE);  // goes with the inner one from here on
    SSL_set_bio(ssl, tunnel, tunnel);
  } else {
    SSL_set_fd(ssl, stream.socket().native_handle());
  }
  stream.attach_tls(ssl);
  if (core::parse_ip(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    if (verify) SSL_set1_host(ssl, host.c_str());
  }
  for (;;) {
    ERR_clear_error();
    int done = SSL_connect(ssl);
    if (done == 1) co_return core::Result<void>();
    auto state = SSL_get_error(ssl, done);
    StreamFault fault;
    if (state == SSL_ERROR_WANT_READ) {
      auto [ec] = co_await stream.socket().async_wait(boost::asio::ip::tcp::socket::wait_read,
                                                      boost::asio::as_tuple(boost::asio::deferred));
      fault = stream.wait_result(bool(ec));
    } else if (state == SSL_ERROR_WANT_WRITE) {
      auto [ec] = co_await stream.socket().async_wait(boost::asio::ip::tcp::socket::wait_write,
                                                      boost::asio::as_tuple(boost::asio::deferred));
      fault = stream.wait_result(bool(ec));
    } else {
      auto verdict = SSL_get_verify_result(ssl);
      if (verify && verdict != X509_V_OK)
        co_return core::error(Errc::kDenied,
                              std::string("certificate refused: ") + X509_verify_cert_error_string(verdict));
      co_return core::error(Errc::kClosed, "TLS handshake failed");
    }
    if (fault == StreamFault::kTimeout) co_return core::error(Errc::kTimeout, "TLS handshake takes too long");
    if (fault == StreamFault::kCancelled) co_return core::error(Errc::kCancelled, "cancelled");
    if (fault != StreamFault::kNone) co_return core::error(Errc::kClosed, "TLS handshake failed");
  }
}

}  // namespace tollgate::net
