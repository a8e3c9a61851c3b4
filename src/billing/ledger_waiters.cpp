// Requests that wait for the ledger: what is taken for them, whom it asks when that is not enough, and what it lets
// pass while the database is away.
#include <algorithm>
#include <utility>

#include "billing/ledger.h"
#include "billing/steady_millis.h"
#include "core/log.h"

namespace tollgate::billing {
namespace {

constexpr std::size_t kTakes = 200;   // accounts of a transaction that requests wait for
constexpr std::size_t kAsked = 200;   // and that other nodes ask for
constexpr int kRounds = 8;            // transactions a request waits for at most
constexpr std::int64_t kAskMs = 300;  // the longest wait for the others' answers
constexpr std::int64_t kScarceMs = 1000;
constexpr std::int64_t kStalledMs = 3000;

}  // namespace

std::int64_t amount_to_take(std::int64_t balance, std::int64_t free, std::int64_t wanted, std::int64_t share,
                            const std::vector<std::int64_t>& amounts) {
  if (balance <= 0) return 0;
  const auto there = free + balance;
  std::int64_t fits = 0;
  bool all = true;
  for (auto amount : amounts) {
    if (amount <= there - fits)
      fits += amount;
    else
      all = false;
  }
  const auto needed = std::max<std::int64_t>(fits - free, 0);
  return std::min(all ? std::max(std::min(wanted, share), needed) : needed, balance);
}

void Ledger::acquire(AccountPtr wallet, AccountPtr token, core::Quota amount, std::function<void(AcquireResult)> done) {
  Waiter waiter{std::move(wallet), std::move(token), amount.units, std::move(done)};
  const bool away = !reachable_ || stalled();
  if (away && expose(waiter)) return;
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) {
      incoming_.push_back(std::move(waiter));
      urgent_ = true;
      wake_.notify_one();
      return;
    }
  }
  waiter.done({});
}

void Ledger::on_asked(std::string node, std::uint64_t call, std::vector<AccountId> accounts) {
  std::lock_guard lock(mutex_);
  incoming_asked_.push_back({std::move(node), call, std::move(accounts), steady_millis(clock_) + kAskMs});
  urgent_ = true;
  wake_.notify_one();
}

void Ledger::on_answered(const std::string& node, std::uint64_t call) {
  std::lock_guard lock(mutex_);
  incoming_answers_.emplace_back(node, call);
  urgent_ = true;
  wake_.notify_one();
}

void Ledger::take_in() {
  {
    std::lock_guard lock(mutex_);
    for (auto& waiter : incoming_) waiters_.push_back(std::move(waiter));
    incoming_.clear();
    low_.insert(low_.end(), incoming_low_.begin(), incoming_low_.end());
    incoming_low_.clear();
    for (auto& asked : incoming_asked_) asked_.push_back(std::move(asked));
    incoming_asked_.clear();
    for (auto& [node, id] : incoming_answers_)
      for (auto& call : open_calls_)
        if (call.id == id && std::ranges::find(call.answered, node) == call.answered.end())
          call.answered.push_back(node);
    incoming_answers_.clear();
  }
  finish_calls();
}

void Ledger::gather_waiting(WorkMap& work) {
  std::deque<Waiter> still;
  for (auto& waiter : waiters_) {
    if (work.size() < kTakes) {
      if (auto held = slices_.try_reserve(waiter.wallet, waiter.token, core::Quota{waiter.amount})) {
        waiter.done({.outcome = AcquireOutcome::kReserved, .reservation = std::move(*held), .balance = {}});
        continue;
      }
      for (const auto& account : {waiter.wallet, waiter.token}) {
        if (!account) continue;
        auto& entry = work[account->id];
        entry.account = account;
        entry.asked = true;
        entry.amounts.push_back(waiter.amount);
      }
    }
    still.push_back(std::move(waiter));
  }
  waiters_.swap(still);
  for (auto& [id, entry] : work) {
    entry.free = entry.account->free;
    std::int64_t sum = 0;
    for (auto amount : entry.amounts) sum += amount;
    entry.wanted = std::max({sum - entry.free, take_beyond_requests(*entry.account) - entry.free, std::int64_t{1}});
  }
}

std::int64_t Ledger::take_beyond_requests(const Account& account) const {
  return steady_millis(clock_) < account.ledger.scarce_until_ms ? 0 : level(account);
}

void Ledger::answer_waiters(const WorkMap& work) {
  std::deque<Waiter> still, lacking;
  for (auto& waiter : waiters_) {
    auto wallet = work.find(waiter.wallet->id);
    auto token = waiter.token ? work.find(waiter.token->id) : work.end();
    if (wallet == work.end() || !wallet->second.asked ||
        (waiter.token && (token == work.end() || !token->second.asked))) {
      still.push_back(std::move(waiter));
      continue;
    }
    core::Quota amount{waiter.amount};
    auto reserved = [&](std::optional<Reservation> held) {
      if (held) waiter.done({.outcome = AcquireOutcome::kReserved, .reservation = std::move(*held), .balance = {}});
      return held.has_value();
    };
    if (reserved(slices_.try_reserve(waiter.wallet, waiter.token, amount))) continue;
    auto seen = [](const Work& entry) {
      return core::Quota{entry.balance_after + entry.held_by_all - entry.account->unflushed};
    };
    auto in_wallet = seen(wallet->second);
    auto in_token = waiter.token ? seen(token->second) : core::Quota{INT64_MAX};
    if (waiter.amount <= 0 && in_wallet.units > 0 && in_token.units >= 0 &&
        reserved(slices_.try_reserve_seen(waiter.wallet, waiter.token, amount)))
      continue;
    // What this node and the row have together, and what the others have.
    auto lacks = [&](const Work& entry) { return entry.balance_after + entry.account->free < waiter.amount; };
    auto elsewhere = [](const Work& entry) { return entry.held_by_all > entry.amount_after; };
    const bool wallet_lacks = lacks(wallet->second);
    const bool token_lacks = waiter.token && lacks(token->second);
    if (waiter.amount > 0 && !wallet_lacks && !token_lacks && ++waiter.rounds < kRounds) {
      still.push_back(std::move(waiter));  // others were faster, but the balance has more
      continue;
    }
    if (!waiter.asked && calls_.ask && ready_nodes_ > 1 && waiter.amount > 0 &&
        ((wallet_lacks && elsewhere(wallet->second)) || (token_lacks && elsewhere(token->second)))) {
      lacking.push_back(std::move(waiter));
      continue;
    }
    if (amount > in_wallet && in_wallet > settings_.trust && in_token > settings_.trust) {
      auto all = waiter.wallet->free.load();
      if (waiter.token) all = std::min(all, waiter.token->free.load());
      if (all > 0 && reserved(slices_.try_reserve(waiter.wallet, waiter.token, core::Quota{all}))) continue;
    }
    const bool of_token = waiter.token && waiter.amount > 0 && waiter.token->free < waiter.amount;
    waiter.done({.outcome = AcquireOutcome::kRefused,
                 .reservation = {},
                 .account = of_token ? AccountKind::kToken : AccountKind::kWallet,
                 .balance = of_token ? in_token : in_wallet});
  }
  waiters_.swap(still);
  if (!lacking.empty()) ask_others(std::move(lacking), work);
}

// One question at a time for an account: who comes later waits for the same answers.
void Ledger::ask_others(std::deque<Waiter> waiters, const WorkMap& work) {
  const auto now = steady_millis(clock_);
  Call fresh;
  for (auto& waiter : waiters) {
    Call* joined = nullptr;
    std::vector<AccountId> accounts;
    for (const auto& account : {waiter.wallet, waiter.token}) {
      if (!account) continue;
      const auto& entry = work.at(account->id);
      if (entry.balance_after + account->free >= waiter.amount) continue;
      account->ledger.scarce_until_ms = now + kScarceMs;
      accounts.push_back(account->id);
      for (auto& call : open_calls_)
        if (std::ranges::find(call.accounts, account->id) != call.accounts.end()) joined = &call;
    }
    waiter.asked = true;
    waiter.rounds = 0;
    if (!joined) {
      joined = &fresh;
      for (auto account : accounts)
        if (std::ranges::find(fresh.accounts, account) == fresh.accounts.end()) fresh.accounts.push_back(account);
    }
    joined->waiters.push_back(std::move(waiter));
  }
  if (fresh.waiters.empty()) return;
  fresh.id = ++last_call_;
  fresh.expected = static_cast<std::size_t>(ready_nodes_ - 1);
  fresh.until_ms = now + kAskMs;
  // What this node has of it goes back too: parts on several nodes serve nobody.
  asked_.push_back({.node = {}, .call = fresh.id, .accounts = fresh.accounts, .until_ms = fresh.until_ms});
  if (!calls_.ask(fresh.id, fresh.accounts)) fresh.expected = 0;
  open_calls_.push_back(std::move(fresh));
}

// Questions that are answered, or old enough: who waited for them is tried once more.
void Ledger::finish_calls() {
  const auto now = steady_millis(clock_);
  std::erase_if(open_calls_, [&](Call& call) {
    const bool back = std::ranges::none_of(asked_, [&](const Asked& asked) {
      return asked.node.empty() && asked.call == call.id && now < asked.until_ms;
    });
    if (now < call.until_ms && (call.answered.size() < call.expected || !back)) return false;
    for (auto& waiter : call.waiters) waiters_.push_back(std::move(waiter));
    return true;
  });
}

// What is asked for goes back at once, but for what requests of our own wait for.
void Ledger::gather_asked(WorkMap& work) {
  const auto now = steady_millis(clock_);
  std::vector<Asked> later;
  std::size_t returns = 0;
  for (auto& asked : std::exchange(asked_, {})) {
    if (now >= asked.until_ms + kScarceMs) continue;
    if (!recovered_ || returns >= kAsked) {
      later.push_back(std::move(asked));
      continue;
    }
    bool in_use = false;
    for (auto id : asked.accounts) {
      auto account = slices_.find(id);
      if (!account) continue;
      account->ledger.scarce_until_ms = now + kScarceMs;
      if (auto found = work.find(id); found != work.end() && found->second.wanted > 0) {
        in_use = true;
        continue;
      }
      auto free = account->free.load();
      while (free > 0 && !account->free.compare_exchange_weak(free, 0)) {
      }
      if (free <= 0) continue;
      auto& entry = work[id];
      entry.account = account;
      entry.returning += free;
      ++returns;
    }
    if (in_use && !std::exchange(asked.put_off, true))
      later.push_back(std::move(asked));
    else
      answering_.push_back(std::move(asked));
  }
  asked_ = std::move(later);
}

// After the transaction: what was asked for is in the database, or has to be tried again.
void Ledger::answer_asked(bool done) {
  for (auto& asked : std::exchange(answering_, {})) {
    if (!done)
      asked_.push_back(std::move(asked));
    else if (!asked.node.empty() && calls_.answer)
      calls_.answer(asked.node, asked.call);
  }
}

void Ledger::fail_waiters() {
  for (auto& call : std::exchange(open_calls_, {}))
    for (auto& waiter : call.waiters) waiters_.push_back(std::move(waiter));
  for (auto& waiter : std::exchange(waiters_, {}))
    if (reachable_ || !expose(waiter)) waiter.done({});
}

bool Ledger::stalled() const {
  const auto since = busy_since_ms_.load();
  return since != 0 && steady_millis(clock_) - since > kStalledMs;
}

bool Ledger::cut_off() const {
  return !reachable_ && steady_millis(clock_) - last_contact_ms_ > settings_.lost_hold.count() / 2;
}

// Beyond the slice, as far as is known to be there: any thread.
bool Ledger::expose(Waiter& waiter) {
  if (!recovered_ || cut_off()) return false;
  auto held = slices_.try_reserve_exposed(waiter.wallet, waiter.token, core::Quota{waiter.amount});
  if (!held) return false;
  for (const auto& account : {waiter.wallet, waiter.token})
    if (account && account->free < 0) note_exposed(account);
  waiter.done({.outcome = AcquireOutcome::kReserved, .reservation = std::move(*held), .balance = {}});
  return true;
}

void Ledger::note_exposed(const AccountPtr& account) {
  std::lock_guard lock(mutex_);
  if (!exposed_.insert(account).second) return;
  exposed_count_ = static_cast<std::int64_t>(exposed_.size());
  core::log::warn("ledger: the database is away: {} {} spends beyond its slice, {} at most",
                  to_string(account->id.kind), account->id.id, account->exposure.load());
}

void Ledger::forget_exposed() {
  reachable_ = true;
  last_contact_ms_ = steady_millis(clock_);
  if (exposed_count_ == 0) return;
  std::lock_guard lock(mutex_);
  core::log::warn("ledger: the database is back; {} accounts had spent beyond their slices", exposed_.size());
  exposed_.clear();
  exposed_count_ = 0;
}

}  // namespace tollgate::billing
