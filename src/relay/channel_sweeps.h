// What the node does about all channels from time to time: testing them, and asking for their balances.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "core/clock.h"
#include "core/option_table.h"
#include "relay/snapshot.h"

namespace tollgate::relay {

struct SweepSettings {
  std::optional<std::chrono::minutes> test_every;     // CHANNEL_TEST_FREQUENCY, instead of the options
  std::optional<std::chrono::minutes> balance_every;  // CHANNEL_UPDATE_FREQUENCY; without it never
};

// Time between the end of one run of tests and the next; nullopt: none. Whole minutes, below half a minute as it
// stands, a second at least.
std::optional<std::chrono::milliseconds> test_period(const SweepSettings& settings, const core::Options& options);

class ChannelSweeps {
 public:
  struct Jobs {
    std::function<void()> begin_tests;    // returns at once
    std::function<bool()> tests_running;  // by whomever they were begun
    std::function<void()> balances;       // returns at the end of the run
    // Asked before each run; the names are channel_test and channel_balance. One node of several may.
    std::function<bool(std::string_view job)> may_run;
  };
  ChannelSweeps(SweepSettings settings, SnapshotHolder& snapshots, const core::Clock& clock, Jobs jobs)
      : settings_(settings), snapshots_(snapshots), clock_(clock), jobs_(std::move(jobs)) {}
  ~ChannelSweeps() { stop(); }
  void start();
  void stop();  // a run of balances must have been told to end

  // Runs what is due. The thread's work, once a second; tests call it without one.
  void step();

 private:
  SweepSettings settings_;
  SnapshotHolder& snapshots_;
  const core::Clock& clock_;
  Jobs jobs_;
  std::optional<core::SteadyTime> tests_wait_since_, balances_wait_since_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate::relay
