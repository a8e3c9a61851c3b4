#include "billing/ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "core/random.h"
#include "unit/billing/ledger_fixture.h"
#include "unit/set_clock.h"

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

TEST(Ledger, Chaos25_WhoWaitsForASliceGetsItThoughTheCommitIsNotAnswered) {
  for (auto fault : {Fault::kCommitHappensUnanswered, Fault::kCommitLost}) {
    Database db;
    core::ManualClock clock;
    TemporaryDirectory data;
    db.add_user(kUser, 200'000);
    db.add_user(kUser + 1, 200'000);
    Process node("n1", data.path(), db.pool(), clock);
    node.settle(node.acquire(node.wallet(kUser), nullptr, 100).reservation, 70);
    node.settle_idle();
    node.pool.fault = fault;
    auto held = node.acquire(node.wallet(kUser + 1), nullptr, 100);
    ASSERT_EQ(held.outcome, AcquireOutcome::kReserved);
    node.settle(std::move(held.reservation), 30);
    node.close();
    EXPECT_EQ(db.one("SELECT SUM(quota) FROM users"), 400'000 - 100);
    EXPECT_EQ(db.one("SELECT SUM(used_quota) FROM users"), 100);
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

TEST(Ledger, Chaos34_AnIdleSliceGoesBackAlsoWhenTheClockWasSetBackAnHour) {
  Database db;
  core::ManualClock going;
  tollgate::test::SetClock clock(going);
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  Process node("n1", data.path(), db.pool(), clock);
  node.acquire(node.wallet(kUser), nullptr, 100).reservation.release();
  node.settle_idle();
  clock.set_by(std::chrono::hours(-1));
  for (int i = 0; i < 21; ++i) {
    going.advance(std::chrono::seconds(1));
    node.settle_idle();
  }
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

// The database takes no change of this account's slices, as it would one that breaks a rule of the table.
void refuse_slices_of(std::int64_t account, Database& db) {
  const auto condition = "NEW.account_id = " + std::to_string(account);
  const std::string head = "CREATE TRIGGER poison BEFORE UPDATE ON tg_slices ";
  switch (db.pool().dialect()) {
    case sql::Dialect::kSqlite:
      db.run(head + "WHEN " + condition + " BEGIN SELECT RAISE(ABORT, 'never'); END", {});
      break;
    case sql::Dialect::kMysql:
      db.run(head + "FOR EACH ROW IF " + condition + " THEN SIGNAL SQLSTATE '22003' SET MYSQL_ERRNO = 1264; END IF",
             {});
      break;
    case sql::Dialect::kPostgres:
      db.run("CREATE FUNCTION poison() RETURNS trigger AS $$ BEGIN RAISE check_violation; END $$ LANGUAGE plpgsql", {});
      db.run(head + "FOR EACH ROW WHEN (" + condition + ") EXECUTE FUNCTION poison()", {});
      break;
  }
}

TEST(Ledger, ARecordThatSqlRefusesIsQuarantinedAndTheRestProceeds) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  for (std::int64_t id = 1; id <= 5; ++id) db.add_user(id, 200'000);
  refuse_slices_of(3, db);
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

}  // namespace
}  // namespace tollgate::billing::test
