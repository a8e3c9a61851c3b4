#include "billing/ledger.h"

#include <algorithm>
#include <utility>

#include "billing/steady_millis.h"
#include "core/log.h"

namespace tollgate::billing {
namespace {

constexpr std::size_t kBatch = 2000;         // records in one transaction
constexpr std::size_t kTakes = 200;          // accounts of a transaction that are taken from
constexpr std::size_t kReturns = 100;        // of them for idle slices
constexpr std::size_t kFlushEarly = 10'000;  // records that do not wait for the rhythm
constexpr std::int64_t kTickMs = 1000;
constexpr std::int64_t kForgetMs = 60'000;
constexpr std::chrono::milliseconds kTryAgain{500};
constexpr std::int64_t kCallTickMs = 50;  // while other nodes are asked
constexpr std::int64_t kCutOffMs = 1000;  // later than that an answer was not cut off, it did not come
constexpr int kAttempts = 4;
constexpr std::int64_t kProbeMs = 10'000;  // an idle node looks so often whether the database is there

}  // namespace

Ledger::Ledger(std::string node, LedgerSettings settings, Journal& journal, Slices& slices, sql::Pool& pool,
               const core::Clock& clock)
    : node_(std::move(node)),
      settings_(settings),
      journal_(journal),
      slices_(slices),
      pool_(pool),
      clock_(clock),
      batch_limit_(kBatch),
      last_contact_ms_(steady_millis(clock)) {
  slices_.on_low([this](const AccountPtr& account) {
    std::lock_guard lock(mutex_);
    incoming_low_.push_back(account);
    urgent_ = true;
    wake_.notify_one();
  });
  // Now, before this process has in-flight rows of its own.
  if (auto left = journal_.inflight())
    left_behind_ = std::move(*left);
  else
    core::log::error("{}", left.error().message);
}

Ledger::~Ledger() { stop(std::chrono::steady_clock::now()); }

void Ledger::list(const AccountPtr& account) {
  if (std::exchange(account->ledger.listed, true)) return;
  account->ledger.idle_since_ms = account->ledger.rate_at_ms = steady_millis(clock_);
  account->ledger.uses_seen = account->uses;
  account->ledger.spent_seen = account->spent;
  accounts_.push_back(account);
}

std::int64_t Ledger::level(const Account& account) const {
  return std::max(account.ledger.rate_per_10s, settings_.minimum_take);
}

Ledger::Step Ledger::step() {
  take_in();
  if (!recovered_) return recover_step();
  return work_step(false);
}

Ledger::Step Ledger::closing_step() {
  take_in();
  fail_waiters();
  if (!recovered_) return recover_step();
  return work_step(true);
}

core::Result<std::vector<JournalRow>> Ledger::read_rows() {
  if (!reader_) {
    auto opened = journal_.reader();
    if (!opened) return opened.error();
    reader_.emplace(std::move(*opened));
  }
  return reader_->read(position_, batch_limit_);
}

Ledger::Step Ledger::recover_step() {
  auto rows = read_rows();
  if (!rows) {
    core::log::error("{}", rows.error().message);
    fail_waiters();
    return Step::kAway;
  }
  WorkMap work;
  const bool old_rows = !rows->empty() && rows->front().seq < journal_.first_seq_of_start();
  if (mark_known_ && !old_rows) {
    if (!(settings_.replay ? replay_left_behind() : adopt_left_behind())) {
      fail_waiters();
      return Step::kAway;
    }
    auto lease = pool_.lease();
    auto held = lease ? (*lease)->query(
                            "SELECT kind, account_id FROM tg_slices WHERE node_id = ?"
                            " ORDER BY kind, account_id LIMIT 400",
                            {std::string_view(node_)})
                      : sql::Result<std::vector<sql::Row>>(lease.error());
    if (!held) {
      reachable_ = false;
      core::log::warn("ledger: {}", held.error().message);
      fail_waiters();
      return Step::kAway;
    }
    slices_left_ = settings_.replay && !settings_.return_slices && !held->empty();
    if (held->empty() || slices_left_) {
      recovered_ = true;
      return Step::kMoved;
    }
    for (const auto& row : *held) {
      auto kind = row.text(0) == to_string(AccountKind::kToken) ? AccountKind::kToken : AccountKind::kWallet;
      work[{kind, row.integer(1)}].return_all = true;
    }
    rows->clear();
  }
  switch (transact(work, *rows, false)) {
    case Outcome::kDone:
    case Outcome::kAgain: return Step::kMoved;
    case Outcome::kPoison: return find_poison(*rows) ? Step::kMoved : Step::kAway;
    case Outcome::kAway: break;
  }
  fail_waiters();
  return Step::kAway;
}

Ledger::Step Ledger::work_step(bool closing) {
  WorkMap work;
  gather_waiting(work);
  gather_low(work);
  gather_asked(work);
  gather_returns(work, closing);
  if (closing) journal_.commit_queued();
  auto now = steady_millis(clock_);
  bool due = closing || !work.empty() || settings_.rhythm.count() == 0 || now >= next_flush_ms_ ||
             batch_limit_ < kBatch || unsure_ || !journal_.writable();
  std::vector<JournalRow> rows;
  // The rhythm waits only while little waits.
  if (auto read = read_rows())
    rows = std::move(*read);
  else
    core::log::error("{}", read.error().message);
  if (!due && rows.size() == kBatch && reader_) {
    auto far = reader_->read(position_, kFlushEarly);
    due = far && far->size() == kFlushEarly;
  }
  if (!due) rows.clear();
  if (only_charges_ && !rows.empty()) {
    // A record is under suspicion: nothing else may fail in its transaction.
    for (auto& [id, entry] : work)
      if (entry.account) entry.account->free += std::exchange(entry.returning, 0);
    work.clear();
    answer_asked(false);
  }
  if (work.empty() && rows.empty() && !unsure_) {
    answer_asked(true);
    // One that holds nothing only has to know it long before half of the hold.
    const auto pause = has_nothing() ? std::max(kProbeMs, std::int64_t{settings_.lost_hold.count() / 8}) : kProbeMs;
    return now - last_contact_ms_ < pause ? Step::kIdle : probe();
  }
  const auto outcome = transact(work, rows, false);
  answer_asked(outcome == Outcome::kDone);
  switch (outcome) {
    case Outcome::kDone:
      // The next one is due a rhythm after this one, unless more is waiting than one batch holds.
      if (rows.size() < kBatch) next_flush_ms_ = now + settings_.rhythm.count();
      only_charges_ = false;
      cut_off_in_a_row_ = 0;
      batch_limit_ = std::min(kBatch, batch_limit_ * 2);
      answer_waiters(work);
      return Step::kMoved;
    case Outcome::kAgain: return Step::kMoved;
    case Outcome::kPoison:
      if (find_poison(rows)) return Step::kMoved;
      break;
    case Outcome::kAway:
      // A COMMIT whose answer was cut off is no database that is away: who waits does so for another attempt.
      if (unsure_ && !waiters_.empty() && steady_millis(clock_) - now < kCutOffMs && ++cut_off_in_a_row_ < kAttempts)
        return Step::kMoved;
      break;
  }
  cut_off_in_a_row_ = 0;
  fail_waiters();
  return Step::kAway;
}

bool Ledger::has_nothing() const {
  if (!reachable_ || exposed() > 0) return false;
  return slices_.held(AccountKind::kWallet).slices == 0 && slices_.held(AccountKind::kToken).slices == 0;
}

Ledger::Step Ledger::probe() {
  auto lease = pool_.lease();
  auto answer = lease ? (*lease)->query("SELECT 1") : sql::Result<std::vector<sql::Row>>(lease.error());
  if (answer) {
    forget_exposed();
    return Step::kIdle;
  }
  reachable_ = false;
  core::log::warn("ledger: {}", answer.error().message);
  return Step::kAway;
}

bool Ledger::find_poison(std::vector<JournalRow>& rows) {
  if (rows.empty()) return false;
  if (!only_charges_ || rows.size() > 1) {
    only_charges_ = true;
    batch_limit_ = std::max<std::size_t>(rows.size() / 2, 1);
    return true;
  }
  WorkMap none;
  return transact(none, rows, true) == Outcome::kDone;
}

void Ledger::gather_low(WorkMap& work) {
  for (const auto& account : std::exchange(low_, {})) {
    account->told = false;
    auto missing = take_beyond_requests(*account) - account->free;
    if (missing <= 0 || work.size() >= 2 * kTakes) continue;
    auto& entry = work[account->id];
    entry.account = account;
    entry.free = account->free;
    entry.wanted = std::max(entry.wanted, missing);
  }
}

void Ledger::gather_returns(WorkMap& work, bool all) {
  auto now = steady_millis(clock_);
  if (!all && now < next_tick_ms_) return;
  next_tick_ms_ = now + kTickMs;
  std::size_t returns = 0;
  std::erase_if(accounts_, [&](const AccountPtr& account) {
    auto& state = account->ledger;
    if (auto elapsed = now - state.rate_at_ms; elapsed > 0) {
      auto spent = account->spent.load();
      auto rate = (spent - state.spent_seen) * 10'000 / std::max(elapsed, kTickMs);
      state.rate_per_10s = std::max(rate, state.rate_per_10s * 4 / 5);
      state.spent_seen = spent;
      state.rate_at_ms = now;
    }
    if (auto uses = account->uses.load(); uses != state.uses_seen) {
      state.uses_seen = uses;
      state.idle_since_ms = now;
    }
    if (!all && now - state.idle_since_ms < settings_.idle.count()) return false;
    if (work.contains(account->id) || returns >= kReturns) return false;
    if (account->free == 0 && account->unflushed == 0 && account->amount == 0 && !unsure_) {
      state.listed = false;
      return true;
    }
    account->low = INT64_MIN;
    // A debt is settled with charges that are in SQL, so what is not flushed yet stays out of it.
    auto free = account->free.load();
    while (free > 0 && !account->free.compare_exchange_weak(free, 0)) {
    }
    if (free < 0 && account->unflushed == 0 && account->amount < 0 && free == account->amount) {
      account->free -= free;
    } else if (free <= 0) {
      return false;
    }
    auto& entry = work[account->id];
    entry.account = account;
    entry.returning = free;
    ++returns;
    return false;
  });
  if (now >= next_forget_ms_) {
    next_forget_ms_ = now + kForgetMs;
    slices_.forget_empty();
  }
}

void Ledger::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "ledger");
    run();
  });
}

void Ledger::wake() {
  std::lock_guard lock(mutex_);
  if (std::exchange(work_, true)) return;  // told already
  wake_.notify_one();
}

void Ledger::stop(std::chrono::steady_clock::time_point deadline) {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    deadline_ = deadline;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  take_in();
  fail_waiters();
}

void Ledger::run() {
  auto pause = std::chrono::milliseconds(100);
  for (;;) {
    bool closing = false;
    {
      std::lock_guard lock(mutex_);
      closing = stopping_;
      urgent_ = false;
    }
    const auto began = std::chrono::steady_clock::now();
    const auto before = mark();
    auto result = closing ? closing_step() : step();
    if (result != Step::kIdle)
      meter_.note(result == Step::kMoved, std::chrono::steady_clock::now() - began, mark() - before);
    std::unique_lock lock(mutex_);
    if (closing && (result == Step::kIdle || std::chrono::steady_clock::now() >= deadline_)) return;
    if (result == Step::kMoved) {
      pause = std::chrono::milliseconds(100);
    } else if (result == Step::kAway) {
      if (closing) pause = std::chrono::milliseconds(100);
      auto ending = [&] { return stopping_ && !closing; };
      // Requests that come meanwhile are told at the next try, which they bring nearer.
      if (wake_.wait_for(lock, pause, [&] { return ending() || !incoming_.empty(); }))
        wake_.wait_for(lock, std::min(pause, kTryAgain), ending);
      pause = std::min(pause * 2, std::chrono::milliseconds(5000));
    } else {
      auto pressing = [this] { return urgent_ || stopping_ || (work_ && !journal_.writable()); };
      const auto tick = std::chrono::milliseconds(open_calls_.empty() ? kTickMs : kCallTickMs);
      wake_.wait_for(lock, tick, [&] { return work_ || pressing(); });
      // Charges wait for their rhythm, requests do not.
      auto early = std::chrono::milliseconds(next_flush_ms_ - steady_millis(clock_));
      if (work_ && early.count() > 0)
        wake_.wait_for(lock, std::min(early, std::chrono::milliseconds(kTickMs)), pressing);
      if (steady_millis(clock_) >= next_flush_ms_) work_ = false;
    }
  }
}

}  // namespace tollgate::billing
