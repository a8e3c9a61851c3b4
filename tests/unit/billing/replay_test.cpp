// The journal of a node that is gone, applied by somebody else: once, also beside the node itself.
#include "billing/replay.h"

#include <fstream>

#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

constexpr std::int64_t kUser = 1;

struct Gone {
  Gone() {
    db.add_user(kUser, 200'000);
    db.run("INSERT INTO channels(id, type, " + sql::quoted(db.pool().dialect(), "key") +
               ", name, used_quota) VALUES(3, 1, 'k', 'c', 0)",
           {});
    std::ofstream(data.path() + "/node.json") << R"({"id":"gone","incarnation":1})";
  }
  std::unique_ptr<Process> start() {
    clock.advance(std::chrono::seconds(1));
    return std::make_unique<Process>("gone", data.path(), db.pool(), clock);
  }
  // A process that charged 70, of which the database knows nothing, and had two requests under way.
  void leave_behind() {
    auto node = start();
    auto held = node->acquire(node->wallet(kUser), nullptr, 100);
    auto under_way = node->slices.try_reserve(node->wallet(kUser), nullptr, core::Quota{100});
    node->journal->inflight_put(begun("begun", 33, true));
    node->journal->inflight_put(begun("waiting", 44, false));
    node->settle(std::move(held.reservation), 70);
  }
  static InflightRecord begun(const std::string& id, std::int64_t charge, bool has_begun) {
    InflightRecord record{.settle = {}, .begun = has_begun};
    record.settle.user.value = kUser;
    record.settle.charge.units = charge;
    record.settle.counts_use = true;
    record.settle.write_log = true;
    record.settle.channel.value = 3;
    record.settle.log.request_id = id;
    return record;
  }
  void lives() {
    db.run("INSERT INTO tg_nodes(node_id, state, heartbeat_at) VALUES('gone', 'ready', ?)", {INT64_MAX / 2});
  }
  core::Result<Replayed> replay() { return replay_journal(data.path(), db.pool(), db.pool(), clock); }
  std::int64_t quota() { return db.one("SELECT quota FROM users"); }
  std::int64_t slices() { return db.one("SELECT COUNT(*) FROM tg_slices"); }
  std::int64_t rows() { return db.one("SELECT COUNT(*) FROM logs"); }

  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
};

TEST(Replay, REQ_CL_38_B9_AKilledNodesJournalIsAppliedOnceAndItsSlicesGoBack) {
  Gone gone;
  gone.leave_behind();
  auto status = journal_status(gone.data.path(), gone.db.pool(), gone.db.pool(), gone.clock);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->waiting[0], 1);
  EXPECT_EQ(status->inflight, 2);
  EXPECT_EQ(status->slices, 1);
  auto done = gone.replay();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->inflight, 1);
  EXPECT_FALSE(done->slices_left);
  EXPECT_EQ(gone.quota(), 200'000 - 70 - 33);
  EXPECT_EQ(gone.slices(), 0);
  EXPECT_EQ(gone.db.one("SELECT used_quota FROM users"), 103);
  EXPECT_EQ(gone.db.one("SELECT used_quota FROM channels"), 33);
  EXPECT_EQ(gone.rows(), 2);
  ASSERT_TRUE(gone.replay());
  EXPECT_EQ(gone.quota(), 200'000 - 70 - 33);
  EXPECT_EQ(gone.rows(), 2);
  EXPECT_EQ(gone.db.one("SELECT used_quota FROM channels"), 33);
}

TEST(Replay, B9_TheNodeThatComesBackAfterItChargesNothingAgain) {
  Gone gone;
  gone.leave_behind();
  ASSERT_TRUE(gone.replay());
  auto node = gone.start();
  for (int i = 0; i < 5; ++i) {
    node->settle_idle();
    node->journal->commit_queued();
  }
  EXPECT_TRUE(node->journal->inflight()->empty());
  node->settle(node->acquire(node->wallet(kUser), nullptr, 100).reservation, 5);
  node->close();
  EXPECT_EQ(gone.quota(), 200'000 - 70 - 33 - 5);
}

TEST(Replay, B9_ACopyOfTheDirectoryOfANodeThatRunsAgainChargesNothingAgain) {
  Gone gone;
  gone.leave_behind();
  TemporaryDirectory copy;
  std::filesystem::copy(gone.data.path(), copy.path(),
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  auto node = gone.start();
  for (int i = 0; i < 5; ++i) {
    node->settle_idle();
    node->journal->commit_queued();
  }
  auto held = node->acquire(node->wallet(kUser), nullptr, 100);
  const auto slice = gone.db.one("SELECT amount FROM tg_slices");
  gone.lives();
  auto done = replay_journal(copy.path(), gone.db.pool(), gone.db.pool(), gone.clock);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->slices_left);
  EXPECT_EQ(done->inflight, 0);
  EXPECT_EQ(gone.db.one("SELECT amount FROM tg_slices"), slice);
  node->settle(std::move(held.reservation), 5);
  node->close();
  EXPECT_EQ(gone.quota(), 200'000 - 70 - 33 - 5);
}

TEST(Replay, WhatTheRestartHasClaimedIsLeftToIt) {
  Gone gone;
  gone.leave_behind();
  TemporaryDirectory copy;
  std::filesystem::copy(gone.data.path(), copy.path(),
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  auto node = gone.start();
  // Its begun requests are in its journal, and nothing of that is in the database yet.
  for (int i = 0; i < 20 && node->journal->queued() == 0; ++i) node->ledger->step();
  ASSERT_GT(node->journal->queued(), 0U);
  auto done = replay_journal(copy.path(), gone.db.pool(), gone.db.pool(), gone.clock);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->inflight, 0);
  node->journal->commit_queued();
  node->settle_idle();
  node->close();
  EXPECT_EQ(gone.quota(), 200'000 - 70 - 33);
}

TEST(Replay, ANodeThatTookSomethingMeanwhileKeepsIt) {
  Gone gone;
  gone.leave_behind();
  ASSERT_TRUE(gone.replay());
  auto node = gone.start();
  node->settle_idle();
  auto held = node->acquire(node->wallet(kUser), nullptr, 100);
  gone.lives();
  auto again = gone.replay();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->slices_left);
  EXPECT_EQ(gone.slices(), 1);
}

TEST(Replay, ADatabaseThatKnowsNoSuchNodeIsRefused) {
  Gone gone;
  gone.leave_behind();
  Database other;
  other.add_user(kUser, 1000);
  auto done = replay_journal(gone.data.path(), other.pool(), other.pool(), gone.clock);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, core::Errc::kInvalid);
  EXPECT_EQ(other.one("SELECT quota FROM users"), 1000);
}

TEST(Replay, ADirectoryWithoutAJournalIsRefusedAndLeftAsItIs) {
  Gone gone;
  TemporaryDirectory empty;
  auto done = replay_journal(empty.path(), gone.db.pool(), gone.db.pool(), gone.clock);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, core::Errc::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(empty.path()));
}

}  // namespace
}  // namespace tollgate::billing::test
