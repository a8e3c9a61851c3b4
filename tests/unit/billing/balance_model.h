// The protocol of docs/balances.md at its barest: nodes over a database of three maps, no threads, no files. What it
// shows is that the rules are right; the ledger is then held to the same play.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "unit/billing/balance_play.h"

namespace tollgate::billing::test {

// Mistakes that the play must find.
enum class Planted {
  kNothing,
  kOwnMark,             // flushes from where this node believes it is, not from the mark in the database
  kUnflushedForgotten,  // what is settled and not yet flushed counts as free
  kOldSliceSpent,       // a restarted process spends the slice of the one before, whose charges it does not count
  kBalanceSeenBefore,   // takes by the balance of its last transaction instead of the locked row
  kReturnStillSpent,    // what is on its way back to the balance counts as free
  kBalanceCharged,      // charges come off the balance though a slice is there
  kKeyUnchecked,        // admits by the wallet alone
  kIdleKept,            // does not give idle slices back
  kReservedReturned,    // gives back what open requests have reserved
  kNobodyAsked,         // refuses without asking the other nodes
};

class ModelWorld final : public World {
 public:
  ModelWorld(int nodes, Planted planted = Planted::kNothing) : planted_(planted) {
    nodes_.resize(static_cast<std::size_t>(nodes));
    for (auto [account, amount] : Play::opening()) shared_.rows[account] = {amount, 0};
    shared_.marks.resize(nodes_.size());
  }

  void advance(std::chrono::milliseconds time) override { now_ms_ += time.count(); }
  bool runs(int node) const override { return at(node).process != nullptr; }
  void start(int node) override {
    at(node).process = std::make_unique<Process>();
    at(node).process->first = at(node).journal.size();
    at(node).process->recovered = planted_ == Planted::kOldSliceSpent;
  }
  void stop(int node) override {
    auto& process = *at(node).process;
    fail_waiters(process, AcquireOutcome::kUnavailable);
    for (int i = 0; i < 1000 && process.fault != Fault::kAway && !transaction(node, true); ++i) {
    }
  }
  void kill(int node) override { at(node).process.reset(); }
  void fault(int node, Fault fault) override { at(node).process->fault = fault; }
  void step(int node) override { transaction(node, false); }
  void step_until_idle(int node) override {
    for (int i = 0; i < 1000; ++i)
      if (transaction(node, false) && at(node).process->waiters.empty()) return;
  }

  void reserve(int node, AccountId wallet, std::optional<AccountId> token, std::int64_t amount,
               Answer answer) override {
    auto& process = *at(node).process;
    process.slices[wallet].used_at_ms = now_ms_;
    if (token) process.slices[*token].used_at_ms = now_ms_;
    if (!process.recovered || !admit(process, {wallet, token, amount}, answer))
      process.waiters.push_back({{wallet, token, amount}, std::move(answer)});
  }
  std::int64_t settle(int node, std::uint64_t hold, std::int64_t charge) override {
    auto& process = *at(node).process;
    auto request = take_hold(process, hold);
    for (auto account : request.accounts()) process.slices[account].unflushed += charge;
    request.amount = charge;
    at(node).journal.push_back(request);
    return static_cast<std::int64_t>(at(node).journal.size());
  }
  void release(int node, std::uint64_t hold) override { take_hold(*at(node).process, hold); }
  std::optional<std::int64_t> free(int node, AccountId account) override {
    if (!at(node).process) return std::nullopt;
    return free(at(node).process->slices[account]);
  }

  std::int64_t balance(AccountId account) override { return shared_.rows[account].balance; }
  std::int64_t used(AccountId account) override { return shared_.rows[account].used; }
  std::int64_t slice(AccountId account, int node) override {
    auto found = shared_.slices.find({account, node});
    return found == shared_.slices.end() ? 0 : found->second;
  }
  std::int64_t mark(int node) override { return static_cast<std::int64_t>(mark_of(node)); }
  void add(AccountId account, std::int64_t delta) override { shared_.rows[account].balance += delta; }
  void set(AccountId account, std::int64_t wanted) override {
    for (const auto& [key, amount] : shared_.slices)
      if (key.first == account) wanted -= amount;
    shared_.rows[account].balance = wanted;
  }
  void give_up(int node) override {
    std::erase_if(shared_.slices, [&](const auto& entry) {
      if (entry.first.second != node) return false;
      shared_.rows[entry.first.first].balance += entry.second;
      return true;
    });
  }
  void replay(int node) override {
    for (auto i = mark_of(node); i < at(node).journal.size(); ++i) apply(node, at(node).journal[i]);
    mark_of(node) = std::max(mark_of(node), at(node).journal.size());
    if (!at(node).process) give_up(node);
    std::erase_if(shared_.slices, [](const auto& entry) { return entry.second == 0; });
  }
  void remember() override { old_ = shared_; }
  void rewind() override { shared_ = old_; }

 private:
  struct Row {
    std::int64_t balance = 0, used = 0;
  };
  struct Shared {
    std::map<AccountId, Row> rows;
    std::map<std::pair<AccountId, int>, std::int64_t> slices;
    std::vector<std::size_t> marks;  // charges of each node's journal that are in the rows
  };
  struct Request {
    AccountId wallet;
    std::optional<AccountId> token;
    std::int64_t amount = 0;
    std::vector<AccountId> accounts() const { return token ? std::vector{wallet, *token} : std::vector{wallet}; }
  };
  struct Slice {
    std::int64_t amount = 0, reserved = 0, unflushed = 0, returning = 0;
    std::int64_t used_at_ms = 0;
    std::int64_t balance_seen = 0;
  };
  struct Waiter {
    Request request;
    Answer answer;
    std::int64_t asked_until_ms = 0;  // other nodes are asked
  };
  struct Process {
    std::map<AccountId, Slice> slices;
    std::map<std::uint64_t, Request> holds;
    std::deque<Waiter> waiters;
    std::set<AccountId> asked;                    // to be given back, by this node's wish or another's
    std::map<AccountId, std::int64_t> scarce_ms;  // asked for lately: only what requests wait for is taken
    std::size_t first = 0;                        // records of the journal that are older than this process
    std::size_t believed = 0;                     // where it thinks the mark is
    bool recovered = false;
    Fault fault = Fault::kNone;
  };
  struct Node {
    std::vector<Request> journal;  // outlives the process; amount is the charge
    std::unique_ptr<Process> process;
  };

  Node& at(int node) { return nodes_[static_cast<std::size_t>(node)]; }
  const Node& at(int node) const { return nodes_[static_cast<std::size_t>(node)]; }
  std::size_t& mark_of(int node) { return shared_.marks[static_cast<std::size_t>(node)]; }

  std::int64_t free(const Slice& slice) const {
    return slice.amount - slice.reserved - (planted_ == Planted::kUnflushedForgotten ? 0 : slice.unflushed) -
           (planted_ == Planted::kReturnStillSpent ? 0 : slice.returning);
  }

  bool admit(Process& process, const Request& request, const Answer& answer) {
    for (auto account : request.accounts()) {
      const auto& slice = process.slices[account];
      if (planted_ == Planted::kKeyUnchecked && account == request.token) continue;
      if (free(slice) < std::max<std::int64_t>(request.amount, account == request.wallet ? 1 : 0)) return false;
    }
    for (auto account : request.accounts()) process.slices[account].reserved += request.amount;
    process.holds[++last_hold_] = request;
    answer({AcquireOutcome::kReserved, last_hold_, request.amount});
    return true;
  }
  Request take_hold(Process& process, std::uint64_t hold) {
    auto request = process.holds.extract(hold).mapped();
    for (auto account : request.accounts()) process.slices[account].reserved -= request.amount;
    return request;
  }

  // What the database says of this node's slices, and what its journal holds beyond the mark.
  void read_back(int node) {
    auto& process = *at(node).process;
    for (auto& [account, slice] : process.slices) {
      slice.amount = process.recovered ? this->slice(account, node) : 0;
      slice.unflushed = 0;
      slice.returning = 0;
    }
    auto from = mark_of(node);
    if (planted_ == Planted::kOldSliceSpent) from = std::max(from, process.first);
    // Before recovery the slice counts as nothing, and so do the charges on it.
    for (auto i = from; process.recovered && i < at(node).journal.size(); ++i)
      for (auto account : at(node).journal[i].accounts())
        process.slices[account].unflushed += at(node).journal[i].amount;
    process.believed = mark_of(node);
  }

  // One transaction: flush, take, return. True when there was nothing to do.
  bool transaction(int node, bool closing) {
    auto& process = *at(node).process;
    if (process.fault == Fault::kAway) {
      fail_waiters(process, AcquireOutcome::kUnavailable);
      return true;
    }
    const auto before = shared_;
    const bool recovered_before = process.recovered;
    const auto own_mark = process.believed;
    read_back(node);
    const auto from = planted_ == Planted::kOwnMark && own_mark > 0 ? own_mark : mark_of(node);
    const auto to = std::min(at(node).journal.size(), from + 8);
    for (auto i = from; i < to; ++i) apply(node, at(node).journal[i]);
    bool moved = to > from;
    mark_of(node) = std::max(to, mark_of(node));
    if (process.recovered) {
      take(node);
      moved |= give_back(node, closing);
    } else if (to == at(node).journal.size()) {
      give_up(node);  // the slices of the process before, whole
      process.recovered = moved = true;
    }
    std::erase_if(shared_.slices, [](const auto& entry) { return entry.second == 0; });

    switch (std::exchange(process.fault, Fault::kNone)) {
      case Fault::kCommitLost: shared_ = before; [[fallthrough]];
      case Fault::kCommitHappensUnanswered:
        // Taken for a failure: the next transaction reads everything back.
        process.recovered = recovered_before;
        return false;
      default: break;
    }
    read_back(node);
    process.asked.clear();
    if (recovered_before) answer_waiters(node);
    return !moved && process.asked.empty();
  }

  void apply(int node, const Request& charge) {
    for (auto account : charge.accounts()) {
      auto row = shared_.slices.find({account, node});
      const bool from_slice = row != shared_.slices.end() && planted_ != Planted::kBalanceCharged;
      (from_slice ? row->second : shared_.rows[account].balance) -= charge.amount;
      shared_.rows[account].used += charge.amount;
    }
  }

  void take(int node) {
    auto& process = *at(node).process;
    std::map<AccountId, std::vector<std::int64_t>> waiting;
    for (const auto& waiter : process.waiters)
      if (now_ms_ >= waiter.asked_until_ms)
        for (auto account : waiter.request.accounts())
          waiting[account].push_back(std::max<std::int64_t>(waiter.request.amount, 1));
    for (const auto& [account, amounts] : waiting) {
      auto& row = shared_.rows[account];
      auto& slice = process.slices[account];
      slice.used_at_ms = now_ms_;
      const auto seen = planted_ == Planted::kBalanceSeenBefore ? slice.balance_seen : row.balance;
      slice.balance_seen = row.balance;
      const auto there = free(slice) + seen;
      std::int64_t fits = 0, sum = 0;
      for (auto amount : amounts) {
        sum += amount;
        if (amount <= there - fits) fits += amount;
      }
      if (sum <= free(slice) || seen <= 0) continue;
      const auto share = nodes_.size() > 1 ? seen / (2 * static_cast<std::int64_t>(nodes_.size())) : seen;
      const bool plenty = fits == sum && now_ms_ >= process.scarce_ms[account];
      const auto missing = std::max<std::int64_t>(fits - free(slice), 0);
      const auto taken = std::min(plenty ? std::max(std::min<std::int64_t>(700, share), missing) : missing, seen);
      row.balance -= taken;
      shared_.slices[{account, node}] += taken;
    }
  }

  // What lies idle goes out of `free` first, so that nobody can spend it while the answer to COMMIT is on its way.
  bool give_back(int node, bool all) {
    auto& process = *at(node).process;
    bool moved = false;
    for (auto& [account, slice] : process.slices) {
      const bool unused = slice.reserved == 0 || planted_ == Planted::kReservedReturned;
      const bool wished = process.asked.contains(account);
      const bool idle = all || wished || (unused && now_ms_ - slice.used_at_ms >= 10'000);
      auto row = shared_.slices.find({account, node});
      if (!idle || row == shared_.slices.end()) continue;
      if (!all && !wished && planted_ == Planted::kIdleKept) continue;
      auto amount = row->second - left_to_flush(node, account);
      if (planted_ != Planted::kReservedReturned) amount -= slice.reserved;
      if (amount == 0 || (amount < 0 && !all)) continue;
      slice.returning = amount;
      row->second -= amount;
      shared_.rows[account].balance += amount;
      moved = true;
    }
    for (auto account : process.asked) process.scarce_ms[account] = now_ms_ + 1000;
    return moved;
  }
  std::int64_t left_to_flush(int node, AccountId account) {
    std::int64_t sum = 0;
    for (auto i = mark_of(node); i < at(node).journal.size(); ++i)
      for (auto charged : at(node).journal[i].accounts())
        if (charged == account) sum += at(node).journal[i].amount;
    return sum;
  }

  void answer_waiters(int node) {
    auto& process = *at(node).process;
    for (auto waiters = std::exchange(process.waiters, {}); auto& waiter : waiters) {
      if (waiter.asked_until_ms > now_ms_) {
        const bool open = std::ranges::any_of(waiter.request.accounts(), [&](AccountId account) {
          return std::ranges::any_of(nodes_, [&](const Node& other) {
            return other.process && other.process->fault != Fault::kAway && other.process->asked.contains(account);
          });
        });
        if (!open) waiter.asked_until_ms = now_ms_;  // all have answered: the next transaction tries again
        process.waiters.push_back(std::move(waiter));
      } else if (admit(process, waiter.request, waiter.answer)) {
        continue;
      } else if (waiter.asked_until_ms == 0 && nodes_.size() > 1 && planted_ != Planted::kNobodyAsked) {
        waiter.asked_until_ms = now_ms_ + 300;
        for (auto& other : nodes_)
          if (other.process)
            for (auto account : waiter.request.accounts()) other.process->asked.insert(account);
        process.waiters.push_back(std::move(waiter));
      } else {
        waiter.answer({AcquireOutcome::kRefused, 0, 0});
      }
    }
  }
  void fail_waiters(Process& process, AcquireOutcome outcome) {
    for (auto waiters = std::exchange(process.waiters, {}); auto& waiter : waiters) waiter.answer({outcome, 0, 0});
  }

  Planted planted_;
  Shared shared_, old_;
  std::vector<Node> nodes_;
  std::uint64_t last_hold_ = 0;
  std::int64_t now_ms_ = 0;
};

}  // namespace tollgate::billing::test
