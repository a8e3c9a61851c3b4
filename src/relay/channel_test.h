// Testing channels for administrators: one at a time, or all in the background, with everything that is written about
// it.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "billing/billing.h"
#include "core/clock.h"
#include "relay/channel_health.h"
#include "relay/channel_probe.h"
#include "relay/snapshot.h"
#include "sql/connection.h"

namespace tollgate::relay {

// Empty texts: the channel decides.
struct ChannelTestOptions {
  std::string model;
  std::string endpoint;
  bool stream = false;
};

struct ChannelTestReport {
  std::string message;  // empty when it went well
  bool called = false;  // the upstream was asked, with `key`: `result` tells of it
  ChannelKey key;
  ProbeResult result;
};

// Tests run as user 1, with the prices of that user's group; a log row tells what one would have cost, nothing is
// charged. Thread-safe. Everything passed by reference outlives the tester.
class ChannelTester {
 public:
  // `changed`: as of ChannelHealth.
  ChannelTester(std::vector<net::Worker*> workers, SnapshotHolder& snapshots, ChannelHealth& health,
                billing::Billing& billing, sql::Pool& pool, const core::Clock& clock, bool verify_tls,
                std::function<void()> changed);
  ~ChannelTester();  // as stop()

  // Waits for the upstream, two minutes at most: not on a network worker.
  ChannelTestReport test(core::ChannelId id, const ChannelTestOptions& options);
  // All channels one after the other, in the background; those that fail by the rules of channel_health, or are too
  // slow, are disabled. False: a run is under way.
  bool test_all();
  void stop();  // after the workers were joined; tests that wait give up

 private:
  ProbeResult run_on_worker(Probe probe);
  void write_down(const Probe& probe, const ProbeResult& result, const std::string& group, const std::string& username,
                  const billing::Price& price);
  void enable_again(const Channel& channel);
  void judge(core::ChannelId id, const ChannelTestReport& report);
  void run_all();

  std::vector<net::Worker*> workers_;
  SnapshotHolder& snapshots_;
  ChannelHealth& health_;
  billing::Billing& billing_;
  sql::Pool& pool_;
  const core::Clock& clock_;
  bool verify_tls_;
  std::function<void()> changed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool running_ = false;
  std::size_t next_worker_ = 0;
  std::thread sweep_;
};

}  // namespace tollgate::relay
