// A request that is charged in parts, as realtime sessions are.
#include <gtest/gtest.h>

#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

constexpr std::int64_t kUser = 1, kToken = 2;

SettleRecord charge_of(std::int64_t units, bool part) {
  SettleRecord record;
  record.user.value = kUser;
  record.token.value = kToken;
  record.token_limited = true;
  record.charge.units = units;
  record.counts_use = true;
  record.part = part;
  record.write_log = !part;
  record.log.request_id = "session";
  return record;
}

// What Billing::settle() does for a part, and the in-flight row that stands behind it.
void charge(Process& node, Reservation& held, std::int64_t units, std::int64_t open) {
  auto part = held.split(core::Quota{units});
  Slices::settle(part, core::Quota{units});
  const InflightRecord next{.settle = charge_of(open, false), .begun = true};
  node.journal->append({RecordKind::kSettle, charge_of(units, true)}, {}, true, &next);
  node.journal->commit_queued();
}

TEST(Reservation, PartsOfItAreNoMoreAndNoLessThanTheWhole) {
  Slices slices;
  auto wallet = slices.account({AccountKind::kWallet, kUser});
  auto token = slices.account({AccountKind::kToken, kToken});
  wallet->free = token->free = 1000;
  {
    auto held = slices.try_reserve(wallet, token, core::Quota{300});
    ASSERT_TRUE(held);
    auto part = held->split(core::Quota{500});
    EXPECT_EQ(part.amount().units, 300);
    EXPECT_EQ(held->amount().units, 0);
    EXPECT_TRUE(held->held());
    auto nothing = held->split(core::Quota{-5});
    EXPECT_EQ(nothing.amount().units, 0);
    Slices::settle(part, core::Quota{400});
    EXPECT_EQ(wallet->free, 600);
    auto more = slices.try_reserve(wallet, token, core::Quota{100});
    held->merge(std::move(*more));
    EXPECT_EQ(held->amount().units, 100);
    EXPECT_EQ(token->free, 500);
  }
  EXPECT_EQ(wallet->free, 600);
  EXPECT_EQ(token->free, 600);
  EXPECT_EQ(wallet->unflushed, 400);
}

TEST(Ledger, B9_PartsOfARequestAreChargedOnceEachAndItIsCountedOnce) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  db.add_token(kToken, kUser, 100'000);
  Process node("n1", data.path(), db.pool(), clock);
  auto held = node.acquire(node.wallet(kUser), node.token(kToken), 1000);
  ASSERT_EQ(held.outcome, AcquireOutcome::kReserved);
  charge(node, held.reservation, 700, 0);
  charge(node, held.reservation, 900, 0);
  charge(node, held.reservation, -250, 0);  // counted ahead of a report that came to less
  Slices::settle(held.reservation, core::Quota{50});
  node.journal->append({RecordKind::kSettle, charge_of(50, false)}, {});
  node.journal->commit_queued();
  EXPECT_TRUE(node.journal->inflight()->empty());
  node.settle_idle();
  node.close();
  EXPECT_EQ(db.one("SELECT quota FROM users"), 200'000 - 1400);
  EXPECT_EQ(db.one("SELECT used_quota FROM users"), 1400);
  EXPECT_EQ(db.one("SELECT request_count FROM users"), 1);
  EXPECT_EQ(db.one("SELECT remain_quota FROM tokens"), 100'000 - 1400);
  EXPECT_EQ(db.one("SELECT COUNT(*) FROM tg_slices"), 0);
}

TEST(Ledger, B9_AKilledRequestIsChargedItsPartsAndWhatWasOpenBehindTheLast) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  db.add_token(kToken, kUser, 100'000);
  {
    Process node("n1", data.path(), db.pool(), clock);
    auto held = node.acquire(node.wallet(kUser), node.token(kToken), 1000);
    charge(node, held.reservation, 700, 0);
    node.settle_idle();
    charge(node, held.reservation, 300, 40);
    const auto rows = node.journal->inflight();
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->front().settle.charge.units, 40);
  }
  clock.advance(std::chrono::seconds(1));
  Process node("n1", data.path(), db.pool(), clock);
  for (int i = 0; i < 10; ++i) {
    node.settle_idle();
    node.journal->commit_queued();
  }
  EXPECT_EQ(db.one("SELECT quota FROM users"), 200'000 - 1040);
  EXPECT_EQ(db.one("SELECT used_quota FROM users"), 1040);
  EXPECT_EQ(db.one("SELECT request_count FROM users"), 1);
  EXPECT_EQ(db.one("SELECT remain_quota FROM tokens"), 100'000 - 1040);
  EXPECT_TRUE(node.journal->inflight()->empty());
}

}  // namespace
}  // namespace tollgate::billing::test
