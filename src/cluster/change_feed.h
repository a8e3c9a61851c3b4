// How a change made on one node comes into force on all of them (docs/cluster-internals.md): versions in SQL say what
// is true, signals make others look at once, polling finds what signals missed.
#pragma once
#include <atomic>
#include <boost/json/object.hpp>
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

#include "cluster/signals.h"
#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::cluster {

// Programs that change the database without raising versions: kAuto and kOn read everything each period, kAuto says so
// when it finds something; kOff trusts the versions.
enum class Mixed { kAuto, kOn, kOff };

struct FeedSettings {
  std::string node_id;
  std::string cluster_id;
  std::chrono::milliseconds period = std::chrono::seconds(60);  // SYNC_FREQUENCY
  Mixed mixed = Mixed::kAuto;
};

// How many of the ready nodes have a version in force.
struct Seen {
  std::size_t nodes = 0;
  std::size_t of = 0;
};

// Thread-safe. Callbacks must outlive stop().
class ChangeFeed {
 public:
  struct Callbacks {
    // Reads everything anew; what it read is in force when it returns. The number stands for the content: equal as long
    // as that is. One call at a time.
    std::function<core::Result<std::uint64_t>()> reload;
    // From other nodes: forget what was read of it before that time. They wait for nothing.
    std::function<void(core::UserId, core::SteadyTime read_before)> user;
    std::function<void(core::TokenId, core::SteadyTime read_before)> token;
    std::function<void()> everyone;  // some messages may have been missed: look again before any is used
  };
  ChangeFeed(FeedSettings settings, sql::Pool& pool, Signals& signals, const core::Clock& clock, Callbacks callbacks);
  ~ChangeFeed();

  // Further kinds of messages, before start(). `handler` gets what others sent; it waits for nothing.
  void on(std::string kind, std::function<void(const boost::json::object&)> handler);
  // Tells the others. Lost when there are no signals.
  void publish(std::string_view kind, boost::json::object members);

  // On the calling thread; what it returns is in force. start() after the first that went well.
  core::Result<void> load();
  // After a change of this node was committed: tells the others, and returns when it is in force here. False: the
  // configuration stays as it was, with a line in the log; polling will find the change.
  bool changed();
  // What cannot be told now is noted in SQL, for nodes whose copies in Redis outlive the outage.
  void user_changed(core::UserId user);
  void token_changed(core::TokenId token);

  // "channels=12,options=7": what is in force here.
  std::string versions() const;
  std::int64_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
  std::map<std::string, std::int64_t> applied() const;
  // Loads when `wanted`, as versions() of another node gave it, is ahead of this one. A text of another form is
  // ignored.
  void catch_up(std::string_view wanted);
  // Waits until every ready node has the present version in force, for at most two seconds with signals, five without.
  Seen wait_for_all();

  // Whether rows changed without a version within the last 24 hours.
  bool mixed() const;
  bool signals_healthy() const { return signals_.healthy(); }

  void start();
  void stop();
  // What the thread does next, and how long it may sleep; tests drive it by hand.
  std::chrono::milliseconds step();

 private:
  using Versions = std::map<std::string, std::int64_t>;
  core::Result<Versions> read();
  core::Result<void> load(bool announce);
  void poll(bool everything);
  void announce(const Versions& fresh);
  void receive(std::string_view message);
  void received_version(const boost::json::object& message);
  void answer_question();
  void note_epoch(std::int64_t epoch);
  void tell_of(std::string_view kind, std::int64_t id);
  void forget(std::string_view kind, std::int64_t id, core::SteadyTime read_before);
  void recall();
  void read_revocations();
  bool behind(const Versions& fresh) const;
  void wake();
  void run();

  FeedSettings settings_;
  sql::Pool& pool_;
  Signals& signals_;
  const core::Clock& clock_;
  Callbacks callbacks_;
  std::map<std::string, std::function<void(const boost::json::object&)>, std::less<>> handlers_;

  std::mutex loading_;  // one load at a time
  std::uint64_t content_ = 0;
  bool loaded_ = false;

  mutable std::mutex mutex_;
  Versions applied_;
  std::atomic<std::int64_t> epoch_{0};
  core::SteadyTime next_full_{}, next_poll_{}, last_reload_{};
  std::optional<core::SteadyTime> reload_at_;    // a signal asked for it
  std::optional<core::SteadyTime> last_change_;  // made or seen
  std::optional<core::SteadyTime> mixed_since_;
  bool gap_ = false;
  std::optional<core::SteadyTime> recall_at_;  // what was missed could not be asked for
  std::int64_t asked_ = 0;                     // the version that another node waits for
  std::map<std::string, std::int64_t> seen_;
  std::condition_variable seen_changed_;
  core::FastRandom random_;

  std::mutex thread_mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, due_ = false;
  std::thread thread_;
};

}  // namespace tollgate::cluster
