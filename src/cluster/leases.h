// Leases: which node runs a job of the whole cluster at this moment (docs/cluster-internals.md). The table tg_leases
// and the database's clock decide; a node's own clocks only ever make it stop sooner.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "sql/connection.h"

namespace tollgate::cluster {

// A process: the id that stays with the data directory, and the count of its starts.
struct Owner {
  std::string node_id;
  std::int64_t incarnation = 0;
};

struct LeaseTimes {
  std::chrono::milliseconds life = std::chrono::seconds(15);
  std::chrono::milliseconds renewal = std::chrono::seconds(5);
  std::chrono::milliseconds margin = std::chrono::seconds(3);   // by which the holder stops before the lease ends
  std::chrono::milliseconds modesty = std::chrono::seconds(2);  // by which one that holds three lets others go first
};

// What a holder knows of its lease. `token` grows with each change of holder.
struct Held {
  std::string name;
  std::int64_t token = 0;
};

// For the beginning of a job's transaction: locks the lease's row and says whether it is still held. False: roll back.
sql::Result<bool> fence(sql::Connection& db, const Owner& me, const Held& lease);

// One attempt to have this lease from now on; the token, or nullopt when another holds it.
sql::Result<std::optional<std::int64_t>> acquire_lease(sql::Connection& db, const Owner& me, std::string_view name,
                                                       std::chrono::milliseconds life);
sql::Result<void> release_leases(sql::Connection& db, const Owner& me);

// Keeps the leases that are wanted. step() is the thread's work and may be driven by hand instead; the rest is for any
// thread.
class Leases {
 public:
  // `may_hold` is asked before each round: false gives back what is held and takes nothing.
  Leases(Owner me, sql::Pool& pool, const core::Clock& clock, std::function<bool()> may_hold, LeaseTimes times = {});
  ~Leases();

  // From now on this node is ready to run that job.
  void want(std::string name);
  // Whether this node may act on the lease now, by its own monotonic clock: counted from the start of the last renewal
  // that went well, whatever happened since.
  bool holds(std::string_view name) const;
  std::optional<Held> held(std::string_view name) const;
  // Gives everything back and takes nothing for so long.
  void step_down(std::chrono::milliseconds pause);

  void step();
  void start();
  void stop();  // gives everything back

  std::size_t count() const;

 private:
  struct Entry {
    std::int64_t token = 0;
    core::SteadyTime until{};  // not held from then on
    core::SteadyTime next{};   // of the next attempt to renew or to take it
  };
  bool counts_as_held(const Entry& entry, core::SteadyTime now) const { return now < entry.until; }
  void renew(sql::Connection& db, core::SteadyTime now);
  void take(sql::Connection& db, core::SteadyTime now);
  void give_back();
  void run();

  Owner me_;
  sql::Pool& pool_;
  const core::Clock& clock_;
  std::function<bool()> may_hold_;
  LeaseTimes times_;

  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> wanted_;
  core::SteadyTime paused_until_{};
  bool away_told_ = false;

  std::mutex thread_mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate::cluster
