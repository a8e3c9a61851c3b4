#include "billing/refunds.h"

#include <gtest/gtest.h>

#include "sql/transaction.h"
#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

// A node whose ledger is stepped by hand, and a user with a limited key.
class Refunds : public ::testing::Test {
 protected:
  void SetUp() override {
    db.add_user(1, 1000);
    db.add_token(2, 1, 500);
    ASSERT_TRUE(sql::with_transaction(**db.pool().lease(),
                                      [](sql::Connection& c) { return expect_charge(c, "task:1", "request", 0); }));
  }
  void charge(std::int64_t units) {
    auto held = node.acquire(node.wallet(1), node.token(2), units);
    ASSERT_EQ(held.outcome, AcquireOutcome::kReserved);
    SettleRecord record;
    record.user = {1};
    record.token = {2};
    record.token_limited = true;
    record.charge = {units};
    record.counts_use = true;
    record.log.request_id = "request";
    Slices::settle(held.reservation, record.charge);
    node.journal->append({RecordKind::kRefundable, record}, {});
    node.journal->commit_queued();
  }
  Refund refund() {
    auto done =
        sql::with_transaction(**db.pool().lease(), [](sql::Connection& c) { return refund_charge(c, "task:1"); });
    EXPECT_TRUE(done);
    return done ? *done : Refund{};
  }
  std::int64_t money() { return db.one("SELECT quota FROM users") + slices("user"); }
  std::int64_t key_money() { return db.one("SELECT remain_quota FROM tokens") + slices("token"); }
  std::int64_t slices(std::string_view kind) {
    return db.one("SELECT COALESCE(SUM(amount), 0) FROM tg_slices WHERE kind = ?", {kind});
  }

  TemporaryDirectory directory;
  Database db;
  core::ManualClock clock;
  Process node{"node", directory.path(), db.pool(), clock};
};

TEST_F(Refunds, NothingIsGivenBackBeforeTheChargeIsInTheDatabaseAndOnceBehindIt) {
  node.settle_idle();
  charge(300);
  EXPECT_EQ(refund().state, RefundState::kPending);
  EXPECT_EQ(money(), 1000);
  node.settle_idle();
  EXPECT_EQ(money(), 700);
  EXPECT_EQ(key_money(), 200);
  const auto given = refund();
  EXPECT_EQ(given.state, RefundState::kDone);
  EXPECT_EQ(given.charged.user.value, 1);
  EXPECT_EQ(given.charged.token.value, 2);
  EXPECT_EQ(given.charged.amount.units, 300);
  EXPECT_EQ(money(), 1000);
  EXPECT_EQ(key_money(), 500);
  EXPECT_EQ(refund().state, RefundState::kBefore);
  EXPECT_EQ(money(), 1000);
}

TEST_F(Refunds, WhatIsNotKnownIsGivenBackOnceToTheWallet) {
  auto give = [&] {
    return *sql::with_transaction(**db.pool().lease(),
                                  [](sql::Connection& c) { return refund_unknown(c, "task:2", {1}, {50}, 0); });
  };
  EXPECT_TRUE(give());
  EXPECT_FALSE(give());
  EXPECT_EQ(money(), 1050);
  auto again =
      sql::with_transaction(**db.pool().lease(), [](sql::Connection& c) { return refund_charge(c, "task:2"); });
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state, RefundState::kBefore);
}

TEST(RefundableRecord, IsReadBackAsOne) {
  Record record{RecordKind::kRefundable, {}};
  record.settle.user = {1};
  record.settle.charge = {5};
  record.settle.log.request_id = "r";
  auto read = decode(encode(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, RecordKind::kRefundable);
  EXPECT_TRUE(is_charge(read->kind));
  EXPECT_EQ(read->settle.log.request_id, "r");
  EXPECT_EQ(read->settle.charge.units, 5);
}

}  // namespace
}  // namespace tollgate::billing::test
