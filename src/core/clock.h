// Time, passed in wherever it is read, so that tests need not sleep.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

namespace tollgate::core {

using SteadyTime = std::chrono::steady_clock::time_point;
using SystemTime = std::chrono::system_clock::time_point;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime steady() const = 0;
  virtual SystemTime system() const = 0;

  std::int64_t unix_seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(system().time_since_epoch()).count();
  }
  std::int64_t unix_millis() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(system().time_since_epoch()).count();
  }
};

// The machine's clocks. One instance for the process.
const Clock& real_clock();

// A clock that stands still until a test moves it. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t unix_seconds = 1'750'000'000) : nanos_(unix_seconds * 1'000'000'000) {}
  SteadyTime steady() const override { return SteadyTime(std::chrono::nanoseconds(nanos_.load())); }
  SystemTime system() const override {
    return SystemTime(std::chrono::duration_cast<SystemTime::duration>(std::chrono::nanoseconds(nanos_.load())));
  }
  void advance(std::chrono::nanoseconds by) { nanos_ += by.count(); }

 private:
  std::atomic<std::int64_t> nanos_;
};

}  // namespace tollgate::core
