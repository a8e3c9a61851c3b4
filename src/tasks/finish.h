// What becomes of a task's row: each change is conditional on the status before it, and a failure gives the charge back
// in the transaction that writes it.
#pragma once
#include <functional>
#include <string>

#include "billing/billing.h"
#include "core/clock.h"
#include "relay/snapshot.h"
#include "sql/connection.h"

namespace tollgate::tasks {

// Everything passed by reference outlives it. Calls block: not on a network worker.
class Finisher {
 public:
  // `logs_apart`: log rows live in another database, where no transaction can take them along.
  Finisher(sql::Pool& pool, billing::Billing& billing, relay::SnapshotHolder& snapshots, const core::Clock& clock,
           bool logs_apart)
      : pool_(pool), billing_(billing), snapshots_(snapshots), clock_(clock), logs_apart_(logs_apart) {}

  // One statement on the row, conditional on what it was; how many rows it changed.
  using Update = std::function<sql::Result<std::int64_t>(sql::Connection&)>;

  struct Failed {
    std::string thing;      // its name in tg_once: "task:12"
    std::string log_begin;  // of the log row's text, up to the amount
    core::UserId user;
    core::Quota quota;  // as the row has it; 0: nothing is given back
    core::ChannelId channel;
    bool overdue = false;  // do not wait any longer for the charge to arrive
  };
  enum class Outcome { kDone, kElsewhere, kChargeOnItsWay };

  sql::Result<Outcome> move(const sql::Fence& fence, const Update& update);
  sql::Result<Outcome> fail(const sql::Fence& fence, const Failed& failed, const Update& update);

  sql::Pool& pool() const { return pool_; }
  const core::Clock& clock() const { return clock_; }
  std::shared_ptr<const relay::Snapshot> snapshot() const { return snapshots_.get(); }

 private:
  sql::Pool& pool_;
  billing::Billing& billing_;
  relay::SnapshotHolder& snapshots_;
  const core::Clock& clock_;
  const bool logs_apart_;
};

}  // namespace tollgate::tasks
