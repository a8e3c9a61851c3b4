// Requests counted by key in a window of time: the one interface behind every request limit of the node. What is kept
// in memory here may be kept on a server for several nodes; the places that ask do not change.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"

namespace tollgate::core {

// At most `count` requests in any `seconds`. count ≤ 0 refuses everything; seconds ≤ 0 nothing.
struct RateRule {
  std::int64_t count = 0;
  std::int64_t seconds = 0;
};

enum class RateStep {
  kTake,    // counts the request when it may pass; a refused one is not counted
  kLook,    // says whether it may pass, counts nothing
  kRecord,  // counts it whatever the rule says
};

struct RateAnswer {
  bool allowed = true;
  std::int64_t remaining = 0;  // further requests that would pass now
  std::int64_t reset = 0;      // seconds until the oldest counted request leaves the window; 0: none is counted
};

class RateLimits {
 public:
  using Done = std::function<void(RateAnswer)>;
  virtual ~RateLimits() = default;

  // Any thread. `done` is called exactly once, on this thread or another one.
  virtual void ask(RateStep step, std::string_view key, RateRule rule, Done done) = 0;
  // For threads that may wait.
  RateAnswer ask_and_wait(RateStep step, std::string_view key, RateRule rule);
};

// Counts of this process, in seconds of the clock. Answers at once; a short lock on one of sixteen parts.
class MemoryRateLimits final : public RateLimits {
 public:
  explicit MemoryRateLimits(const Clock& clock) : clock_(clock) {}

  void ask(RateStep step, std::string_view key, RateRule rule, Done done) override;
  RateAnswer count(RateStep step, std::string_view key, RateRule rule);
  std::size_t keys() const;  // held in memory

 private:
  struct Second {
    std::int64_t time = 0;
    std::int64_t requests = 0;
  };
  // The requests of one key: as long as its window has seconds, however many there were.
  struct Log {
    std::deque<Second> seconds;
    std::int64_t total = 0;
    std::int64_t window = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  struct Part {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Log, Hash, std::equal_to<>> logs;
    std::int64_t purged_at = 0;
  };
  static void drop_old(Log& log, std::int64_t now);
  static void purge(Part& part, std::int64_t now);

  const Clock& clock_;
  std::array<Part, 16> parts_;
};

}  // namespace tollgate::core
