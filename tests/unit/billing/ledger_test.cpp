#include "billing/ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "core/random.h"
#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

constexpr std::int64_t kUser = 1;

TEST(Ledger, TakesASliceForTheFirstRequestAndSpendsItWithoutSql) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  Process node("n1", data.path(), db.pool(), clock);
  auto wallet = node.wallet(kUser);
  EXPECT_FALSE(node.slices.try_reserve(wallet, nullptr, core::Quota{100}));
  auto first = node.acquire(wallet, nullptr, 100);
  ASSERT_EQ(first.outcome, AcquireOutcome::kReserved);
  node.pool.fault = Fault::kAway;
  auto second = node.slices.try_reserve(wallet, nullptr, core::Quota{100});
  EXPECT_TRUE(second);
  EXPECT_EQ(db.one("SELECT quota FROM users"), 150'000);
  EXPECT_EQ(db.one("SELECT amount FROM tg_slices"), 50'000);
}

TEST(Ledger, B9_AChargeReachesSqlOnceThoughTheCommitIsNotAnswered) {
  for (auto fault : {Fault::kCommitHappensUnanswered, Fault::kCommitLost}) {
    Database db;
    core::ManualClock clock;
    TemporaryDirectory data;
    db.add_user(kUser, 200'000);
    Process node("n1", data.path(), db.pool(), clock);
    auto held = node.acquire(node.wallet(kUser), nullptr, 100);
    node.settle(std::move(held.reservation), 70);
    node.pool.fault = fault;
    EXPECT_EQ(node.ledger->step(), Ledger::Step::kAway);
    node.settle_idle();
    node.close();
    EXPECT_EQ(db.one("SELECT quota FROM users"), 200'000 - 70);
    EXPECT_EQ(db.one("SELECT used_quota FROM users"), 70);
    EXPECT_EQ(db.one("SELECT request_count FROM users"), 1);
    EXPECT_EQ(db.one("SELECT COUNT(*) FROM tg_slices"), 0);
  }
}

TEST(Ledger, RefusesWithTheBalanceThatItSawAndTheAccountThatLacks) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 500);
  db.add_token(7, kUser, 300);
  Process node("n1", data.path(), db.pool(), clock);
  auto wallet = node.acquire(node.wallet(kUser), nullptr, 501);
  EXPECT_EQ(wallet.outcome, AcquireOutcome::kRefused);
  EXPECT_EQ(wallet.account, AccountKind::kWallet);
  EXPECT_EQ(wallet.balance.units, 500);
  auto token = node.acquire(node.wallet(kUser), node.token(7), 400);
  EXPECT_EQ(token.outcome, AcquireOutcome::kRefused);
  EXPECT_EQ(token.account, AccountKind::kToken);
  EXPECT_EQ(token.balance.units, 300);
  auto fits = node.acquire(node.wallet(kUser), node.token(7), 300);
  EXPECT_EQ(fits.outcome, AcquireOutcome::kReserved);
}

TEST(Ledger, ARequestThatCostsNothingNeedsABalanceAboveZero) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(1, 0);
  db.add_user(2, 10);
  Process node("n1", data.path(), db.pool(), clock);
  EXPECT_EQ(node.acquire(node.wallet(1), nullptr, 0).outcome, AcquireOutcome::kRefused);
  auto all = node.acquire(node.wallet(2), nullptr, 10);
  ASSERT_EQ(all.outcome, AcquireOutcome::kReserved);
  EXPECT_EQ(node.acquire(node.wallet(2), nullptr, 0).outcome, AcquireOutcome::kReserved);
}

TEST(Ledger, AReservationBeyondARichBalanceIsCutToIt) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 6'000'000);
  Process node("n1", data.path(), db.pool(), clock);
  auto held = node.acquire(node.wallet(kUser), nullptr, 9'000'000);
  ASSERT_EQ(held.outcome, AcquireOutcome::kReserved);
  EXPECT_EQ(held.reservation.amount().units, 6'000'000);
}

TEST(Ledger, SaysUnavailableWhenSqlIsAwayAndTheSliceIsUsedUp) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 1000);
  Process node("n1", data.path(), db.pool(), clock);
  node.settle_idle();
  node.pool.fault = Fault::kAway;
  EXPECT_EQ(node.acquire(node.wallet(kUser), nullptr, 10).outcome, AcquireOutcome::kUnavailable);
}

TEST(Ledger, I5_AnIdleSliceGoesBackAfterTenSeconds) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  Process node("n1", data.path(), db.pool(), clock);
  node.acquire(node.wallet(kUser), nullptr, 100).reservation.release();
  for (int i = 0; i < 9; ++i) {
    clock.advance(std::chrono::seconds(1));
    node.settle_idle();
  }
  EXPECT_EQ(db.one("SELECT quota FROM users"), 150'000);
  for (int i = 0; i < 12; ++i) {
    clock.advance(std::chrono::seconds(1));
    node.settle_idle();
  }
  EXPECT_EQ(db.one("SELECT quota FROM users"), 200'000);
  EXPECT_EQ(db.one("SELECT COUNT(*) FROM tg_slices"), 0);
}

TEST(Ledger, ARestartFlushesTheJournalChargesBegunStreamsAndReturnsTheSlices) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  {
    Process node("n1", data.path(), db.pool(), clock);
    auto one = node.acquire(node.wallet(kUser), nullptr, 100);
    auto two = node.slices.try_reserve(node.wallet(kUser), nullptr, core::Quota{100});
    InflightRecord begun{.settle = {}, .begun = true};
    begun.settle.user.value = kUser;
    begun.settle.charge.units = 33;
    begun.settle.log.request_id = "begun";
    InflightRecord waiting = begun;
    waiting.begun = false;
    waiting.settle.log.request_id = "waiting";
    node.journal->inflight_put(begun);
    node.journal->inflight_put(waiting);
    node.settle(std::move(one.reservation), 70);
  }
  EXPECT_EQ(db.one("SELECT amount FROM tg_slices"), 50'000);
  clock.advance(std::chrono::seconds(1));
  Process node("n1", data.path(), db.pool(), clock);
  for (int i = 0; i < 10; ++i) {
    node.settle_idle();
    node.journal->commit_queued();
  }
  EXPECT_TRUE(node.ledger->recovered());
  EXPECT_EQ(db.one("SELECT quota FROM users"), 200'000 - 70 - 33);
  EXPECT_EQ(db.one("SELECT COUNT(*) FROM tg_slices"), 0);
  EXPECT_TRUE(node.journal->inflight()->empty());
}

TEST(Ledger, ARecordThatSqlRefusesIsQuarantinedAndTheRestProceeds) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  for (std::int64_t id = 1; id <= 5; ++id) db.add_user(id, 200'000);
  db.run(
      "CREATE TRIGGER poison BEFORE UPDATE ON tg_slices WHEN NEW.account_id = 3"
      " BEGIN SELECT RAISE(ABORT, 'never'); END",
      {});
  Process node("n1", data.path(), db.pool(), clock);
  for (std::int64_t id = 1; id <= 5; ++id) node.settle(node.acquire(node.wallet(id), nullptr, 100).reservation, 70);
  node.settle_idle();
  EXPECT_EQ(db.one("SELECT COUNT(*) FROM tg_quarantine"), 1);
  EXPECT_EQ(db.one("SELECT COUNT(*) FROM users WHERE used_quota = 70"), 4);
  EXPECT_EQ(node.ledger->mark(), node.journal->last_seq());
}

TEST(Ledger, AnAbsoluteEditCountsWhatNodesHold) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  Process node("n1", data.path(), db.pool(), clock);
  auto held = node.acquire(node.wallet(kUser), nullptr, 100);
  auto lease = db.pool().lease();
  ASSERT_TRUE(set_balance(**lease, {AccountKind::kWallet, kUser}, core::Quota{90'000}));
  EXPECT_EQ(db.one("SELECT quota FROM users"), 40'000);
  EXPECT_FALSE(set_balance(**lease, {AccountKind::kWallet, 99}, core::Quota{1}));
}

// Many threads against a balance for exactly twenty.
TEST(Ledger, B10_FiveHundredRequestsAgainstABalanceForTwentyPassTwenty) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 20 * 1000);
  db.add_token(7, kUser, 1'000'000);
  Process node("n1", data.path(), db.pool(), clock);
  node.ledger->start();
  std::atomic<int> passed{0};
  std::atomic<int> answered{0};
  std::mutex mutex;
  std::vector<Reservation> kept;
  std::vector<std::thread> threads;
  auto wallet = node.wallet(kUser);
  auto token = node.token(7);
  auto keep = [&](Reservation held) {
    std::lock_guard lock(mutex);
    kept.push_back(std::move(held));
    ++passed;
  };
  for (int t = 0; t < 10; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        if (auto held = node.slices.try_reserve(wallet, token, core::Quota{1000})) {
          keep(std::move(*held));
          ++answered;
          continue;
        }
        node.ledger->acquire(wallet, token, core::Quota{1000}, [&](AcquireResult result) {
          if (result.outcome == AcquireOutcome::kReserved) keep(std::move(result.reservation));
          ++answered;
        });
      }
    });
  for (auto& thread : threads) thread.join();
  while (answered < 500) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(passed, 20);
  kept.clear();
  node.ledger->stop(std::chrono::steady_clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(db.one("SELECT quota FROM users"), 20'000);
  EXPECT_EQ(db.one("SELECT remain_quota FROM tokens"), 1'000'000);
}

// The production code under random interleavings. Strict: nothing that may legally overdraw is played, so no account
// may ever fall below zero.
class Driver {
 public:
  Driver(std::uint64_t seed, bool strict) : random_(seed), strict_(strict) {
    db_.add_user(1, 100'000);
    db_.add_user(2, 3'000);
    db_.add_token(1, 1, 20'000);
    credits_ = {
        {{AccountKind::kWallet, 1}, 100'000}, {{AccountKind::kWallet, 2}, 3'000}, {{AccountKind::kToken, 1}, 20'000}};
    for (int i = 0; i < 3; ++i) nodes_.push_back(std::make_unique<Node>());
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i]->id = "n" + std::to_string(i);
  }

  void play(int steps) {
    for (step_ = 0; step_ < steps && !::testing::Test::HasFailure(); ++step_) {
      one_step();
      check();
    }
    finish();
  }

 private:
  struct Node {
    std::string id;
    TemporaryDirectory data;
    std::unique_ptr<Process> process;
    std::vector<std::pair<Reservation, std::int64_t>> open;                               // with token id
    std::vector<std::pair<std::int64_t, std::pair<std::int64_t, std::int64_t>>> charges;  // seq → (user, charge)
    std::vector<std::pair<std::int64_t, std::pair<std::int64_t, std::int64_t>>> token_charges;
  };

  void start(Node& node) {
    clock_.advance(std::chrono::milliseconds(2));
    node.process = std::make_unique<Process>(node.id, node.data.path(), db_.pool(), clock_,
                                             LedgerSettings{.minimum_take = 700, .ready_nodes = 3});
  }
  void kill(Node& node) {
    node.open.clear();
    node.process.reset();
  }

  void one_step() {
    auto& node = *nodes_[random_.below(nodes_.size())];
    if (!node.process) {
      if (random_.below(20) == 0) start(node);
      return;
    }
    auto& process = *node.process;
    clock_.advance(std::chrono::milliseconds(random_.below(50)));
    switch (auto what = random_.below(200); what) {
      case 0: kill(node); break;
      case 1: {
        process.close();
        kill(node);
        break;
      }
      case 2: clock_.advance(std::chrono::seconds(11)); break;
      case 3:
      case 4:
      case 5: process.pool.fault = Fault::kCommitHappensUnanswered; break;
      case 6:
      case 7: process.pool.fault = Fault::kCommitLost; break;
      case 8: process.pool.fault = Fault::kAway; break;
      case 9:
      case 10: process.pool.fault = Fault::kNone; break;
      case 11: {
        auto delta = static_cast<std::int64_t>(random_.below(2000));
        AccountId id{AccountKind::kWallet, 1 + static_cast<std::int64_t>(random_.below(2))};
        auto lease = db_.pool().lease();
        ASSERT_TRUE(credit(**lease, id, core::Quota{delta}));
        credits_[id] += delta;
        break;
      }
      case 12: {
        // A Go node charges by a relative update, as far as the column goes.
        auto there = db_.one("SELECT quota FROM users WHERE id = 1");
        auto charge = std::min<std::int64_t>(there, static_cast<std::int64_t>(random_.below(500)));
        if (charge <= 0) break;
        db_.run("UPDATE users SET quota = quota - ? WHERE id = 1", {charge});
        credits_[{AccountKind::kWallet, 1}] -= charge;
        break;
      }
      case 13:
        if (!strict_) edit();
        break;
      case 14:
        if (!strict_) forget(node);
        break;
      case 15:
        if (!strict_ && random_.below(4) == 0) take_snapshot();
        break;
      case 16:
        if (!strict_ && random_.below(4) == 0) rewind();
        break;
      default:
        if (what < 90)
          reserve(node);
        else if (what < 130)
          settle(node);
        else if (what < 140 && !node.open.empty())
          node.open.erase(node.open.begin());
        else
          process.ledger->step();
    }
  }

  void reserve(Node& node) {
    auto& process = *node.process;
    std::int64_t user = 1 + static_cast<std::int64_t>(random_.below(2));
    std::int64_t token_id = user == 1 && random_.below(2) == 0 ? 1 : 0;
    auto wallet = process.wallet(user);
    auto token = token_id ? process.token(token_id) : nullptr;
    auto amount = static_cast<std::int64_t>(random_.below(400));
    if (auto held = process.slices.try_reserve(wallet, token, core::Quota{amount})) {
      node.open.emplace_back(std::move(*held), token_id);
      ++admitted_;
      return;
    }
    // Answers come in later steps, or never when the process is killed.
    process.ledger->acquire(wallet, token, core::Quota{amount}, [this, &node, token_id](AcquireResult result) {
      if (result.outcome == AcquireOutcome::kReserved) {
        node.open.emplace_back(std::move(result.reservation), token_id);
        ++admitted_;
      } else if (result.outcome == AcquireOutcome::kRefused) {
        ++refused_;
      }
    });
  }

  void settle(Node& node) {
    if (node.open.empty()) return;
    auto at = static_cast<std::ptrdiff_t>(random_.below(node.open.size()));
    auto [held, token_id] = std::move(node.open[static_cast<std::size_t>(at)]);
    node.open.erase(node.open.begin() + at);
    auto limit = held.amount().units + 1;
    auto charge = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(limit)));
    if (!strict_ && random_.below(10) == 0) charge += 100;
    auto user = held.wallet()->id.id;
    node.process->settle(std::move(held), charge, token_id);
    auto seq = node.process->journal->last_seq();
    node.charges.push_back({seq, {user, charge}});
    if (token_id) node.token_charges.push_back({seq, {token_id, charge}});
    ++settled_;
  }

  void edit() {
    auto wanted = static_cast<std::int64_t>(random_.below(50'000));
    auto before = db_.one("SELECT quota FROM users WHERE id = 1");
    auto lease = db_.pool().lease();
    ASSERT_TRUE(set_balance(**lease, {AccountKind::kWallet, 1}, core::Quota{wanted}));
    credits_[{AccountKind::kWallet, 1}] += db_.one("SELECT quota FROM users WHERE id = 1") - before;
  }

  // Somebody declares the node lost and gives its slices back while it may still be alive, or comes back later.
  void forget(Node& node) {
    db_.run(
        "UPDATE users SET quota = quota + COALESCE((SELECT SUM(amount) FROM tg_slices WHERE kind = 'user' AND"
        " account_id = users.id AND node_id = ?), 0)",
        {std::string_view(node.id)});
    db_.run(
        "UPDATE tokens SET remain_quota = remain_quota + COALESCE((SELECT SUM(amount) FROM tg_slices WHERE"
        " kind = 'token' AND account_id = tokens.id AND node_id = ?), 0)",
        {std::string_view(node.id)});
    db_.run("DELETE FROM tg_slices WHERE node_id = ?", {std::string_view(node.id)});
  }

  void take_snapshot() {
    for (const char* table : {"users", "tokens", "tg_slices", "tg_marks"}) {
      db_.run(std::string("DROP TABLE IF EXISTS old_") + table, {});
      db_.run(std::string("CREATE TABLE old_") + table + " AS SELECT * FROM " + table, {});
    }
    old_credits_ = credits_;
  }

  void rewind() {
    if (old_credits_.empty()) return;
    for (const char* table : {"users", "tokens", "tg_slices", "tg_marks"}) {
      db_.run(std::string("DELETE FROM ") + table, {});
      db_.run(std::string("INSERT INTO ") + table + " SELECT * FROM old_" + table, {});
    }
    credits_ = old_credits_;
  }

  static std::int64_t up_to(const auto& charges, std::int64_t id, std::int64_t mark) {
    std::int64_t sum = 0;
    for (const auto& [seq, what] : charges)
      if (seq <= mark && what.first == id) sum += what.second;
    return sum;
  }

  void check() {
    auto when = "step " + std::to_string(step_);
    for (auto [id, credits] : credits_) {
      const bool wallet = id.kind == AccountKind::kWallet;
      auto balance = db_.one(
          wallet ? "SELECT quota FROM users WHERE id = ?" : "SELECT remain_quota FROM tokens WHERE id = ?", {id.id});
      auto held = db_.one("SELECT COALESCE(SUM(amount), 0) FROM tg_slices WHERE kind = ? AND account_id = ?",
                          {to_string(id.kind), id.id});
      std::int64_t flushed = 0;
      for (auto& node : nodes_) {
        auto mark =
            db_.one("SELECT seq FROM tg_marks WHERE node_id = ? AND consumer = 'main'", {std::string_view(node->id)});
        flushed += up_to(wallet ? node->charges : node->token_charges, id.id, mark);
      }
      ASSERT_EQ(balance + held, credits - flushed) << "I1 " << when << " account " << id.id;
      ASSERT_EQ(flushed, db_.one(wallet ? "SELECT used_quota FROM users WHERE id = ?"
                                        : "SELECT used_quota FROM tokens WHERE id = ?",
                                 {id.id}))
          << "I4 " << when;
      if (!strict_) continue;
      std::int64_t unflushed = 0;
      for (auto& node : nodes_) {
        auto mark =
            db_.one("SELECT seq FROM tg_marks WHERE node_id = ? AND consumer = 'main'", {std::string_view(node->id)});
        const auto& charges = wallet ? node->charges : node->token_charges;
        auto own = up_to(charges, id.id, INT64_MAX) - up_to(charges, id.id, mark);
        unflushed += own;
        std::int64_t open = 0;
        for (const auto& [held_here, token] : node->open)
          if ((wallet && held_here.wallet()->id == id) || (held_here.token() && held_here.token()->id == id))
            open += held_here.amount().units;
        auto amount = db_.one("SELECT amount FROM tg_slices WHERE kind = ? AND account_id = ? AND node_id = ?",
                              {to_string(id.kind), id.id, std::string_view(node->id)});
        ASSERT_GE(amount, own + open) << "I2 " << when << " " << node->id << ": more is admitted than the slice holds";
        if (auto account = node->process ? node->process->slices.find(id) : nullptr)
          ASSERT_LE(account->free.load(), amount - own - open) << "I2 " << when << " " << node->id;
      }
      ASSERT_GE(balance, 0) << "I3 " << when;
      ASSERT_GE(balance + held - unflushed, 0) << "I3 " << when;
    }
  }

  void finish() {
    if (::testing::Test::HasFailure()) return;
    for (auto& node : nodes_) {
      if (!node->process) start(*node);
      node->process->pool.fault = Fault::kNone;
      node->open.clear();
      for (int i = 0; i < 5; ++i) {
        node->process->close();
        clock_.advance(std::chrono::seconds(11));
      }
    }
    check();
    for (auto [id, credits] : credits_) {
      if (id.kind != AccountKind::kWallet) continue;
      std::int64_t charged = 0;
      for (auto& node : nodes_) charged += up_to(node->charges, id.id, INT64_MAX);
      EXPECT_EQ(db_.one("SELECT quota FROM users WHERE id = ?", {id.id}), credits - charged) << "B9";
    }
    EXPECT_EQ(db_.one("SELECT COUNT(*) FROM tg_slices"), 0);
    EXPECT_GT(admitted_, 0);
    EXPECT_GT(settled_, 0);
    RecordProperty();
  }
  void RecordProperty() {
    std::printf("           %d steps, %d admitted, %d refused, %d settled\n", step_, admitted_, refused_, settled_);
  }

  core::FastRandom random_;
  bool strict_;
  Database db_;
  core::ManualClock clock_;
  std::map<AccountId, std::int64_t> credits_, old_credits_;
  std::vector<std::unique_ptr<Node>> nodes_;
  int step_ = 0, admitted_ = 0, refused_ = 0, settled_ = 0;
};

TEST(LedgerUnderRandomPlay, I1_I2_I3_I4_B9_HoldWithoutAnythingThatMayOverdraw) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    Driver(seed, true).play(3000);
  }
}

TEST(LedgerUnderRandomPlay, I1_I4_B9_HoldWithLostNodesRewindsEditsAndOverruns) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    Driver(seed, false).play(3000);
  }
}

}  // namespace
}  // namespace tollgate::billing::test
