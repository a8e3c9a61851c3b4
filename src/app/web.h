// What a request's path leads to.
#pragma once
#include <functional>
#include <string>

#include "api/api.h"
#include "core/thread_pool.h"
#include "net/http_server.h"
#include "relay/relay.h"

namespace tollgate::app {

// What the health endpoints report; each is "" when it is well, else the name of what is not.
struct Health {
  std::function<std::string()> live;    // a stuck worker, a dead journal
  std::function<std::string()> ready;   // starting, draining, …
  std::function<std::string()> detail;  // JSON for operators
};

class Web {
 public:
  Web(relay::Relay& relay, api::Api& api, core::ThreadPool& api_threads, Health health, std::string admin_token,
      std::string version)
      : relay_(relay),
        api_(api),
        api_threads_(api_threads),
        health_(std::move(health)),
        admin_token_(std::move(admin_token)),
        version_(std::move(version)) {}

  net::awaitable<void> handle(net::Exchange& exchange);

 private:
  net::awaitable<void> handle_api(net::Exchange& exchange);
  net::awaitable<void> handle_other(net::Exchange& exchange);

  relay::Relay& relay_;
  api::Api& api_;
  core::ThreadPool& api_threads_;
  Health health_;
  std::string admin_token_;
  std::string version_;
};

}  // namespace tollgate::app
