// Refusals of the request limits, counted by limit for /metrics.
#pragma once
#include <array>
#include <functional>
#include <string_view>

#include "core/metrics.h"
#include "core/metrics_text.h"
#include "core/rate_limit.h"

namespace tollgate::app {

// Passes every question on to `limits`, which outlives it. `backend` names who counts at the moment.
class CountedLimits final : public core::RateLimits {
 public:
  enum Backend : std::size_t { kLocal, kRedis };
  CountedLimits(core::RateLimits& limits, std::function<Backend()> backend)
      : limits_(limits), backend_(std::move(backend)) {}

  void ask(core::RateStep step, std::string_view key, core::RateRule rule, Done done) override;
  void write(core::MetricsText& text) const;

 private:
  core::RateLimits& limits_;
  std::function<Backend()> backend_;
  std::array<std::array<core::Counter, 2>, 7> refused_;
};

}  // namespace tollgate::app
