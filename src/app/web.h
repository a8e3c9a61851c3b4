// What a request's path leads to.
#pragma once
#include <functional>
#include <string>

#include "api/api.h"
#include "app/front_end.h"
#include "core/clock.h"
#include "core/rate_limit.h"
#include "core/thread_pool.h"
#include "net/http_server.h"
#include "relay/relay.h"

namespace tollgate::app {

// What the health endpoints report; each is "" when it is well, else the name of what is not.
struct Health {
  std::function<std::string()> live;     // a stuck worker, a dead journal
  std::function<std::string()> ready;    // starting, draining, …
  std::function<std::string()> detail;   // JSON for operators
  std::function<std::string()> metrics;  // the page at /metrics; takes milliseconds; empty: there is none
};

struct WebSettings {
  std::string admin_token;
  std::string version;
  api::Settings::Limit api_limit;   // mark GA: by client address, shared with the management API
  api::Settings::Limit page_limit;  // mark GW: by client address, of paths that no route has
};

// What is passed by reference outlives it.
class Web {
 public:
  Web(relay::Relay& relay, api::Api& api, core::ThreadPool& api_threads, core::RateLimits& limits,
      const core::Clock& clock, Health health, WebSettings settings, FrontEnd& front_end)
      : relay_(relay),
        api_(api),
        api_threads_(api_threads),
        limits_(limits),
        clock_(clock),
        health_(std::move(health)),
        settings_(std::move(settings)),
        front_end_(front_end) {}

  net::awaitable<void> handle(net::Exchange& exchange);
  // What operators of this machine ask at the admin socket, without a token.
  net::awaitable<void> handle_operator(net::Exchange& exchange);
  // For the relay: who is logged in, as the management API sees it.
  net::awaitable<relay::SessionUser> session_user(net::Exchange& exchange);

 private:
  using Limit = api::Settings::Limit;

  void add_names(net::Exchange& exchange);  // request id and version, in the answer's head
  // Whether the client's address is within the limit; a refusal is answered.
  net::awaitable<bool> within(net::Exchange& exchange, std::string_view mark, Limit limit);
  net::awaitable<void> handle_billing_info(net::Exchange& exchange);
  net::awaitable<void> handle_api(net::Exchange& exchange);
  net::awaitable<void> handle_other(net::Exchange& exchange);
  std::optional<std::string> elsewhere(net::Exchange& exchange);  // the address of FRONTEND_BASE_URL for this page
  bool is_operator(const net::Exchange& exchange) const;          // has the admin token
  net::awaitable<void> answer_metrics(net::Exchange& exchange);

  relay::Relay& relay_;
  api::Api& api_;
  core::ThreadPool& api_threads_;
  core::RateLimits& limits_;
  const core::Clock& clock_;
  Health health_;
  WebSettings settings_;
  FrontEnd& front_end_;
};

}  // namespace tollgate::app
