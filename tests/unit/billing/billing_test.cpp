#include "billing/billing.h"

#include <gtest/gtest.h>

#include <future>

#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

TEST(Billing, B9_AfterStopTheBalanceFellByWhatTheLogRowsSay) {
  Database db;
  TemporaryDirectory data;
  db.add_user(1, 1'000'000);
  db.add_token(7, 1, 500'000);
  db.run("INSERT INTO channels(id, type, name, " + sql::quoted(db.pool().dialect(), "key") +
             ", used_quota) VALUES(3, 1, 'c', 'k', 0)",
         {});
  std::string node;
  for (int start = 0; start < 2; ++start) {
    auto opened = Billing::open({.data_dir = data.path()}, db.pool(), db.pool(), core::real_clock());
    ASSERT_TRUE(opened);
    auto& billing = **opened;
    if (start > 0) {
      EXPECT_EQ(billing.node().id, node);
    }
    node = billing.node().id;
    EXPECT_EQ(billing.node().incarnation, start + 1);
    billing.start();
    auto wallet = billing.wallet(core::UserId{1});
    auto limit = billing.key_limit(core::TokenId{7});
    for (int i = 0; i < 50; ++i) {
      auto held = billing.try_reserve(wallet, limit, core::Quota{1000});
      if (!held) {
        std::promise<AcquireResult> answer;
        billing.acquire(wallet, limit, core::Quota{1000}, [&](AcquireResult r) { answer.set_value(std::move(r)); });
        auto result = answer.get_future().get();
        ASSERT_EQ(result.outcome, AcquireOutcome::kReserved);
        held = std::move(result.reservation);
      }
      SettleRecord record;
      record.user.value = 1;
      record.token.value = 7;
      record.channel.value = 3;
      record.charge.units = 100 + i;
      record.counts_use = record.export_data = true;
      record.log.user_id.value = 1;
      record.log.username = "user1";
      record.log.model_name = "gpt-4o";
      record.log.type = 2;
      record.log.created_at = 1'750'000'000;
      record.log.quota = record.charge;
      record.log.request_id = "r" + std::to_string(start * 100 + i);
      std::promise<Committed> written;
      billing.settle(std::move(*held), record, [&](Committed how) { written.set_value(how); });
      billing.wake_journal();
      ASSERT_EQ(written.get_future().get(), Committed::kOnDisk);
    }
    billing.log({});
    auto column = core::Quota{db.one("SELECT quota FROM users")};
    EXPECT_LE(billing.shown_user_balance(core::UserId{1}, column).units, 1'000'000);
    billing.stop(std::chrono::seconds(5));
  }
  auto charged = db.one("SELECT SUM(quota) FROM logs");
  EXPECT_EQ(charged, 2 * (50 * 100 + 49 * 50 / 2));
  EXPECT_EQ(db.one("SELECT COUNT(*) FROM logs"), 102);
  EXPECT_EQ(db.one("SELECT quota FROM users"), 1'000'000 - charged);
  EXPECT_EQ(db.one("SELECT remain_quota FROM tokens"), 500'000 - charged);
  EXPECT_EQ(db.one("SELECT used_quota FROM channels"), charged);
  EXPECT_EQ(db.one("SELECT SUM(quota) FROM quota_data"), charged);
  EXPECT_EQ(db.one("SELECT COUNT(*) FROM tg_slices"), 0);
}

TEST(Billing, AShownBalanceCountsMoneyOnceThatMovedIntoASliceAfterTheRowWasRead) {
  Database db;
  TemporaryDirectory data;
  db.add_user(1, 1'000'000);
  db.add_token(7, 1, 500'000);
  auto opened = Billing::open({.data_dir = data.path()}, db.pool(), db.pool(), core::real_clock());
  ASSERT_TRUE(opened);
  auto& billing = **opened;
  billing.start();
  std::promise<AcquireResult> answer;
  billing.acquire(billing.wallet(core::UserId{1}), billing.key_limit(core::TokenId{7}), core::Quota{1000},
                  [&](AcquireResult r) { answer.set_value(std::move(r)); });
  auto held = answer.get_future().get();
  ASSERT_EQ(held.outcome, AcquireOutcome::kReserved);
  ASSERT_GT(db.one("SELECT COUNT(*) FROM tg_slices"), 0);
  EXPECT_EQ(billing.shown_user_balance(core::UserId{1}, core::Quota{1'000'000}).units, 1'000'000);
  EXPECT_EQ(billing.shown_token_balance(core::TokenId{7}, core::Quota{500'000}).units, 500'000);
  EXPECT_EQ(billing.shown_user_balance(core::UserId{99}, core::Quota{5}).units, 5);
  held.reservation = {};
  billing.stop(std::chrono::seconds(5));
}

}  // namespace
}  // namespace tollgate::billing::test
