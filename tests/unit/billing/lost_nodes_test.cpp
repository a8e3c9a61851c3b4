// Slices of nodes that vanished: when they go back, and what a journal that comes later finds.
#include "billing/lost_nodes.h"

#include "sql/server_clock.h"
#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

constexpr std::int64_t kUser = 1;

struct Lost {
  Lost() {
    db.add_user(kUser, 200'000);
    db.add_token(7, kUser, 30'000);
    Process node("lost", data.path(), db.pool(), clock);
    auto held = node.acquire(node.wallet(kUser), node.token(7), 100);
    auto second = node.acquire(node.wallet(kUser), node.token(7), 100);
    node.settle(std::move(held.reservation), 70, 7);
    second.reservation.release();
  }
  // As the registry would show it.
  void last_heard(std::int64_t seconds_ago, std::string_view info = "{}") {
    auto lease = db.pool().lease();
    const auto now = (*lease)->query("SELECT " + sql::server_now_ms((*lease)->dialect()))->front().integer(0);
    db.run("DELETE FROM tg_nodes", {});
    db.run("INSERT INTO tg_nodes(node_id, name, state, heartbeat_at, info) VALUES('lost', 'lost', 'ready', ?, ?)",
           {now - seconds_ago * 1000, info});
  }
  std::vector<std::string> past(std::chrono::milliseconds hold) {
    auto lease = db.pool().lease();
    return *nodes_past_hold(**lease, "me", hold);
  }
  std::int64_t wallet() { return db.one("SELECT quota FROM users"); }
  std::int64_t key() { return db.one("SELECT remain_quota FROM tokens"); }
  std::int64_t slices() { return db.one("SELECT COUNT(*) FROM tg_slices"); }

  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
};

TEST(LostNodes, REQ_CL_38_TheirSlicesWaitForTheHoldAndNoLonger) {
  Lost lost;
  lost.last_heard(59);
  EXPECT_TRUE(lost.past(std::chrono::seconds(60)).empty());
  lost.last_heard(62);
  EXPECT_EQ(lost.past(std::chrono::seconds(60)), std::vector<std::string>{"lost"});
}

TEST(LostNodes, ANodeSaysItselfHowLongItsSlicesWait) {
  Lost lost;
  lost.last_heard(62, R"({"lost_hold_ms":60000})");
  EXPECT_EQ(lost.past(std::chrono::hours(24)).size(), 1U);
  lost.last_heard(62, R"({"lost_hold_ms":86400000})");
  EXPECT_TRUE(lost.past(std::chrono::seconds(60)).empty());
  lost.last_heard(62, "not JSON");
  EXPECT_TRUE(lost.past(std::chrono::hours(24)).empty());
}

TEST(LostNodes, ANodeNeverTakesItselfForLost) {
  Lost lost;
  lost.last_heard(100'000);
  auto lease = lost.db.pool().lease();
  EXPECT_TRUE(nodes_past_hold(**lease, "lost", std::chrono::seconds(1))->empty());
}

TEST(LostNodes, ANodeInNoRegistryIsKnownByItsSlices) {
  Lost lost;
  lost.db.run("DELETE FROM tg_nodes", {});
  // The fixture's clock stands in the past.
  EXPECT_EQ(lost.past(std::chrono::hours(24)).size(), 1U);
  lost.db.run("UPDATE tg_slices SET updated_at = ?", {core::real_clock().unix_millis()});
  EXPECT_TRUE(lost.past(std::chrono::hours(24)).empty());
}

TEST(LostNodes, B9_AJournalThatComesLaterChargesTheBalances) {
  Lost lost;
  const auto slice = lost.db.one("SELECT amount FROM tg_slices WHERE kind = 'user'");
  const auto before = lost.wallet();
  auto lease = lost.db.pool().lease();
  auto moves = give_back_slices(**lease, "lost");
  ASSERT_TRUE(moves);
  EXPECT_EQ(moves->size(), 2U);
  EXPECT_EQ(lost.wallet(), before + slice);
  EXPECT_EQ(lost.slices(), 0);
  lost.clock.advance(std::chrono::hours(1));
  Process back("lost", lost.data.path(), lost.db.pool(), lost.clock);
  back.settle_idle();
  back.close();
  EXPECT_EQ(lost.wallet(), 200'000 - 70);
  EXPECT_EQ(lost.key(), 30'000 - 70);
}

TEST(LostNodes, WhoeverLostTheLeaseMovesNothing) {
  Lost lost;
  const auto before = lost.wallet();
  auto lease = lost.db.pool().lease();
  auto moves = give_back_slices(**lease, "lost", [](sql::Connection& db) -> sql::Result<bool> {
    EXPECT_TRUE(db.in_transaction());
    return false;
  });
  ASSERT_TRUE(moves);
  EXPECT_TRUE(moves->empty());
  EXPECT_EQ(lost.wallet(), before);
  EXPECT_EQ(lost.slices(), 2);
}

TEST(LostNodes, AnAccountThatIsGoneTakesItsSliceWithIt) {
  Lost lost;
  lost.db.run("DELETE FROM tokens", {});
  auto lease = lost.db.pool().lease();
  ASSERT_TRUE(give_back_slices(**lease, "lost"));
  EXPECT_EQ(lost.slices(), 0);
}

TEST(LostNodes, MoreAccountsThanOneTransactionTakes) {
  Database db;
  for (std::int64_t id = 1; id <= 450; ++id) {
    db.add_user(id, 10);
    db.run("INSERT INTO tg_slices(kind, account_id, node_id, amount, updated_at) VALUES('user', ?, 'lost', 5, 1)",
           {id});
  }
  auto lease = db.pool().lease();
  auto moves = give_back_slices(**lease, "lost");
  ASSERT_TRUE(moves);
  EXPECT_EQ(moves->size(), 450U);
  EXPECT_EQ(db.one("SELECT SUM(quota) FROM users"), 450 * 15);
}

TEST(DataDirectory, ADiskLastsAndMemoryDoesNot) {
  if (std::filesystem::exists("/dev/shm")) EXPECT_FALSE(directory_lasts("/dev/shm"));
  EXPECT_TRUE(directory_lasts("/no/such/directory"));
}

}  // namespace
}  // namespace tollgate::billing::test
