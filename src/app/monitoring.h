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
  // `reload` has the snapshot read again and returns when it is in force. `begin`: a run of the cluster's job of that
  // name (channel_test, channel_balance), nullopt while it is not this node's.
  Monitoring(const core::Config& config, std::vector<net::Worker*> workers, relay::SnapshotHolder& snapshots,
             relay::ChannelHealth& health, billing::Billing& billing, sql::Pool& pool, const core::Clock& clock,
             std::function<void()> reload, std::function<std::optional<relay::JobRun>(std::string_view job)> begin);

  // Before any of them is started.
  // `disabled` is told of each channel or key that was switched off, and by what: "request" or "test".
  void connect(relay::Relay& relay, relay::ChannelHealth& health, api::Services& services,
               std::function<void(core::ChannelId, std::string_view)> disabled);
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
