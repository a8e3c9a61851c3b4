// The job of giving back what lost nodes hold, for the node that has the lease `slices`.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "app/cluster_node.h"
#include "billing/billing.h"

namespace tollgate::app {

// stop() before either of the two stops.
class LostSlices {
 public:
  LostSlices(billing::Billing& billing, ClusterNode& cluster) : billing_(billing), cluster_(cluster) {}
  ~LostSlices() { stop(); }
  void start();
  void stop();

 private:
  void give_back();

  billing::Billing& billing_;
  ClusterNode& cluster_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate::app
