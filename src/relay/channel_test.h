// Testing channels for administrators: one at a time, or all in the background, with everything that is written about
// it.
#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "billing/billing.h"
#include "core/clock.h"
#include "relay/channel_health.h"
#include "relay/channel_probe.h"
#include "relay/job_run.h"
#include "relay/on_worker.h"
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
  std::string model;
  std::string username;  // of the user it ran as
  ProbeResult result;
};

struct ChannelTestSettings {
  bool verify_tls = true;
  bool error_log = false;         // a failure that switches a channel off in a run leaves a row in the log
  std::chrono::seconds pause{0};  // POLLING_INTERVAL, between the channels of a run
};

// Tests run as user 1, with the prices of that user's group; a log row tells what one would have cost, nothing is
// charged. Thread-safe. Everything passed by reference outlives the tester.
class ChannelTester {
 public:
  // `changed`: as of ChannelHealth.
  ChannelTester(ChannelTestSettings settings, OnWorker& workers, SnapshotHolder& snapshots, ChannelHealth& health,
                billing::Billing& billing, sql::Pool& pool, const core::Clock& clock, std::function<void()> changed);
  ~ChannelTester();                                             // as stop()
  void on_status(StatusTold told) { told_ = std::move(told); }  // before the first test

  // Waits for the upstream, two minutes at most: not on a network worker. A good one enables a channel that was
  // switched off automatically, where the option says so.
  ChannelTestReport test(core::ChannelId id, const ChannelTestOptions& options);
  // All channels one after the other, in the background; those that fail by the rules of channel_health, or are too
  // slow, are disabled, good ones enabled. `finished` is called at the end. False: a run is under way.
  bool test_all(std::function<void()> finished = {}, JobRun run = {});
  bool running() const;
  void stop();  // after OnWorker::stop(): tests that wait have given up

 private:
  ChannelTestReport ask(core::ChannelId id, const ChannelTestOptions& options, const JobRun& run);
  void write_down(const Probe& probe, const ProbeResult& result, const std::string& group, const std::string& username,
                  const billing::Price& price, const JobRun& run);
  void enable_again(core::ChannelId id, const JobRun& run);
  void judge(core::ChannelId id, const ChannelTestReport& report, const JobRun& run);
  void log_failure(const Channel& channel, const ChannelTestReport& report, const dialect::RelayError& error);
  void run_all(const JobRun& run);

  ChannelTestSettings settings_;
  OnWorker& workers_;
  SnapshotHolder& snapshots_;
  ChannelHealth& health_;
  billing::Billing& billing_;
  sql::Pool& pool_;
  const core::Clock& clock_;
  std::function<void()> changed_;
  StatusTold told_;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  bool running_ = false;
  std::thread sweep_;
};

}  // namespace tollgate::relay
