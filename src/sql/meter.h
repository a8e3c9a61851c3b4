// What a pool's statements cost, counted for /metrics: a pool over another one. Not on the request path.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/metrics.h"
#include "core/metrics_text.h"
#include "sql/connection.h"

namespace tollgate::sql {

// How a server is met right now, as the last statement found it.
enum class State { kOk, kReadOnly, kAway };
std::string_view to_string(State state);

// Written by the threads that use the pool, read by a scrape.
class Meter {
 public:
  enum class Kind { kSelect, kInsert, kUpdate, kDelete, kBegin, kCommit, kOther };
  static constexpr std::size_t kKinds = 7;
  static constexpr std::size_t kClasses = 9;  // the error classes, and none

  static Kind kind_of(std::string_view statement);
  void ran(Kind kind, std::optional<ErrorClass> error, std::chrono::steady_clock::duration took);
  void waited(std::chrono::steady_clock::duration took, std::optional<ErrorClass> error);
  void lent(int change) { lent_.fetch_add(change, std::memory_order_relaxed); }
  State state() const { return state_.load(std::memory_order_relaxed); }
  // When a statement last went well; the epoch when none has.
  std::chrono::steady_clock::time_point last_answer() const {
    return std::chrono::steady_clock::time_point(
        std::chrono::steady_clock::duration(last_answer_.load(std::memory_order_relaxed)));
  }

  struct Named {
    std::string_view db;  // main, log
    const Meter* meter;
  };
  static void write(std::span<const Named> meters, core::MetricsText& text);

 private:
  void note(std::optional<ErrorClass> error);

  std::array<std::array<core::Counter, kClasses>, kKinds> queries_;
  std::array<core::Histogram, kKinds> times_{core::Histogram{core::kShortTimes}, core::Histogram{core::kShortTimes},
                                             core::Histogram{core::kShortTimes}, core::Histogram{core::kShortTimes},
                                             core::Histogram{core::kShortTimes}, core::Histogram{core::kShortTimes},
                                             core::Histogram{core::kShortTimes}};
  core::Histogram waits_{core::kShortTimes};
  std::atomic<int> lent_{0};
  std::atomic<State> state_{State::kOk};
  std::atomic<std::chrono::steady_clock::rep> last_answer_{0};
};

// `meter` outlives the pool.
std::unique_ptr<Pool> metered(std::unique_ptr<Pool> pool, Meter& meter);

}  // namespace tollgate::sql
