// Taking this node out of service and bringing it back: without a reset connection, an answer cut short or a charge
// lost (docs/cluster.md).
#pragma once
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#include "app/supervisor.h"
#include "core/config.h"
#include "net/http_server.h"
#include "relay/relay.h"

namespace tollgate::app {

class Drain {
 public:
  // What is passed by reference outlives it.
  Drain(net::Server& server, relay::Relay& relay, const Supervisor& supervisor, const core::Config& config);
  ~Drain();

  // As somebody asked for from outside, until it is taken back: not ready, listeners closed, what runs goes on. Returns
  // at once; the work is done by a thread of its own, in the order of the calls.
  void wanted(bool drained);

  // For the end of the process, on the thread that takes signals: as above, then waits until nothing runs. A second
  // signal shortens the wait to five seconds, a third ends it.
  void finish();

 private:
  void leave(const std::function<bool(std::chrono::milliseconds)>& wait);  // wait: false to go on at once
  void come_back();

  net::Server& server_;
  relay::Relay& relay_;
  const Supervisor& supervisor_;
  const core::Config& config_;
  std::mutex mutex_;  // of what follows
  std::thread worker_;
  std::mutex order_;                   // one change at a time
  bool out_ = false, ending_ = false;  // by order_
};

}  // namespace tollgate::app
