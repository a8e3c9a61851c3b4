// FRONTEND_BASE_URL: the address that people know, and when a slave sends them there instead of showing its own page.
#pragma once
#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/config.h"

namespace tollgate::app {

// What of a request decides.
struct PageRequest {
  std::string_view method, path, query;
  std::optional<std::string_view> accept;
  std::string_view host;  // X-Forwarded-Host of a trusted peer, else Host
  std::string_view client;
};

class FrontEnd {
 public:
  explicit FrontEnd(const core::Config& config);

  static std::string base_of(const core::Config& config);  // without a slash at the end; empty: not set
  int status() const { return status_; }                   // of a redirect

  // Where to send this request; nullopt: it is answered here. From any worker. Programs' paths and files are never sent
  // away, nor what already asks for that host: behind a balancer of that name it would come back for ever. Should a
  // balancer hide the host, the eleventh redirect in ten seconds is the page instead, with a warning.
  std::optional<std::string> elsewhere(const PageRequest& request, std::chrono::steady_clock::time_point now);

 private:
  bool loops(const PageRequest& request, std::chrono::steady_clock::time_point now);

  std::string base_, host_;
  int status_ = 302;
  bool redirects_ = false;
  struct Seen {
    std::size_t key = 0;
    std::chrono::steady_clock::time_point since{};
    int count = 0;
  };
  std::mutex mutex_;  // of pages only
  std::array<Seen, 256> seen_{};
};

}  // namespace tollgate::app
