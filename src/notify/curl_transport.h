// The transport of the program: HTTP and SMTP by libcurl. Nothing else of the program sees that library.
#pragma once
#include <atomic>

#include "notify/transport.h"

namespace tollgate::notify {

// Each call has a handle of its own and keeps no connection. Thread-safe. No redirect, proxy, cookie, .netrc or scheme
// but http, https, smtp, smtps; every address is asked about right before a socket is connected to it.
class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(bool verify_tls);
  ~CurlTransport() override;

  core::Result<void> call(const HttpCall& call, const core::FetchRules& rules) override;
  core::Result<void> mail(const Mail& mail) override;
  void stop() override { stopping_ = true; }

 private:
  bool verify_tls_;
  std::atomic<bool> stopping_{false};
};

}  // namespace tollgate::notify
