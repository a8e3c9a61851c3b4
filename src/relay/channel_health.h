// Which failures switch a channel (or one of its keys) off, and the thread that writes it down. docs/channels.md is the
// operator's view.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "core/clock.h"
#include "core/types.h"
#include "dialect/openai_error.h"
#include "relay/snapshot.h"
#include "sql/connection.h"
#include "sql/fence.h"

namespace tollgate::relay {

// Whether a failed attempt says that the channel, not the request, is at fault. `error` has its mapped status.
bool calls_for_disabling(const RelayOptions& options, const Channel& channel, const dialect::RelayError& error);

struct ChannelFault {
  core::ChannelId channel;
  std::string name;  // of the channel, for the log
  std::string key;   // the one that was used; empty when none could be chosen
  std::string reason;
  sql::Fence fence = {};  // of the job that found it; empty: a request did
};
// What is written about a failure of this key, without secrets.
ChannelFault fault_of(const Channel& channel, const ChannelKey& key, const dialect::RelayError& error);

// Told when a channel, or a key of it, went off (3, with the reason) or the channel came back (1). Waits for nothing.
using StatusTold = std::function<void(core::ChannelId, const std::string& name, int status, const std::string& reason)>;

// Writes faults to the database on a thread of its own, then has the snapshot read again. Each (channel, key) is in the
// queue once, until the snapshot without it is in force; the queue is bounded, and what finds it full is reported again
// by the next failure. While SQL is away faults wait and are tried again, 1 s … 30 s apart.
class ChannelHealth {
 public:
  // `changed` is called on the thread after something was written; it returns when the change is in force here.
  ChannelHealth(sql::Pool& pool, const core::Clock& clock, std::function<void()> changed);
  ~ChannelHealth();                                             // as stop()
  void on_status(StatusTold told) { told_ = std::move(told); }  // before start()
  void start();
  void stop();  // writes what waits if SQL answers, then joins

  // From any thread; waits for nothing.
  void report(ChannelFault fault);
  // Writes what waits. False: SQL is away, and it waits on. The thread's work; tests call it without one.
  bool write_waiting();
  std::size_t waiting() const;

 private:
  enum class Outcome { kDone, kChanged, kSqlAway };
  Outcome write(const ChannelFault& fault);
  void run();

  sql::Pool& pool_;
  const core::Clock& clock_;
  std::function<void()> changed_;
  StatusTold told_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<ChannelFault> queue_;
  std::set<std::pair<core::ChannelId, std::string>> known_;  // queued, or being written
  bool full_told_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate::relay
