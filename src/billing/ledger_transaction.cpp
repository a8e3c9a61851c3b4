// The ledger's transaction: flush, take and return under the lock of the node's own mark.
#include <algorithm>
#include <utility>

#include "billing/ledger.h"
#include "billing/steady_millis.h"
#include "core/fault_point.h"
#include "core/log.h"

namespace tollgate::billing {
namespace {

constexpr std::size_t kBatch = 2000;    // records read at once
constexpr std::size_t kAccounts = 500;  // accounts in one transaction
constexpr std::string_view kConsumer = "main";

bool conflicts(const sql::Error& error) { return error.cls == sql::ErrorClass::kConflict; }

}  // namespace

std::size_t Ledger::gather_charges(WorkMap& work, const std::vector<JournalRow>& rows, std::vector<std::size_t>& bad,
                                   Notes& notes, std::int64_t above, bool leave_only) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (work.size() + 2 > kAccounts && i > 0) return i;
    auto record = decode(rows[i].payload);
    if (!record) {
      bad.push_back(i);
      continue;
    }
    if (!is_charge(record->kind)) continue;
    const auto& settle = record->settle;
    const bool charges = rows[i].seq > above && !leave_only;
    const bool counted = rows[i].seq >= journal_.first_seq_of_start() || rows[i].seq <= rewound_until_;
    auto& wallet = work[{AccountKind::kWallet, settle.user.value}];
    if (charges) {
      if (record->kind == RecordKind::kRefundable)
        notes.emplace_back(settle.log.request_id, Charged{settle.user, settle.token, settle.charge});
      wallet.charge += settle.charge.units;
      if (settle.counts_use) {
        wallet.used += settle.charge.units;
        wallet.requests += settle.part ? 0 : 1;
      }
    }
    if (counted) wallet.leaving += settle.charge.units;
    if (!settle.token) continue;
    auto& token = work[{AccountKind::kToken, settle.token.value}];
    if (charges) {
      token.charge += settle.charge.units;
      ++token.requests;
    }
    if (counted && settle.token_limited) token.leaving += settle.charge.units;
  }
  return rows.size();
}

Ledger::Outcome Ledger::transact(WorkMap& work, std::vector<JournalRow>& rows, bool quarantine_all) {
  Attempt attempt;
  attempt.work = std::move(work);
  auto fail = [&](const sql::Error& error, const char* doing) {
    undo(attempt);
    if (reachable_ || conflicts(error)) core::log::warn("ledger: {}: {}", doing, error.message);
    if (is_poison(error) && !rows.empty()) return Outcome::kPoison;
    reachable_ = conflicts(error);
    return conflicts(error) ? Outcome::kAgain : Outcome::kAway;
  };
  auto now = clock_.unix_millis();
  struct Busy {
    std::atomic<std::int64_t>& since;
    ~Busy() { since = 0; }
  } busy{busy_since_ms_};
  busy_since_ms_ = steady_millis(clock_);
  auto lease = pool_.lease();
  if (!lease) return fail(lease.error(), "connect");
  auto& db = **lease;
  struct Rollback {
    sql::Connection& db;
    ~Rollback() { db.rollback(); }
  } rollback{db};

  if (auto begun = db.begin(); !begun) return fail(begun.error(), "begin");
  auto mark = lock_mark(db, node_, kConsumer, now);
  if (!mark) return fail(mark.error(), "read the mark");
  if (unsure_) {
    // The mark knows whether the transaction whose COMMIT was not answered has happened. A replay numbers none, and
    // holds nothing in memory that depends on it.
    auto before = std::move(*unsure_);
    unsure_.reset();
    if (mark->tx >= before.tx && !settings_.replay)
      confirm(before);
    else
      undo(before);
    undo(attempt);
    return Outcome::kAgain;
  }
  if (!mark_known_) {
    move_to(mark->seq, mark->tx);
    mark_known_ = true;
    first_tx_ = mark->tx;
    old_copy_ = mark->seq > journal_.last_seq_before_start();
    if (old_copy_)
      core::log::warn("ledger: J-OLD: the journal ends at {}, the database has this node's charges up to {}",
                      journal_.last_seq_before_start(), mark->seq);
    if (mark->seq >= journal_.first_seq_of_start() && !settings_.replay)
      core::log::error(
          "ledger: J-CLOCK: this process numbers its charges from {}, the database has them up to {}: the"
          " clock went back and the data directory is an old copy; charges up to that number are lost",
          journal_.first_seq_of_start(), mark->seq);
    undo(attempt);
    // The row may be new: keep it.
    if (auto kept = db.commit(); !kept) return fail(kept.error(), "make the mark");
    return Outcome::kAgain;
  }
  if (mark->seq < position_ || mark->tx < tx_) {
    undo(attempt);
    if (auto done = rewind(db, *mark); !done) return fail(done.error(), "read slices again");
    if (auto kept = db.commit(); !kept) return fail(kept.error(), "make the mark");
    return Outcome::kAgain;
  }
  if (settings_.replay && !attempt.work.empty() && mark->tx != first_tx_) {
    // The node is at work again: what it holds now is its own.
    undo(attempt);
    slices_left_ = recovered_ = true;
    return Outcome::kAgain;
  }
  if (!rows.empty() && rows.front().prev > position_)
    core::log::error("ledger: J-GAP: records after {} up to {} are not in the journal", position_.load(),
                     rows.front().prev);

  std::vector<std::size_t> bad;
  Notes notes;
  auto used = gather_charges(attempt.work, rows, bad, notes, mark->seq, quarantine_all);
  rows.resize(used);
  if (auto applied = lock_and_apply(db, attempt.work); !applied) return fail(applied.error(), "apply");
  for (const auto& [request_id, charged] : notes)
    if (auto noted = note_charge(db, request_id, charged); !noted) return fail(noted.error(), "note a charge");
  if (quarantine_all) {
    bad.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) bad.push_back(i);
  }
  for (auto i : bad) {
    auto why = quarantine_all ? "refused by the database" : "unreadable";
    core::log::error("ledger: J-POISON: record {} is {}", rows[i].seq, why);
    if (auto kept = insert_quarantine(db, node_, kConsumer, rows[i], why, now); !kept)
      return fail(kept.error(), "quarantine");
    journal_.quarantine(rows[i].seq, why, rows[i].payload);
  }
  attempt.tx = settings_.replay ? mark->tx : mark->tx + 1;
  // A replay may have moved the mark beyond what was read here: those rows have to be read all the same, because what
  // they charge is missing from `free`.
  attempt.position = rows.empty() ? position_.load() : std::max(position_.load(), rows.back().seq);
  attempt.flushed = !rows.empty();
  if (auto written = write_mark(db, node_, kConsumer, {std::max(mark->seq, attempt.position), attempt.tx}, now);
      !written)
    return fail(written.error(), "write the mark");
  core::fault_point(recovered_ ? "ledger.applied" : "recovery.applied");
  if (auto committed = commit_marked(db); !committed) {
    core::log::warn("ledger: commit: {}", committed.error().message);
    unsure_ = std::move(attempt);
    reachable_ = false;
    return Outcome::kAway;
  }
  core::fault_point(recovered_ ? "ledger.committed" : "recovery.committed");
  forget_exposed();
  confirm(attempt);
  work = std::move(attempt.work);
  return Outcome::kDone;
}

sql::Result<void> Ledger::lock_and_apply(sql::Connection& db, WorkMap& work) {
  std::vector<AccountId> accounts;
  for (const auto& [id, entry] : work) accounts.push_back(id);
  auto seen = lock_accounts(db, node_, accounts);
  if (!seen) return seen.error();
  std::vector<AccountChange> changes;
  for (auto& [id, entry] : work) changes.push_back(apply_one(id, entry, (*seen)[id]));
  return write_accounts(db, node_, changes, clock_.unix_millis());
}

AccountChange Ledger::apply_one(AccountId id, Work& work, const AccountRows& seen) const {
  const auto others = work.asked ? seen.others : 0;
  work.row = seen.row;
  const auto balance_before = seen.balance;
  const auto amount_before = seen.amount;
  auto balance = balance_before;
  auto amount = amount_before;
  // Flush: off the slice where there is one. What was given up in the meantime comes off the balance.
  (seen.slice ? amount : balance) -= work.charge;
  if (work.wanted > 0 && work.row && balance > 0) {
    auto taken = amount_to_take(balance, work.free, work.wanted, share_of(balance), work.amounts);
    // A request beyond all there is may be cut to it: it gets all there is.
    const auto all = balance + amount + others;
    if (!work.amounts.empty() && work.amounts.front() > all && all > settings_.trust.units) taken = balance;
    balance -= taken;
    amount += taken;
  }
  auto returned = work.return_all ? amount : work.returning;
  amount -= returned;
  balance += returned;
  if (!work.row) amount = 0;  // the account was deleted, and its money with it
  work.moved = work.row ? balance - balance_before : 0;
  work.balance_after = balance;
  work.amount_after = amount;
  work.held_by_all = others + amount;

  // Of an account whose row is gone only the slice is left to clear.
  AccountChange change{.id = id, .slice_before = seen.slice, .amount_before = amount_before, .amount = amount};
  if (!work.row) return change;
  change.balance = balance - balance_before;
  change.used = id.kind == AccountKind::kWallet ? work.used : work.charge;
  change.requests = work.requests;
  return change;
}

std::int64_t Ledger::share_of(std::int64_t balance) const {
  const auto nodes = ready_nodes_.load();
  return nodes > 1 ? balance / (2 * nodes) : balance;
}

void Ledger::confirm(Attempt& attempt) {
  for (auto& [id, work] : attempt.work) {
    auto account = work.account ? work.account : slices_.find(id);
    if (on_moved_ && work.moved != 0) on_moved_(id, core::Quota{work.moved});
    // Until recovery is over the slices are the dead process's: they go back whole and nobody spends them.
    const auto ours = recovered_ ? work.amount_after : 0;
    if (!account && ours != 0) account = slices_.account(id);
    if (!account) continue;
    // The slice as it was read under lock replaces what was believed of it, so no mistake survives a transaction.
    auto change = ours - account->amount + work.leaving + work.returning;
    account->unflushed -= work.leaving;
    account->amount = ours;
    account->free += change;
    if (work.wanted > 0) account->low = work.balance_after > 0 ? level(*account) / 3 : INT64_MIN;
    account->exposure = std::max<std::int64_t>(0, std::min(settings_.exposure, work.balance_after / 10 / ready_nodes_));
    if (account->amount != 0 || account->free != 0) list(account);
  }
  move_to(attempt.position, attempt.tx);
  if (attempt.flushed) last_flush_ms_ = clock_.unix_millis();
}

void Ledger::move_to(std::int64_t position, std::int64_t tx) {
  position_ = position;
  tx_ = tx;
  journal_.applied(Consumer::kMain, position);
}

void Ledger::undo(Attempt& attempt) {
  for (auto& [id, work] : attempt.work)
    if (work.account) work.account->free += std::exchange(work.returning, 0);
}

// The database is older than what it acknowledged: flushed charges are unflushed again, and slices are what it says.
sql::Result<void> Ledger::rewind(sql::Connection& db, const Mark& mark) {
  core::log::error("ledger: J-REWIND: the database went back from {} to {}; kept records are applied again",
                   position_.load(), mark.seq);
  auto held = db.query("SELECT kind, account_id, amount FROM tg_slices WHERE node_id = ?", {std::string_view(node_)});
  if (!held) return held.error();
  std::map<AccountId, std::int64_t> charges;
  const auto until = position_.load();
  for (auto at = mark.seq; at < until && reader_;) {
    auto rows = reader_->read(at, kBatch);
    if (!rows) return sql::Error{sql::ErrorClass::kConnection, 0, rows.error().message};
    if (rows->empty()) break;
    for (const auto& row : *rows) {
      at = row.seq;
      if (row.seq > until) break;
      auto record = decode(row.payload);
      if (!record || !is_charge(record->kind)) continue;
      charges[{AccountKind::kWallet, record->settle.user.value}] += record->settle.charge.units;
      if (record->settle.token_limited)
        charges[{AccountKind::kToken, record->settle.token.value}] += record->settle.charge.units;
    }
  }
  for (auto [id, charge] : charges) {
    auto account = slices_.account(id);
    account->unflushed += charge;
    account->free -= charge;
    list(account);
  }
  std::map<AccountId, std::int64_t> amounts;
  for (const auto& row : *held) {
    auto kind = row.text(0) == to_string(AccountKind::kToken) ? AccountKind::kToken : AccountKind::kWallet;
    AccountId id{kind, row.integer(1)};
    amounts[id] = row.integer(2);
    list(slices_.account(id));
  }
  for (const auto& account : accounts_) {
    auto found = amounts.find(account->id);
    auto amount = found == amounts.end() || !recovered_ ? 0 : found->second;
    account->free += amount - account->amount.exchange(amount);
  }
  rewound_until_ = std::max(rewound_until_, until);
  move_to(mark.seq, mark.tx);
  return {};
}

}  // namespace tollgate::billing
