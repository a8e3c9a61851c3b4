// Random play of nodes that share balances, over any implementation of them: the invariants of docs/balances.md are
// checked after each step against an oracle that knows every credit and every charge.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "billing/ledger.h"
#include "core/random.h"

namespace tollgate::billing::test {

enum class Fault { kNone, kCommitHappensUnanswered, kCommitLost, kAway };

// Nodes, numbered from 0, and the database that they share. Holds (reservations) die with the process that has them.
class World {
 public:
  struct Answered {
    AcquireOutcome outcome = AcquireOutcome::kUnavailable;
    std::uint64_t hold = 0;
    std::int64_t amount = 0;
  };
  using Answer = std::function<void(Answered)>;

  virtual ~World() = default;
  virtual void advance(std::chrono::milliseconds time) = 0;
  virtual bool runs(int node) const = 0;
  virtual void start(int node) = 0;
  virtual void stop(int node) = 0;  // in order: flushes and gives slices back as far as the database is there
  virtual void kill(int node) = 0;
  virtual void fault(int node, Fault fault) = 0;  // meets the next COMMIT; kAway stays
  virtual void step(int node) = 0;                // at most one transaction
  virtual void step_until_idle(int node) = 0;

  // Answers now, in a later step, or never when the process dies.
  virtual void reserve(int node, AccountId wallet, std::optional<AccountId> token, std::int64_t amount,
                       Answer answer) = 0;
  virtual std::int64_t settle(int node, std::uint64_t hold, std::int64_t charge) = 0;  // number of its record
  virtual void release(int node, std::uint64_t hold) = 0;
  virtual std::optional<std::int64_t> free(int node, AccountId account) = 0;

  virtual std::int64_t balance(AccountId account) = 0;
  virtual std::int64_t used(AccountId account) = 0;
  virtual std::int64_t slice(AccountId account, int node) = 0;
  virtual std::int64_t mark(int node) = 0;
  virtual void add(AccountId account, std::int64_t delta) = 0;  // a credit, or a charge of a node of the other make
  virtual void set(AccountId account, std::int64_t wanted) = 0;
  virtual void give_up(int node) = 0;  // its slices go back to the balances, whether it lives or not
  virtual void replay(int node) = 0;   // its journal is applied by somebody else, whether it lives or not
  virtual void remember() = 0;
  virtual void rewind() = 0;  // to what was remembered last
};

enum class Rules {
  kStrict,    // nothing that may overdraw: no account may ever be worth less than zero
  kOverdraw,  // charges beyond reservations, nodes given up, absolute edits: debt only up to what these allow
  kRewind,    // also: the database goes back to an older copy
};

class Play {
 public:
  static constexpr AccountId kRich{AccountKind::kWallet, 1}, kPoor{AccountKind::kWallet, 2},
      kLimit{AccountKind::kToken, 1};
  static std::map<AccountId, std::int64_t> opening() { return {{kRich, 100'000}, {kPoor, 3'000}, {kLimit, 20'000}}; }

  struct Count {
    int admitted = 0, refused = 0, settled = 0, kills = 0, quiet = 0, gathered = 0, replays = 0;
  };

  Play(World& world, int nodes, Rules rules, std::uint64_t seed)
      : world_(world), rules_(rules), random_(seed), nodes_(static_cast<std::size_t>(nodes)) {}

  // The first broken invariant, or nullopt.
  std::optional<std::string> run(int steps) {
    for (int at = 0; at < steps && !broken_; ++at) {
      one_step();
      check();
      if (broken_) *broken_ += " after step " + std::to_string(at);
    }
    if (!broken_) finish();
    return broken_;
  }
  const Count& count() const { return count_; }

 private:
  struct Hold {
    std::uint64_t id = 0;
    AccountId wallet;
    std::optional<AccountId> token;
    std::int64_t amount = 0;
    bool draws_on(AccountId account) const { return wallet == account || token == account; }
  };
  struct Node {
    std::vector<Hold> open;
    std::map<AccountId, std::vector<std::pair<std::int64_t, std::int64_t>>> charges;  // record → sum up to it
    Fault fault = Fault::kNone;
    int life = 0;
  };

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
  }
  void expect(bool holds, const char* invariant, AccountId account, int node = -1) {
    if (holds || broken_) return;
    broken_ = std::string(invariant) + " of " + std::string(to_string(account.kind)) + std::to_string(account.id);
    if (node >= 0) *broken_ += " on node " + std::to_string(node);
  }

  void one_step() {
    const int n = static_cast<int>(below(static_cast<std::int64_t>(nodes_.size())));
    if (!world_.runs(n)) {
      const auto what = below(100);
      if (what < 5) start(n);
      if (what == 5) replay(n);
      return;
    }
    world_.advance(std::chrono::milliseconds(below(50)));
    switch (auto what = below(240); what) {
      case 0: kill(n); break;
      case 1:
        world_.stop(n);
        kill(n);
        break;
      case 2: world_.advance(std::chrono::seconds(11)); break;
      case 3:
      case 4: fault(n, Fault::kCommitHappensUnanswered); break;
      case 5:
      case 6: fault(n, Fault::kCommitLost); break;
      case 7: fault(n, Fault::kAway); break;
      case 8:
      case 9:
      case 10: fault(n, Fault::kNone); break;
      case 11: add(below(2) ? kRich : kPoor, below(2000)); break;
      case 12: add(kLimit, below(500)); break;
      case 13:  // the other make charges what it finds in the row
        if (auto there = world_.balance(kRich); there > 0) add(kRich, -std::min(there, below(500)));
        break;
      case 14:
        if (rules_ != Rules::kStrict) edit(kRich, below(50'000));
        break;
      case 15:
        if (rules_ != Rules::kStrict) give_up(n);
        break;
      case 16:
        if (rules_ == Rules::kRewind && below(4) == 0) {
          world_.remember();
          remembered_ = credits_;
        }
        break;
      case 17:
        if (rules_ == Rules::kRewind && !remembered_.empty() && below(4) == 0) {
          world_.rewind();
          credits_ = remembered_;
        }
        break;
      case 18:
        if (below(4) == 0) be_quiet();
        break;
      case 19:
        if (below(2) == 0) gather(n);
        break;
      case 20:
        if (below(4) == 0) replay(n);
        break;
      default:
        if (what < 100)
          reserve(n);
        else if (what < 145)
          settle(n);
        else if (what < 155)
          release(n);
        else
          world_.step(n);
    }
  }

  Node& node(int n) { return nodes_[static_cast<std::size_t>(n)]; }
  void start(int n) {
    node(n).fault = Fault::kNone;
    world_.start(n);
  }
  void kill(int n) {
    ++count_.kills;
    ++node(n).life;
    world_.kill(n);
    node(n).open.clear();
  }
  void fault(int n, Fault fault) {
    node(n).fault = fault;
    world_.fault(n, fault);
  }
  void add(AccountId account, std::int64_t delta) {
    world_.add(account, delta);
    credits_[account] += delta;
  }
  void edit(AccountId account, std::int64_t wanted) {
    const auto before = world_.balance(account);
    const auto held = held_by_all(account);
    world_.set(account, wanted);
    credits_[account] += world_.balance(account) - before;
    allowed_debt_[account] += std::max<std::int64_t>(0, held - wanted);
  }
  void replay(int n) {
    ++count_.replays;
    world_.replay(n);
  }
  void give_up(int n) {
    for (auto& [account, credit] : credits_)
      allowed_debt_[account] += std::max<std::int64_t>(0, world_.slice(account, n));
    world_.give_up(n);
  }

  void reserve(int n) {
    const auto wallet = below(2) ? kRich : kPoor;
    const auto token = wallet == kRich && below(2) ? std::optional(kLimit) : std::nullopt;
    const auto amount = below(400);
    world_.reserve(n, wallet, token, amount, [=, this, life = node(n).life](World::Answered answered) {
      if (life != node(n).life) return;
      if (answered.outcome == AcquireOutcome::kReserved) {
        node(n).open.push_back({answered.hold, wallet, token, answered.amount});
        ++count_.admitted;
        if (rules_ != Rules::kStrict && node(n).fault == Fault::kAway) {  // perhaps beyond the slice
          allowed_debt_[wallet] += answered.amount;
          if (token) allowed_debt_[*token] += answered.amount;
        }
      } else if (answered.outcome == AcquireOutcome::kRefused) {
        ++count_.refused;
        // A single node holds all there is, so it may refuse only what is not there.
        if (nodes_.size() > 1 || rules_ != Rules::kStrict) return;
        auto there = [&](AccountId account) { return world_.balance(account) + world_.free(n, account).value_or(0); };
        expect(there(wallet) < std::max<std::int64_t>(amount, 1) || (token && there(*token) < amount),
               "refused though the money is there", wallet, n);
      }
    });
  }

  void settle(int n) {
    auto& mine = node(n);
    if (mine.open.empty()) return;
    std::swap(mine.open[static_cast<std::size_t>(below(static_cast<std::int64_t>(mine.open.size())))],
              mine.open.back());
    const auto hold = mine.open.back();
    mine.open.pop_back();
    auto charge = below(hold.amount + 1);
    if (rules_ != Rules::kStrict && below(10) == 0) {
      charge += 100;
      allowed_debt_[hold.wallet] += 100;
      if (hold.token) allowed_debt_[*hold.token] += 100;
    }
    const auto seq = world_.settle(n, hold.id, charge);
    auto note = [&](AccountId account) {
      auto& sums = mine.charges[account];
      sums.emplace_back(seq, (sums.empty() ? 0 : sums.back().second) + charge);
    };
    note(hold.wallet);
    if (hold.token) note(*hold.token);
    ++count_.settled;
  }

  void release(int n) {
    if (node(n).open.empty()) return;
    world_.release(n, node(n).open.back().id);
    node(n).open.pop_back();
  }

  // I5: nobody asks for anything for a while, and the database is there.
  void be_quiet() {
    for (int round = 0; round < 4; ++round) {
      for (int n = 0; n < size(); ++n) {
        if (!world_.runs(n)) continue;
        fault(n, Fault::kNone);
        world_.step_until_idle(n);
      }
      world_.advance(std::chrono::seconds(11));
    }
    for (int n = 0; n < size(); ++n) {
      if (!world_.runs(n)) continue;
      world_.step_until_idle(n);
      for (auto& [account, credit] : credits_) {
        auto used = std::ranges::any_of(node(n).open, [&](const Hold& hold) { return hold.draws_on(account); });
        expect(used || world_.slice(account, n) <= 0, "I5 (money stays on an idle node)", account, n);
      }
    }
    ++count_.quiet;
  }

  // What lies on several nodes and in the row serves one request, wherever it comes.
  void gather(int n) {
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < size(); ++i) {
        if (!world_.runs(i)) start(i);
        fault(i, Fault::kNone);
        world_.step_until_idle(i);
      }
      world_.advance(std::chrono::milliseconds(400));  // nobody waits for answers any more
    }
    std::int64_t there = world_.balance(kPoor);
    for (int i = 0; i < size(); ++i) there += world_.free(i, kPoor).value_or(0);
    if (there <= 0) return;
    std::optional<AcquireOutcome> outcome;
    world_.reserve(n, kPoor, std::nullopt, there, [=, this, &outcome](World::Answered answered) {
      outcome = answered.outcome;
      if (answered.outcome == AcquireOutcome::kReserved)
        node(n).open.push_back({answered.hold, kPoor, std::nullopt, answered.amount});
    });
    for (int round = 0; round < 40 && !outcome; ++round) {
      world_.advance(std::chrono::milliseconds(10));
      for (int i = 0; i < size(); ++i) world_.step(i);
    }
    expect(outcome == AcquireOutcome::kReserved, "I6 (refused though the nodes have it)", kPoor, n);
    ++count_.gathered;
  }

  int size() const { return static_cast<int>(nodes_.size()); }
  std::int64_t held_by_all(AccountId account) {
    std::int64_t held = 0;
    for (int n = 0; n < size(); ++n) held += world_.slice(account, n);
    return held;
  }
  std::int64_t charged(int n, AccountId account, std::int64_t up_to = INT64_MAX) {
    auto& sums = node(n).charges[account];
    auto after = std::ranges::upper_bound(sums, up_to, {}, [](const auto& entry) { return entry.first; });
    return after == sums.begin() ? 0 : std::prev(after)->second;
  }

  void check() {
    for (auto [account, credits] : credits_) {
      const auto balance = world_.balance(account);
      std::int64_t flushed = 0, held = 0, unflushed = 0, open = 0;
      for (int n = 0; n < size(); ++n) {
        const auto slice = world_.slice(account, n);
        const auto done = charged(n, account, world_.mark(n));
        const auto own = charged(n, account) - done;
        std::int64_t reserved = 0;
        for (const auto& hold : node(n).open)
          if (hold.draws_on(account)) reserved += hold.amount;
        held += slice;
        flushed += done;
        unflushed += own;
        open += reserved;
        if (rules_ != Rules::kStrict) continue;
        expect(slice >= own + reserved, "I2 (more is admitted than the slice holds)", account, n);
        if (auto free = world_.free(n, account))
          expect(*free <= slice - own - reserved, "I2 (more is free than the slice holds)", account, n);
      }
      expect(balance + held == credits - flushed, "I1", account);
      expect(world_.used(account) == flushed, "I4", account);
      if (rules_ == Rules::kStrict) expect(balance >= 0, "I3 (balance below zero)", account);
      if (rules_ != Rules::kRewind)
        expect(balance + held - unflushed - open >= -allowed_debt_[account], "I3 (overdraft)", account);
    }
  }

  // Everything that was charged has come off, once, and no node holds anything.
  void finish() {
    for (int n = 0; n < size(); ++n) {
      if (!world_.runs(n)) start(n);
      fault(n, Fault::kNone);
      while (!node(n).open.empty()) release(n);
      for (int round = 0; round < 3; ++round) {
        world_.step_until_idle(n);
        while (!node(n).open.empty()) release(n);
        world_.advance(std::chrono::seconds(11));
      }
      world_.stop(n);
    }
    check();
    for (auto [account, credits] : credits_) {
      std::int64_t total = 0;
      for (int n = 0; n < size(); ++n) {
        total += charged(n, account);
        expect(world_.slice(account, n) == 0, "B9 (a slice is left)", account, n);
      }
      expect(world_.balance(account) == credits - total, "B9 (a charge was lost or doubled)", account);
    }
  }

  World& world_;
  Rules rules_;
  core::FastRandom random_;
  std::vector<Node> nodes_;
  std::map<AccountId, std::int64_t> credits_ = opening(), remembered_, allowed_debt_;
  std::optional<std::string> broken_;
  Count count_;
};

}  // namespace tollgate::billing::test
