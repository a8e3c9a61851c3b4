// Redis as the variables describe it, and what the node keeps there.
#pragma once
#include <functional>
#include <memory>

#include "api/api.h"
#include "app/monitoring.h"
#include "billing/billing.h"
#include "core/config.h"
#include "core/rate_limit.h"
#include "model/row_cache.h"
#include "redis/client.h"
#include "relay/relay.h"

namespace tollgate::app {

// What the variables say; the address is empty when REDIS_CONN_STRING is. Errors: kInvalid, beginning with the
// variable.
core::Result<redis::Settings> redis_settings(const core::Config& config);

// Starts the client and waits three seconds for its servers; null when none are configured. A node starts without
// servers that are away, unless TOLLGATE_REDIS_REQUIRED. Errors, each beginning with the variable: kInvalid and kDenied
// (what is configured cannot work), kUnavailable (away, and required).
core::Result<std::unique_ptr<redis::Client>> start_redis(const core::Config& config);

// Request limits: shared by the nodes when there is Redis, else of this node. The registry says how many are ready.
std::unique_ptr<core::RateLimits> make_rate_limits(redis::Client* redis, const core::Clock& clock,
                                                   std::function<std::int64_t()> ready_nodes);

// What the node says of its Redis at /-/health: a JSON object, null without one.
std::string redis_health(const redis::Client* redis);

// What nodes share in Redis besides limits: rows of users and keys, channels by affinity, counts of notifications.
class SharedState {
 public:
  // `crypto_secrets`: the one in force and the older ones.
  SharedState(redis::Client& redis, const core::Config& config, const std::vector<std::string>& crypto_secrets,
              const core::Clock& clock);
  // Before any of them is started.
  void connect(billing::Billing& billing, relay::Relay& relay, api::Services& services, Monitoring& monitoring);
  model::RowCache& rows() { return rows_; }

 private:
  redis::Client& redis_;
  const core::Clock& clock_;
  std::int64_t notify_limit_;
  std::chrono::seconds notify_window_;
  model::RowCache rows_;
};

}  // namespace tollgate::app
