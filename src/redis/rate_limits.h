// Request limits of several nodes together, counted in Redis under the compatible product's keys and in its formats.
#pragma once
#include <functional>

#include "core/rate_limit.h"
#include "redis/client.h"

namespace tollgate::redis {

// Lists of times `rateLimit:<key>`, and for the totals of model requests (keys that begin with MRRL and a digit) the
// token bucket `rateLimit:<user>`: docs/limits.md. While Redis gives no answer this node counts alone, in memory, with
// the limit divided by the nodes that are ready, rounded up.
class RedisRateLimits final : public core::RateLimits {
 public:
  // `nodes`: how many are ready; less than one counts as one; from any thread. `clock`: that of the cluster, by which
  // the times in lists are right also while the node's own clock is not.
  RedisRateLimits(Client& client, const core::Clock& clock, std::function<std::int64_t()> nodes)
      : client_(client), clock_(clock), nodes_(std::move(nodes)), memory_(clock) {}

  void ask(core::RateStep step, std::string_view key, core::RateRule rule, Done done) override;
  // Answers that came from memory because Redis gave none, since the start.
  std::uint64_t answered_alone() const { return alone_.load(std::memory_order_relaxed); }

 private:
  void ask_list(core::RateStep step, std::string key, core::RateRule rule, Done done);
  void ask_bucket(std::string key, core::RateRule rule, Done done);
  void ask_memory(core::RateStep step, std::string_view key, core::RateRule rule, const Done& done);

  Client& client_;
  const core::Clock& clock_;
  std::function<std::int64_t()> nodes_;
  core::MemoryRateLimits memory_;
  std::atomic<std::uint64_t> alone_{0};
};

// The time as the compatible product writes it into lists: of the local zone, with a Z behind it all the same.
std::string list_time(std::int64_t unix_millis);

}  // namespace tollgate::redis
