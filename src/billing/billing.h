// The front of this folder for relay, api and app: reserve, settle, show and set balances.
#pragma once
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "billing/flush.h"
#include "billing/journal.h"
#include "billing/ledger.h"
#include "billing/lost_nodes.h"
#include "billing/node.h"
#include "billing/slices.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/metrics_text.h"
#include "sql/connection.h"

namespace tollgate::billing {

struct BillingSettings {
  std::string data_dir = ".";
  bool power_safe = false;                                         // TOLLGATE_JOURNAL_SYNC=power
  std::chrono::milliseconds journal_keep = std::chrono::hours(1);  // TOLLGATE_JOURNAL_KEEP
  std::size_t reserve_bytes = 0;                                   // of the disk, for the day it is full
  std::size_t max_backlog_bytes = 1U << 30U;                       // TOLLGATE_JOURNAL_MAX_MB
  bool journal_required = false;                                   // TOLLGATE_JOURNAL_REQUIRED
  LedgerSettings ledger = {};

  static BillingSettings of(const core::Config& config);
};

struct BillingHealth {
  bool recovered = false;        // what the process before left is settled; first slices wait for this
  bool journal_writable = true;  // false: records wait in memory
  bool sql_reachable = true;     // as the last ledger transaction found it
  std::size_t journal_queued = 0;
  std::uint64_t journal_backlog_bytes = 0;  // not in SQL yet, as of the last few seconds
  std::int64_t journal_last_seq = 0;
  std::int64_t main_mark = 0, stat_mark = 0, log_mark = 0;
  // How far each mark is behind the last record; 0: all of them are applied.
  std::int64_t behind(std::int64_t mark) const { return std::max<std::int64_t>(journal_last_seq - mark, 0); }
  std::int64_t last_flush_unix_ms = 0;
  std::int64_t exposed = 0;  // accounts that spend beyond their slices while the database is away
  bool cut_off = false;      // away for so long that nothing more is spent here
  Held wallets, keys;
};

// Thread-safe between start() and stop(). Pools and clock must outlive it. The schema must be there at start().
//
//   auto wallet = billing.wallet(user.id);                       // once, kept in the auth cache
//   auto held = billing.try_reserve(wallet, key_limit, amount);  // warm: no lock, no SQL
//   if (!held) billing.acquire(wallet, key_limit, amount, [](AcquireResult r) { …post to the worker… });
//   …
//   billing.settle(std::move(*held), record, [](Committed) { …send the last bytes… });
class Billing {
 public:
  // Makes or reads <data_dir>/node.json and opens the journal. kConflict: another process uses the directory.
  static core::Result<std::unique_ptr<Billing>> open(BillingSettings settings, sql::Pool& main, sql::Pool& log,
                                                     const core::Clock& clock);
  ~Billing();

  void start();
  // Flushes everything and returns all slices, for at most `limit`; what is left then waits for the next start.
  void stop(std::chrono::milliseconds limit);

  AccountPtr wallet(core::UserId user) { return slices_.account({AccountKind::kWallet, user.value}); }
  AccountPtr key_limit(core::TokenId token) { return slices_.account({AccountKind::kToken, token.value}); }

  // Whether what is charged from now on will find a place: the journal's disk, the database, or memory with room left.
  // Asked before a request is admitted. No lock.
  bool can_charge() const;

  // `key_limit` is null for keys without a limit. nullopt: acquire() decides.
  std::optional<Reservation> try_reserve(const AccountPtr& wallet, const AccountPtr& key_limit, core::Quota amount) {
    return slices_.try_reserve(wallet, key_limit, amount);
  }
  // Waits for at most a few ledger transactions, and 300 ms for other nodes. `done` is called once, on the ledger's
  // thread (or at once on this one while the database is away or billing is stopping).
  void acquire(AccountPtr wallet, AccountPtr key_limit, core::Quota amount, std::function<void(AcquireResult)> done);

  // Charges `record.charge` (which may differ from the reservation) and journals the record. `done` is called on the
  // journal's thread once it is on disk: only then may the end of the answer leave. The in-flight row goes too.
  // The writer is told by wake_journal(): a worker calls it once for all requests that end in one turn of its loop.
  // `next`: the request goes on; its in-flight row from now on, written together with the charge.
  void settle(Reservation reservation, SettleRecord record, std::function<void(Committed)> done,
              const InflightRecord* next = nullptr);
  // As settle(), of a charge that expect_charge() (billing/refunds) was told of by the request id of its log row.
  void settle_refundable(Reservation reservation, SettleRecord record, std::function<void(Committed)> done);
  void wake_journal() { journal_->wake(); }
  void log(LogRecord record);  // a row without a charge; not waited for

  void inflight_put(const InflightRecord& record) { journal_->inflight_put(record); }  // new or brought up to date
  void inflight_remove(std::string request_id) { journal_->inflight_remove(std::move(request_id)); }

  // What people see: the row + what all nodes hold of it − what this node has not flushed. On SQL trouble `column`, as
  // the caller has read it.
  core::Quota shown_user_balance(core::UserId user, core::Quota column);
  core::Quota shown_token_balance(core::TokenId token, core::Quota column);
  // The shown balance becomes `wanted`, whatever nodes hold. kNotFound without the row.
  core::Result<void> set_user_balance(core::UserId user, core::Quota wanted);
  core::Result<void> set_token_balance(core::TokenId token, core::Quota wanted);

  // balance += amount, once for each `key` (`topup:<trade number>`), on however many nodes it is tried. False: it was
  // done before.
  core::Result<bool> credit_once(const std::string& key, AccountId account, core::Quota amount);

  // See Journal::on_disk_low; set before start().
  void on_disk_low(std::function<void(bool)> callback) { journal_->on_disk_low(std::move(callback)); }

  // Nodes that spend beside this one, itself included. Any thread.
  void set_ready_nodes(std::int64_t count) { ledger_->set_ready_nodes(count); }
  // A channel that every node hears (docs/balances.md). `publish` returns at once, false when nobody heard it, and is
  // set before start(); what comes on the channel, one's own words too, goes to on_slice_message() on any thread.
  void connect_slices(std::function<bool(std::string)> publish);
  void on_slice_message(std::string_view message);
  // Called on any thread with what was added to an account's row, once it is committed: for copies of it elsewhere.
  // Must not block. Before start().
  void on_balance_moved(std::function<void(AccountId, core::Quota)> callback);

  // For whoever changed an account's row by this folder's functions: tells what was added to it, after the COMMIT.
  void balance_moved(AccountId account, core::Quota amount) const {
    if (on_moved_ && amount.units != 0) on_moved_(account, amount);
  }

  // The slices of nodes of which nothing was heard for their hold go back to the balances; how many accounts. For the
  // node that has this job; it blocks.
  core::Result<std::size_t> give_back_lost(const sql::Fence& fence);
  std::chrono::milliseconds lost_hold() const { return settings_.ledger.lost_hold; }

  BillingHealth health() const;
  void write_metrics(core::MetricsText& text) const;  // reads the journal's file: not on a network worker
  const Node& node() const { return node_; }

 private:
  core::Result<void> set_balance(AccountId id, core::Quota wanted);
  Billing(BillingSettings settings, sql::Pool& main, sql::Pool& log, const core::Clock& clock, Node node);

  BillingSettings settings_;
  sql::Pool& main_;
  sql::Pool& log_;
  const core::Clock& clock_;
  Node node_;
  std::unique_ptr<Journal> journal_;
  Slices slices_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<FlushConsumer> stat_consumer_, log_consumer_;
  std::function<void(AccountId, core::Quota)> on_moved_;
  bool started_ = false;
};

}  // namespace tollgate::billing
