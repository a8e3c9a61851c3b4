#include "tasks/finish.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <thread>

#include "billing/refunds.h"
#include "model/schema.h"
#include "tasks/task_row.h"

namespace tollgate::tasks {
namespace {

using Outcome = Finisher::Outcome;
constexpr std::int64_t kNow = 1'750'000'000;

// A user with 1000 units and a key, and a task that cost them 300.
class Finish : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/tollgate-finish-XXXXXX";
    dir_ = ::mkdtemp(name.data());
    auto pool = sql::open_sqlite(dir_ + "/t.db", 8);
    ASSERT_TRUE(pool);
    pool_ = std::move(*pool);
    auto lease = pool_->lease();
    ASSERT_TRUE(lease);
    ASSERT_TRUE(model::migrate(**lease));
    auto billing = billing::Billing::open({.data_dir = dir_}, *pool_, *pool_, core::real_clock());
    ASSERT_TRUE(billing);
    billing_ = std::move(*billing);
    snapshots_.replace(*relay::load_snapshot(**lease, {}));
    auto user = (*lease)->execute("INSERT INTO users(id, username, password, quota) VALUES(7, 'u', 'x', 1000)");
    auto token = (*lease)->execute("INSERT INTO tokens(id, user_id, remain_quota, used_quota) VALUES(9, 7, 500, 300)");
    ASSERT_TRUE(user && token);
    row_.task_id = "t";
    row_.platform = "suno";
    row_.user = {7};
    row_.quota = {300};
    row_.status = "SUBMITTED";
    row_.progress = "0%";
    auto id = insert_task(**lease, row_, kNow);
    ASSERT_TRUE(id);
    row_.id = *id;
  }
  void TearDown() override {
    billing_.reset();
    pool_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::string thing() const { return "task:" + std::to_string(row_.id); }
  void expect_it() { ASSERT_TRUE(billing::expect_charge(**pool_->lease(), thing(), "request", kNow)); }
  void charge_it() { ASSERT_TRUE(billing::note_charge(**pool_->lease(), "request", {{7}, {9}, {300}})); }

  Outcome fail(bool overdue = false, const billing::Fence& fence = {}) {
    Finisher finisher(*pool_, *billing_, snapshots_, core::real_clock(), false);
    auto after = row_;
    after.status = "FAILURE";
    after.progress = "100%";
    auto done = finisher.fail(fence,
                              {.thing = thing(),
                               .log_begin = "gave back ",
                               .user = row_.user,
                               .quota = row_.quota,
                               .channel = {},
                               .overdue = overdue},
                              [&](sql::Connection& db) { return update_task(db, after, row_.status, kNow); });
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : Outcome::kElsewhere;
  }
  std::int64_t number(const char* query) { return (**pool_->lease()).query(query)->front().integer(0); }
  std::int64_t wallet() { return number("SELECT quota FROM users WHERE id = 7"); }
  std::int64_t key() { return number("SELECT remain_quota FROM tokens WHERE id = 9"); }
  std::int64_t key_used() { return number("SELECT used_quota FROM tokens WHERE id = 9"); }
  std::int64_t log_rows() { return number("SELECT COUNT(*) FROM logs WHERE type = 4 AND quota = 300"); }
  std::string status() { return (**pool_->lease()).query("SELECT status FROM tasks")->front().text(0); }

  std::string dir_;
  std::unique_ptr<sql::Pool> pool_;
  std::unique_ptr<billing::Billing> billing_;
  relay::SnapshotHolder snapshots_;
  TaskRow row_;
};

TEST_F(Finish, AFailureGivesBackWhatWasChargedToWalletAndKeyWithALogRow) {
  expect_it();
  charge_it();
  EXPECT_EQ(fail(), Outcome::kDone);
  EXPECT_EQ(wallet(), 1300);
  EXPECT_EQ(key(), 800);
  EXPECT_EQ(key_used(), 0);
  EXPECT_EQ(log_rows(), 1);
  EXPECT_EQ(status(), "FAILURE");
}

TEST_F(Finish, D43_NodesThatSeeTheSameFailureAtOnceGiveBackOnce) {
  expect_it();
  charge_it();
  std::atomic<int> done{0};
  std::vector<std::thread> nodes;
  for (int i = 0; i < 6; ++i) nodes.emplace_back([&] { done += fail() == Outcome::kDone; });
  for (auto& node : nodes) node.join();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(wallet(), 1300);
  EXPECT_EQ(key(), 800);
  EXPECT_EQ(log_rows(), 1);
}

TEST_F(Finish, D43_AStatusThatWasWrittenBackByAnotherProgramGivesNothingBackTwice) {
  expect_it();
  charge_it();
  EXPECT_EQ(fail(), Outcome::kDone);
  ASSERT_TRUE((**pool_->lease()).execute("UPDATE tasks SET status = 'SUBMITTED', progress = '0%'"));
  EXPECT_EQ(fail(), Outcome::kDone);
  EXPECT_EQ(wallet(), 1300);
  EXPECT_EQ(log_rows(), 1);
}

TEST_F(Finish, AFailureWaitsForItsCharge) {
  expect_it();
  EXPECT_EQ(fail(), Outcome::kChargeOnItsWay);
  EXPECT_EQ(status(), "SUBMITTED");
  EXPECT_EQ(wallet(), 1000);
  charge_it();
  EXPECT_EQ(fail(), Outcome::kDone);
  EXPECT_EQ(wallet(), 1300);
}

TEST_F(Finish, WhatWasNeverChargedIsNotGivenBackWhenTheTimeIsOver) {
  expect_it();
  EXPECT_EQ(fail(true), Outcome::kDone);
  EXPECT_EQ(status(), "FAILURE");
  EXPECT_EQ(wallet(), 1000);
  EXPECT_EQ(log_rows(), 0);
}

TEST_F(Finish, TasksOfTheCompatibleProductGiveTheirQuotaBackToTheWallet) {
  EXPECT_EQ(fail(), Outcome::kDone);
  EXPECT_EQ(wallet(), 1300);
  EXPECT_EQ(key(), 500);
  EXPECT_EQ(log_rows(), 1);
}

TEST_F(Finish, WithoutTheLeaseNothingIsWritten) {
  expect_it();
  charge_it();
  EXPECT_EQ(fail(false, [](sql::Connection&) { return sql::Result<bool>(false); }), Outcome::kElsewhere);
  EXPECT_EQ(status(), "SUBMITTED");
  EXPECT_EQ(wallet(), 1000);
}

}  // namespace
}  // namespace tollgate::tasks
