// TLS towards upstreams: OpenSSL on the socket's descriptor, verified chain and host name, SNI, resumed sessions.
#pragma once
#include <string>
#include <unordered_map>

#include "core/result.h"
#include "net/awaitable.h"
#include "net/stream.h"

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;

namespace tollgate::net {

// The contexts of one worker, made when first needed: they are costly in OpenSSL 3.0.
class TlsContexts {
 public:
  TlsContexts() = default;
  ~TlsContexts();

  // Shakes hands on a connected stream whose limit is set; on one that is TLS already (a proxy's), inside of that.
  // Errors: kDenied with what the certificate lacks, kClosed, kTimeout, kCancelled.
  awaitable<core::Result<void>> handshake(Stream& stream, const std::string& host, bool verify);

 private:
  SSL_CTX* context(bool verify);
  SSL_CTX* verifying_ = nullptr;
  SSL_CTX* trusting_ = nullptr;
};

}  // namespace tollgate::net
