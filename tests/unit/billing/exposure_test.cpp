// The database away: what is spent from slices, beyond them, and when that ends.
#include "unit/billing/ledger_fixture.h"
#include "unit/set_clock.h"

namespace tollgate::billing::test {
namespace {

constexpr std::int64_t kUser = 1;

struct Away {
  explicit Away(std::int64_t balance, LedgerSettings settings = {}) {
    db.add_user(kUser, balance);
    node = std::make_unique<Process>("n1", data.path(), db.pool(), clock, settings);
    // The first take leaves something in the row.
    node->acquire(node->wallet(kUser), nullptr, 1).reservation.release();
    slice = node->wallet(kUser)->free;
    node->pool.fault = Fault::kAway;
  }
  AcquireOutcome ask(std::int64_t amount) {
    if (auto held = node->slices.try_reserve(node->wallet(kUser), nullptr, core::Quota{amount})) {
      kept.push_back(std::move(*held));
      return AcquireOutcome::kReserved;
    }
    auto result = node->acquire(node->wallet(kUser), nullptr, amount);
    if (result.outcome == AcquireOutcome::kReserved) kept.push_back(std::move(result.reservation));
    return result.outcome;
  }

  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  std::unique_ptr<Process> node;
  std::int64_t slice = 0;
  std::vector<Reservation> kept;
};

TEST(Exposure, R3_AnAccountSpendsItsSliceThenATenthOfItsBalanceThenNothing) {
  Away away(1'050'000);
  ASSERT_EQ(away.slice, 50'000);
  EXPECT_EQ(away.ask(50'000), AcquireOutcome::kReserved);
  EXPECT_EQ(away.node->ledger->exposed(), 0);
  EXPECT_EQ(away.ask(60'000), AcquireOutcome::kReserved);
  EXPECT_EQ(away.node->ledger->exposed(), 1);
  EXPECT_EQ(away.ask(40'000), AcquireOutcome::kReserved);
  EXPECT_EQ(away.ask(1), AcquireOutcome::kUnavailable);
}

TEST(Exposure, ItIsDividedByTheNodesThatSpend) {
  Away away(1'050'000);
  away.node->pool.fault = Fault::kNone;
  away.node->ledger->set_ready_nodes(4);
  away.kept.clear();
  // Seen again under lock.
  EXPECT_EQ(away.ask(60'000), AcquireOutcome::kReserved);
  away.node->pool.fault = Fault::kAway;
  const auto row = away.db.one("SELECT quota FROM users");
  const auto free = away.node->wallet(kUser)->free.load();
  EXPECT_EQ(away.ask(free + row / 40 + 1), AcquireOutcome::kUnavailable);
  EXPECT_EQ(away.ask(free + row / 40), AcquireOutcome::kReserved);
}

TEST(Exposure, AStatedLimitHoldsForARichAccount) {
  Away away(1'000'000'000, {.exposure = 7000});
  EXPECT_EQ(away.ask(away.slice), AcquireOutcome::kReserved);
  EXPECT_EQ(away.ask(7001), AcquireOutcome::kUnavailable);
  EXPECT_EQ(away.ask(7000), AcquireOutcome::kReserved);
}

TEST(Exposure, WithoutOneNothingGoesBeyondTheSlice) {
  Away away(1'000'000'000, {.exposure = 0});
  EXPECT_EQ(away.ask(away.slice), AcquireOutcome::kReserved);
  EXPECT_EQ(away.ask(1), AcquireOutcome::kUnavailable);
}

TEST(Exposure, B9_WhatWasSpentBeyondTheSliceComesOffOnceWhenTheDatabaseIsBack) {
  Away away(1'050'000);
  EXPECT_EQ(away.ask(100'000), AcquireOutcome::kReserved);
  away.node->settle(std::move(away.kept.front()), 100'000);
  away.kept.clear();
  EXPECT_EQ(away.node->ledger->exposed(), 1);
  away.node->pool.fault = Fault::kNone;
  away.node->settle_idle();
  EXPECT_EQ(away.node->ledger->exposed(), 0);
  EXPECT_EQ(away.ask(1), AcquireOutcome::kReserved);
  away.kept.clear();
  away.node->close();
  EXPECT_EQ(away.db.one("SELECT quota FROM users"), 950'000);
  EXPECT_EQ(away.db.one("SELECT COUNT(*) FROM tg_slices"), 0);
}

TEST(Exposure, AnAccountThatNobodyEverLookedAtHasNone) {
  Away away(1'050'000);
  auto stranger = away.node->acquire(away.node->wallet(99), nullptr, 1);
  EXPECT_EQ(stranger.outcome, AcquireOutcome::kUnavailable);
}

TEST(Exposure, HalfOfTheHoldWithoutTheDatabaseEndsSpending) {
  Away away(1'050'000, {.lost_hold = std::chrono::seconds(60)});
  away.node->ledger->acquire(away.node->wallet(99), nullptr, core::Quota{1}, [](AcquireResult) {});
  away.node->ledger->step();
  EXPECT_FALSE(away.node->ledger->cut_off());
  away.clock.advance(std::chrono::seconds(30));
  away.node->ledger->step();
  EXPECT_FALSE(away.node->ledger->cut_off());
  away.clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(away.node->ledger->cut_off());
  away.node->pool.fault = Fault::kNone;
  away.node->settle_idle();
  EXPECT_FALSE(away.node->ledger->cut_off());
}

TEST(Exposure, AnIdleNodeNoticesThatTheDatabaseIsAway) {
  Away away(1'050'000);
  EXPECT_EQ(away.node->ledger->step(), Ledger::Step::kIdle);
  EXPECT_TRUE(away.node->ledger->reachable());
  away.clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(away.node->ledger->step(), Ledger::Step::kAway);
  EXPECT_FALSE(away.node->ledger->reachable());
}

TEST(Balances, REQ_CL_29_TwoNodesThatCreditOnePaymentCreditItOnce) {
  Database db;
  db.add_user(kUser, 100);
  auto a = db.pool().lease();
  auto b = db.pool().lease();
  auto first = credit_once(**a, "topup:42", {AccountKind::kWallet, kUser}, core::Quota{7}, 1);
  auto second = credit_once(**b, "topup:42", {AccountKind::kWallet, kUser}, core::Quota{7}, 2);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(*first);
  EXPECT_FALSE(*second);
  EXPECT_EQ(db.one("SELECT quota FROM users"), 107);
}

TEST(Balances, EveryMoveOfARowIsToldWithItsAmount) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  Process node("n1", data.path(), db.pool(), clock);
  std::int64_t told = 0;
  node.ledger->on_moved([&](AccountId id, core::Quota moved) {
    EXPECT_EQ(id, (AccountId{AccountKind::kWallet, kUser}));
    told += moved.units;
    EXPECT_EQ(200'000 + told, db.one("SELECT quota FROM users"));
  });
  node.settle(node.acquire(node.wallet(kUser), nullptr, 100).reservation, 70);
  EXPECT_EQ(told, -50'000);
  node.close();
  EXPECT_EQ(told, -70);
}

TEST(Exposure, Chaos34_AClockThatIsSetNeitherEndsSpendingNorProlongsIt) {
  Database db;
  core::ManualClock going;
  tollgate::test::SetClock clock(going);
  TemporaryDirectory data;
  db.add_user(kUser, 1'050'000);
  Process node("n1", data.path(), db.pool(), clock, {.lost_hold = std::chrono::seconds(60)});
  node.acquire(node.wallet(kUser), nullptr, 1).reservation.release();
  node.pool.fault = Fault::kAway;
  node.ledger->acquire(node.wallet(99), nullptr, core::Quota{1}, [](AcquireResult) {});
  node.ledger->step();
  clock.set_by(std::chrono::hours(1));
  EXPECT_FALSE(node.ledger->cut_off());
  clock.set_by(std::chrono::hours(-2));
  going.advance(std::chrono::seconds(31));
  EXPECT_TRUE(node.ledger->cut_off());
}

}  // namespace
}  // namespace tollgate::billing::test
