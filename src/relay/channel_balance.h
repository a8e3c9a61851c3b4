// What is left of an operator's money at the vendor of a channel.
#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/option_table.h"
#include "core/result.h"
#include "relay/channel_health.h"
#include "relay/job_run.h"
#include "relay/on_worker.h"
#include "relay/snapshot.h"
#include "sql/connection.h"

namespace tollgate::relay {

// The questions to ask, and what the answers say. Vendors that have none: kUnsupported.
struct BalanceCall {
  std::string url;
  std::string header, value;  // who asks
};
core::Result<BalanceCall> balance_call(std::int64_t type, std::string_view base_url, std::string_view key);
// OpenAI's kind needs a second one. `subscription` is the answer to the first; days are of the local time zone.
core::Result<BalanceCall> usage_call(std::string_view base_url, std::string_view key, std::string_view subscription,
                                     std::int64_t unix_now);
// Dollars. `usage` is the answer to the second call. Errors are what administrators see.
core::Result<double> read_balance(std::int64_t type, std::string_view answer, std::string_view usage,
                                  const core::Options& options);

// Asks vendors, through the channel's proxy, and stores what they say. Thread-safe.
class ChannelBalances {
 public:
  ChannelBalances(OnWorker& workers, SnapshotHolder& snapshots, ChannelHealth& health, sql::Pool& pool,
                  const core::Clock& clock, bool verify_tls, std::chrono::seconds pause)
      : workers_(workers),
        snapshots_(snapshots),
        health_(health),
        pool_(pool),
        clock_(clock),
        verify_tls_(verify_tls),
        pause_(pause) {}

  // Waits for the vendor, a minute at most: not on a network worker. Switches nothing off.
  core::Result<double> update(core::ChannelId id, const JobRun& run = {});
  // All enabled channels with one key, one after the other; one that has nothing left is switched off when its auto_ban
  // allows it. False: a run is under way.
  bool update_all(const JobRun& run = {});

 private:
  core::Result<std::string> ask(const Channel& channel, const BalanceCall& call);

  OnWorker& workers_;
  SnapshotHolder& snapshots_;
  ChannelHealth& health_;
  sql::Pool& pool_;
  const core::Clock& clock_;
  bool verify_tls_;
  std::chrono::seconds pause_;
  std::mutex running_;
};

}  // namespace tollgate::relay
