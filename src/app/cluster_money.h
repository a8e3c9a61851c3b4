// What money needs of the cluster: how many nodes share a balance, the channel on which nodes ask each other for
// slices, and the job of giving back what lost nodes hold.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "app/cluster_node.h"
#include "billing/billing.h"

namespace tollgate::app {

// Made before either starts; stop() before either stops.
class ClusterMoney {
 public:
  ClusterMoney(billing::Billing& billing, ClusterNode& cluster);
  ~ClusterMoney() { stop(); }
  void start();
  void stop();

 private:
  void give_back_lost();

  billing::Billing& billing_;
  ClusterNode& cluster_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate::app
