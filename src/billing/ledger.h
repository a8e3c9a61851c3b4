// The ledger: moves money between balances in SQL and the slices of this node, and charges to SQL, each exactly once.
// One thread, one transaction at a time: flush, take and return in one.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "billing/balances.h"
#include "billing/flush.h"
#include "billing/flush_meter.h"
#include "billing/journal.h"
#include "billing/ledger_rows.h"
#include "billing/refunds.h"
#include "billing/slice_calls.h"
#include "billing/slices.h"
#include "core/clock.h"
#include "sql/connection.h"

namespace tollgate::billing {

enum class AcquireOutcome { kReserved, kRefused, kUnavailable };

// kRefused: `account` has not enough, `balance` is what the last take saw of it (row + slices of all nodes − charges
// not yet flushed here). kUnavailable: SQL is away and the slice is used up (503 with Retry-After).
struct AcquireResult {
  AcquireOutcome outcome = AcquireOutcome::kUnavailable;
  Reservation reservation;  // may be smaller than asked: see LedgerSettings::trust
  AccountKind account = AccountKind::kWallet;
  core::Quota balance;
};

struct LedgerSettings {
  std::chrono::milliseconds idle = std::chrono::seconds(10);  // an unused slice goes back after this
  std::chrono::milliseconds rhythm{0};                        // pause between flushes of charges; 0: none
  std::int64_t minimum_take = 50'000;  // a tenth of a dollar: nearly empty accounts take what there is
  // The most that an account may spend on a node beyond its slice while the database is away; a tenth of its last known
  // balance ÷ ready nodes where that is less.
  std::int64_t exposure = 500'000;
  // A node that the others have lost keeps its slices so long. Half of it without the database ends its spending.
  std::chrono::milliseconds lost_hold = std::chrono::hours(24);
  // Above this balance (ten dollars) a reservation larger than the whole balance is cut to what is there.
  core::Quota trust{5'000'000};
  // The journal of a process that is not this one is applied: only charges and, at the end, what its slices have left.
  bool replay = false;
  bool return_slices = true;    // in a replay: the node does not live
  bool charge_inflight = true;  // tg.recover_inflight: begun streams of a crashed process are charged
};

// What a take moves out of `balance`, of which `share` is this node's at most. Requests that wait (`amounts`, in order)
// are served as far as they fit, each whole or not at all: a part that serves nobody would be missing elsewhere.
std::int64_t amount_to_take(std::int64_t balance, std::int64_t free, std::int64_t wanted, std::int64_t share,
                            const std::vector<std::int64_t>& amounts);

// step() runs at most one transaction and may be driven by hand; start() drives it on a thread. acquire() and the
// getters: any thread.
class Ledger {
 public:
  Ledger(std::string node, LedgerSettings settings, Journal& journal, Slices& slices, sql::Pool& pool,
         const core::Clock& clock);
  ~Ledger();

  void acquire(AccountPtr wallet, AccountPtr token, core::Quota amount, std::function<void(AcquireResult)> done);

  // Nodes that spend beside this one, itself included: they share what is left of a balance. Any thread.
  void set_ready_nodes(std::int64_t count) { ready_nodes_ = std::max<std::int64_t>(count, 1); }
  // How other nodes are asked for their slices; without it nobody is asked. Before start().
  void connect(SliceCalls calls) { calls_ = std::move(calls); }
  // Another node asks, another node has answered. Any thread.
  void on_asked(std::string node, std::uint64_t call, std::vector<AccountId> accounts);
  void on_answered(const std::string& node, std::uint64_t call);
  // Called on the ledger's thread with what a transaction has added to an account's row. Before start().
  void on_moved(std::function<void(AccountId, core::Quota)> callback) { on_moved_ = std::move(callback); }

  enum class Step { kMoved, kIdle, kAway };
  Step step();
  // One step of the end: flushes what is there, then gives every slice back whole. kIdle: nothing is left to do.
  Step closing_step();

  void start();
  void wake();
  void stop(std::chrono::steady_clock::time_point deadline);

  bool recovered() const { return recovered_; }
  // In a replay: the begun requests that were charged, now or by a replay before, and whether the slices went back.
  const std::vector<InflightRecord>& replayed_inflight() const { return replayed_; }
  std::string inflight_key() const;  // in tg_once: who charges the begun requests of this state of the journal
  bool slices_left() const { return slices_left_; }
  bool reachable() const { return reachable_; }
  std::int64_t mark() const { return position_; }
  const FlushMeter& meter() const { return meter_; }
  std::int64_t last_flush_ms() const { return last_flush_ms_; }
  std::int64_t exposed() const { return exposed_count_; }  // accounts that spend beyond their slice
  // Half of the hold has passed without the database: past the whole of it others may give this node's slices back.
  bool cut_off() const;

 private:
  struct Waiter {
    AccountPtr wallet, token;
    std::int64_t amount = 0;
    std::function<void(AcquireResult)> done;
    int rounds = 0;
    bool asked = false;  // other nodes have given back what they could
  };
  // A question to the other nodes, and who waits for the answers.
  struct Call {
    std::uint64_t id = 0;
    std::vector<AccountId> accounts;
    std::vector<std::string> answered;
    std::size_t expected = 0;
    std::int64_t until_ms = 0;
    std::deque<Waiter> waiters;
  };
  // A question of another node; of this one, for what it has itself, when `node` is empty.
  struct Asked {
    std::string node;
    std::uint64_t call = 0;
    std::vector<AccountId> accounts;
    std::int64_t until_ms = 0;
    bool put_off = false;  // requests of our own came first
  };
  // One account in one transaction.
  struct Work {
    AccountPtr account;                 // null: only a row to charge or to clear
    std::int64_t charge = 0;            // applied by this transaction
    std::int64_t used = 0;              // used_quota
    std::int64_t requests = 0;          // request_count
    std::int64_t leaving = 0;           // leaves the unflushed charges that `free` counts
    std::int64_t wanted = 0;            // to take
    std::int64_t free = 0;              // as it was when the work was gathered
    std::vector<std::int64_t> amounts;  // of the requests that wait, in their order
    std::int64_t returning = 0;         // already out of `free`
    bool return_all = false;
    bool asked = false;  // requests wait for it
    // Seen and done under lock.
    bool row = false;
    std::int64_t moved = 0;  // added to the row
    std::int64_t balance_after = 0;
    std::int64_t amount_after = 0;
    std::int64_t held_by_all = 0;
  };
  using WorkMap = std::map<AccountId, Work>;
  // What a transaction did if its COMMIT happened.
  struct Attempt {
    std::int64_t tx = 0;
    std::int64_t position = 0;
    WorkMap work;
    bool quarantined = false;
    bool flushed = false;
  };
  enum class Outcome { kDone, kAgain, kAway, kPoison };

  void take_in();
  Step work_step(bool closing);
  bool has_nothing() const;  // no slice and no exposure: being cut off would change nothing
  Step probe();
  void gather_waiting(WorkMap& work);
  void gather_low(WorkMap& work);
  void gather_asked(WorkMap& work);
  void answer_asked(bool done);
  std::int64_t take_beyond_requests(const Account& account) const;
  std::int64_t level(const Account& account) const;
  void gather_returns(WorkMap& work, bool all);
  using Notes = std::vector<std::pair<std::string, Charged>>;  // request id and charge, where it may be given back
  std::size_t gather_charges(WorkMap& work, const std::vector<JournalRow>& rows, std::vector<std::size_t>& bad,
                             Notes& notes, std::int64_t above, bool leave_only);
  core::Result<std::vector<JournalRow>> read_rows();
  Outcome transact(WorkMap& work, std::vector<JournalRow>& rows, bool quarantine_all);
  sql::Result<void> lock_and_apply(sql::Connection& db, WorkMap& work);
  sql::Result<void> rewind(sql::Connection& db, const Mark& mark);
  std::int64_t share_of(std::int64_t balance) const;
  AccountChange apply_one(AccountId id, Work& work, const AccountRows& seen) const;
  void confirm(Attempt& attempt);
  void move_to(std::int64_t position, std::int64_t tx);
  void undo(Attempt& attempt);
  void answer_waiters(const WorkMap& work);
  void ask_others(std::deque<Waiter> waiters, const WorkMap& work);
  void finish_calls();
  void fail_waiters();
  bool expose(Waiter& waiter);
  void note_exposed(const AccountPtr& account);
  void forget_exposed();
  bool stalled() const;
  Step recover_step();
  void list(const AccountPtr& account);
  bool adopt_left_behind();
  sql::Result<bool> claim_left_behind();
  bool replay_left_behind();
  void run();
  bool find_poison(std::vector<JournalRow>& rows);

  std::string node_;
  LedgerSettings settings_;
  Journal& journal_;
  Slices& slices_;
  sql::Pool& pool_;
  const core::Clock& clock_;

  // The ledger's thread only.
  std::optional<JournalReader> reader_;
  bool mark_known_ = false;
  bool old_copy_ = false;             // the journal that was found is older than what SQL has of this node
  std::int64_t tx_ = 0;               // of the last transaction known to have happened
  std::optional<Attempt> unsure_;     // its COMMIT was not answered
  std::vector<AccountPtr> accounts_;  // with money of ours, or lately used
  std::vector<AccountPtr> low_;
  std::deque<Waiter> waiters_;
  std::vector<Call> open_calls_;
  std::vector<Asked> asked_, answering_;
  std::uint64_t last_call_ = 0;
  std::size_t batch_limit_;
  int cut_off_in_a_row_ = 0;                 // answers to COMMIT
  bool only_charges_ = false;                // looking for a poisoned record
  std::vector<InflightRecord> left_behind_;  // begun requests of the process before
  std::vector<InflightRecord> replayed_;
  bool slices_left_ = false;
  std::int64_t first_tx_ = 0;       // as the mark was found
  std::int64_t rewound_until_ = 0;  // records up to here are unflushed again
  std::int64_t next_forget_ms_ = 0;
  std::int64_t next_tick_ms_ = 0;
  std::int64_t next_flush_ms_ = 0;

  std::atomic<std::int64_t> position_{0};
  FlushMeter meter_;
  std::atomic<std::int64_t> last_flush_ms_{0};
  std::atomic<bool> recovered_{false};
  std::atomic<bool> reachable_{true};
  std::atomic<std::int64_t> last_contact_ms_{0};  // when the database last did what it was asked
  std::atomic<std::int64_t> busy_since_ms_{0};    // a transaction is under way since then
  std::atomic<std::int64_t> ready_nodes_{1};
  std::atomic<std::int64_t> exposed_count_{0};
  SliceCalls calls_;
  std::function<void(AccountId, core::Quota)> on_moved_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiter> incoming_;
  std::vector<AccountPtr> incoming_low_;
  std::vector<Asked> incoming_asked_;
  std::vector<std::pair<std::string, std::uint64_t>> incoming_answers_;
  std::unordered_set<AccountPtr> exposed_;
  bool work_ = false;    // the journal holds charges that were not looked at
  bool urgent_ = false;  // somebody waits, or a slice runs low
  bool stopping_ = false;
  std::chrono::steady_clock::time_point deadline_;
  std::thread thread_;
};

}  // namespace tollgate::billing
