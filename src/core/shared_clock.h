// The time that the nodes of a cluster have in common.
#pragma once
#include <atomic>

#include "core/clock.h"

namespace tollgate::core {

// The machine's clock, and where that is more than two seconds beside the database's the database's, carried on by the
// monotonic clock. So what nodes compare with each other (sessions, limits, times of rows) is the same on a node whose
// clock somebody sets. Thread-safe.
class SharedClock final : public Clock {
 public:
  explicit SharedClock(const Clock& machine) : machine_(machine) {}

  SteadyTime steady() const override { return machine_.steady(); }
  SystemTime system() const override {
    using std::chrono::milliseconds;
    const auto own = machine_.system();
    const auto lead = lead_ms_.load(std::memory_order_relaxed);
    if (lead == kUnknown) return own;
    const auto shared = SystemTime(
        std::chrono::duration_cast<SystemTime::duration>(machine_.steady().time_since_epoch() + milliseconds(lead)));
    // Small differences are as much the measurement's.
    return std::chrono::abs(own - shared) > std::chrono::seconds(2) ? shared : own;
  }

  // How far the database's clock is before the monotonic one.
  void follow(std::chrono::milliseconds lead) { lead_ms_.store(lead.count(), std::memory_order_relaxed); }

 private:
  static constexpr std::int64_t kUnknown = INT64_MIN;  // the database was not asked yet
  const Clock& machine_;
  std::atomic<std::int64_t> lead_ms_{kUnknown};
};

}  // namespace tollgate::core
