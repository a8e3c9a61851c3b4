#include "tasks/finish.h"

#include <gtest/gtest.h>

#include <thread>

#include "unit/tasks/task_fixture.h"

namespace tollgate::tasks {
namespace {

using Outcome = Finisher::Outcome;

class Finish : public TaskFixture {
 protected:
  Outcome fail(bool overdue = false, const sql::Fence& fence = {}) {
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
