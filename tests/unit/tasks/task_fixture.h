// A database with a user of 1000 units, a key of theirs, and a task that cost them 300.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "billing/refunds.h"
#include "model/schema.h"
#include "tasks/finish.h"
#include "tasks/task_row.h"

namespace tollgate::tasks {

constexpr std::int64_t kNow = 1'750'000'000;

class TaskFixture : public ::testing::Test {
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

  std::int64_t number(const char* query) { return (**pool_->lease()).query(query)->front().integer(0); }
  std::int64_t wallet() { return number("SELECT quota FROM users WHERE id = 7"); }
  std::int64_t key() { return number("SELECT remain_quota FROM tokens WHERE id = 9"); }
  std::int64_t key_used() { return number("SELECT used_quota FROM tokens WHERE id = 9"); }
  std::int64_t log_rows() { return number("SELECT COUNT(*) FROM logs WHERE type = 4 AND quota = 300"); }
  std::string status() { return (**pool_->lease()).query("SELECT status FROM tasks")->front().text(0); }

  std::string reason() { return (**pool_->lease()).query("SELECT fail_reason FROM tasks")->front().text(0); }
  void run(const char* statement) {
    auto done = (**pool_->lease()).execute(statement);
    ASSERT_TRUE(done) << done.error().message;
  }
  void reload() { snapshots_.replace(*relay::load_snapshot(**pool_->lease(), {})); }

  std::string dir_;
  std::unique_ptr<sql::Pool> pool_;
  std::unique_ptr<billing::Billing> billing_;
  relay::SnapshotHolder snapshots_;
  TaskRow row_;
};

}  // namespace tollgate::tasks
