// The parts of asynchronous work that this process runs: settings and routes, and the poller under its leases.
#pragma once
#include <vector>

#include "app/cluster_node.h"
#include "billing/billing.h"
#include "core/config.h"
#include "relay/on_worker.h"
#include "relay/snapshot.h"
#include "tasks/finish.h"
#include "tasks/poller.h"

namespace tollgate::app {

// Everything passed by reference outlives it. Made before the first request.
class TaskPoll {
 public:
  // `logs_apart`: log rows live in a database of their own.
  TaskPoll(const core::Config& config, std::vector<net::Worker*> workers, relay::SnapshotHolder& snapshots,
           billing::Billing& billing, sql::Pool& pool, bool logs_apart, const core::Clock& clock, ClusterNode& cluster);
  void start() { poller_.start(); }
  void stop();  // after the workers were joined

 private:
  relay::OnWorker on_worker_;
  tasks::Finisher finisher_;
  tasks::Poller poller_;
};

}  // namespace tollgate::app
