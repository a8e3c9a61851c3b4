// The registry of nodes: this one says every few seconds that it lives and how it is, and looks at what the others say.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cluster/board.h"
#include "cluster/leases.h"
#include "cluster/node_row.h"
#include "core/clock.h"
#include "core/random.h"
#include "sql/connection.h"

namespace tollgate::cluster {

enum class StandIn { kAuto, kOn, kOff };

struct RegistrySettings {
  Owner me;
  std::string name;
  bool master = true;
  std::string version;
  std::string advertise, region, zone, time_zone;
  std::int64_t weight = 0;
  std::int64_t schema_min = 1, schema_max = 1;
  std::string cluster_id;
  std::vector<std::string> session_secrets, crypto_secrets;  // the first is in force
  StandIn stand_in = StandIn::kAuto;
  std::chrono::milliseconds stand_in_after = std::chrono::seconds(60);
};

// What changes while the process runs; asked before each heartbeat, on the registry's thread.
struct NodeReport {
  std::string state = "ready";  // starting, ready, degraded, draining
  std::int64_t journal_last_seq = 0;
  std::int64_t epoch = 0;
  std::string info = "{}";  // JSON object for people
};

// Something that people should know of the cluster; `code` is stable.
struct Warning {
  std::string code;
  std::string text;
};

// step() is the thread's work, due at once and every ten to eleven seconds, and may be driven by hand instead. Each
// writes this node's row; the rows of others are read when the board shows other nodes than the last look did, when
// something was odd, and every third time. Getters: any thread.
class Registry {
 public:
  // `board` may be null. Everything passed by reference outlives it.
  Registry(RegistrySettings settings, sql::Pool& pool, Board* board, const core::Clock& clock,
           std::function<NodeReport()> report);
  ~Registry();

  // Set before start(); called on the registry's thread.
  std::function<void(std::int64_t ready)> on_ready_nodes;  // when their number changes, this one included
  std::function<void(bool drained)> on_desired_drain;      // when people want it so, and no longer
  std::function<void(std::chrono::milliseconds pause)> on_step_down;
  std::function<void(std::chrono::milliseconds lead)> on_time;  // the database's clock before the monotonic one

  void start();
  void stop();  // says that the node has left
  void wake();  // writes and looks now instead of later
  void step(bool look_around = false);
  void show();  // the board only

  std::int64_t ready_nodes() const { return ready_nodes_.load(std::memory_order_relaxed); }
  std::int64_t live_nodes() const { return live_nodes_.load(std::memory_order_relaxed); }
  std::int64_t clock_offset_ms() const { return offset_ms_.load(std::memory_order_relaxed); }
  bool drained_by_request() const { return drained_.load(std::memory_order_relaxed); }
  // Whether this node may run jobs of the cluster: a master that is not on its way out, or a slave that stands in.
  bool may_lead() const { return may_lead_.load(std::memory_order_relaxed); }
  bool standing_in() const { return standing_in_.load(std::memory_order_relaxed); }
  // Whether this node is the one whose secrets differ.
  bool secret_is_odd() const { return odd_.load(std::memory_order_relaxed); }
  bool split_database() const { return split_database_.load(std::memory_order_relaxed); }
  bool split_redis() const { return split_redis_.load(std::memory_order_relaxed); }
  std::shared_ptr<const Nodes> nodes() const;  // as of the last look, without their info; never null
  std::vector<Warning> warnings() const;
  const RegistrySettings& settings() const { return settings_; }

 private:
  void prepare();  // once: fingerprints take a while
  // True: people want something else of the node now.
  sql::Result<bool> beat(sql::Connection& db, const std::string& state);
  bool calls_for_a_look(const std::optional<std::vector<BoardEntry>>& shown, const std::string& state) const;
  void look(const Nodes& nodes, const std::optional<std::vector<BoardEntry>>& shown);
  void decide_lead(sql::Connection& db, const Nodes& nodes, const std::string& state);
  void note_clock(std::int64_t server_now, core::SteadyTime asked);
  void follow_wishes(const NodeRow& own, std::int64_t now);
  void tell(std::vector<Warning> found);
  void run();

  RegistrySettings settings_;
  sql::Pool& pool_;
  Board* board_;
  const core::Clock& clock_;
  std::function<NodeReport()> report_;
  core::FastRandom random_;

  bool prepared_ = false;
  NodeRow row_;
  int rounds_unseen_ = 0;                         // since the rows of others were read
  bool settled_ = false;                          // the last look found nothing that calls for another
  std::deque<std::int64_t> offsets_, leads_;      // of the database before the wall clock, the monotonic one
  std::int64_t wish_seen_ = 0;                    // desired_until of the last step-down that was followed
  int redis_differs_ = 0;                         // rounds in a row
  std::map<std::string, core::SteadyTime> told_;  // warning → when it was logged
  bool away_told_ = false;

  std::atomic<std::int64_t> ready_nodes_{1}, live_nodes_{1}, offset_ms_{0};
  std::atomic<bool> drained_{false}, may_lead_{false}, standing_in_{false}, odd_{false};
  std::atomic<bool> split_database_{false}, split_redis_{false};

  mutable std::mutex mutex_;
  std::shared_ptr<const Nodes> nodes_ = std::make_shared<Nodes>();
  std::vector<Warning> warnings_;

  std::mutex thread_mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, due_ = false;
  std::thread thread_;
};

// The id of the cluster, drawn by the first node that asks.
sql::Result<std::string> cluster_id(sql::Connection& db);

// Rows that nobody needs any more: `left` for a day, `lost` for 7 days with every charge of theirs in SQL, or for 30.
// A row of a node whose charges are missing stays. For the holder of the lease `registry`; the number of rows.
sql::Result<std::int64_t> remove_old_nodes(sql::Connection& db);
// Notes of changes that could not be told when they were made, after a day.
sql::Result<void> remove_old_revocations(sql::Connection& db);

}  // namespace tollgate::cluster
