// What watches the channels and tells people of it: tests and balances, asked for or by the clock, and notifications.
#pragma once
#include <functional>
#include <vector>

#include "api/api.h"
#include "billing/billing.h"
#include "core/config.h"
#include "notify/curl_transport.h"
#include "notify/notifier.h"
#include "relay/channel_balance.h"
#include "relay/channel_sweeps.h"
#include "relay/channel_test.h"
#include "relay/relay.h"

namespace tollgate::app {

// Everything passed by reference outlives it.
class Monitoring {
 public:
  // `reload` has the snapshot read again and returns when it is in force. `may_run`: whether this node does the
  // cluster's job of that name at present (channel_test, channel_balance); asked before each step of it.
  Monitoring(const core::Config& config, std::vector<net::Worker*> workers, relay::SnapshotHolder& snapshots,
             relay::ChannelHealth& health, billing::Billing& billing, sql::Pool& pool, const core::Clock& clock,
             std::function<void()> reload, std::function<bool(std::string_view)> may_run);

  // Before any of them is started.
  void connect(relay::Relay& relay, relay::ChannelHealth& health, api::Services& services);
  void share_notification_counts(notify::Notifier::SharedCount count) { notifier_.share_counts(std::move(count)); }
  void start();
  void stop();  // after the workers were joined

 private:
  notify::CurlTransport transport_;
  notify::Notifier notifier_;
  relay::OnWorker on_worker_;
  relay::ChannelTester tester_;
  relay::ChannelBalances balances_;
  relay::ChannelSweeps sweeps_;
};

}  // namespace tollgate::app
