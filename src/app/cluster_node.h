// This process as a node of the cluster: what it needs before it touches the database, and the parts that keep it in
// step with the others while it runs.
#pragma once
#include <atomic>
#include <boost/json/object.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/api.h"
#include "billing/billing.h"
#include "cluster/board.h"
#include "cluster/change_feed.h"
#include "cluster/leases.h"
#include "cluster/registry.h"
#include "cluster/signals.h"
#include "core/clock.h"
#include "core/config.h"
#include "redis/client.h"
#include "relay/job_run.h"
#include "relay/relay.h"
#include "sql/connection.h"

namespace tollgate::app {

// What came of joining: go on, or end with this code (what was wrong is printed).
struct Joined {
  bool go_on = true;
  int exit_code = 0;
  std::string cluster_id;
};

// Completes the schema or waits for it, makes sure that the node id in the data directory is this node's alone, and
// finds out which cluster this is. Before the journal is opened.
Joined join_cluster(const core::Config& config, const std::string& advertise, sql::Pool& pool);

// http://<address>:<port> by which other machines reach this one.
std::string advertised_address(const core::Config& config, std::uint16_t port);

class ClusterNode {
 public:
  struct Setting {
    const core::Config& config;
    std::string cluster_id;
    std::string advertise;
    std::string version;
    cluster::Owner me;
    std::vector<std::string> session_secrets;
    redis::Client* redis = nullptr;  // null: there is none; outlives the node
  };
  struct Hooks {
    // Reads channels, options and prices anew; what it read is in force when it returns. The number stands for it.
    std::function<core::Result<std::uint64_t>()> reload;
    // ready, starting, degraded or draining.
    std::function<std::string()> state;
    std::function<std::int64_t()> journal_last_seq;
    // When the database last answered, and whether it did so at the last try.
    std::function<core::SteadyTime()> sql_answered;
    std::function<bool()> sql_answers;
    // What people see of this node beside what the registry knows; asked every few seconds.
    std::function<void(boost::json::object&)> facts;
  };
  ClusterNode(Setting setting, Hooks hooks, sql::Pool& pool, const core::Clock& clock);
  ~ClusterNode();

  cluster::ChangeFeed& feed() { return *feed_; }
  cluster::Registry& registry() { return *registry_; }
  cluster::Leases& leases() { return *leases_; }

  // After a change of channels or options by this node: in force here when it returns, and told to the others.
  void changed() { feed_->changed(); }
  // A run of that job of the cluster, under the lease as it is held now; nullopt: it is not this node's. For as long as
  // the node lives.
  std::optional<relay::JobRun> begin(std::string_view job) const;
  // Why this node should take no traffic, as far as the cluster goes; "" when nothing speaks against it.
  std::string unready() const;
  std::string health() const;  // a JSON object
  // How long the node has heard of no change by any way; 0 while it hears of them.
  std::chrono::milliseconds stale_for() const { return std::chrono::milliseconds(stale_ms_.load()); }
  bool sql_answers() const { return hooks_.sql_answers(); }

  // Before anything starts.
  void connect(api::Services& services, relay::Relay& relay);
  // Nodes that share a balance: how many there are, and what they ask of each other.
  void connect(billing::Billing& billing);
  void start();
  void begin_drain();  // gives the leases back and lets the others know
  void stop();         // the last: says that the node has left

 private:
  cluster::NodeReport report();
  boost::json::object info();
  void reap();
  void watch_staleness();

  const core::Config& config_;
  Hooks hooks_;
  sql::Pool& pool_;
  const core::Clock& clock_;
  relay::Relay* relay_ = nullptr;
  std::unique_ptr<cluster::Signals> signals_;
  std::unique_ptr<cluster::Board> board_;
  std::unique_ptr<cluster::ChangeFeed> feed_;
  std::unique_ptr<cluster::Registry> registry_;
  std::unique_ptr<cluster::Leases> leases_;
  std::thread housekeeping_;
  core::SteadyTime last_signal_{};
  std::atomic<std::int64_t> stale_ms_{0};
  std::atomic<bool> too_stale_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace tollgate::app
