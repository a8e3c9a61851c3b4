#include "cluster/leases.h"

#include <random>

#include "model/channel.h"
#include "model/channel_status.h"
#include "sql/fence.h"
#include "unit/cluster/shared_database.h"
#include "unit/set_clock.h"

namespace tollgate::cluster {
namespace {

using std::chrono::seconds;

// The database's clock runs on by itself; a test that needs a lease to end moves the row instead of waiting.
class LeasesTest : public SharedDatabase {
 protected:
  Leases holder(const std::string& id, const core::Clock& clock) {
    return {{id, 1}, *pool_, clock, [] { return true; }};
  }
  void end_lease(const std::string& name) { run("UPDATE tg_leases SET expires_at = 1 WHERE name = '" + name + "'"); }

  core::ManualClock clock_;
};

TEST_P(LeasesTest, OneOfTwoNodesHoldsALease) {
  auto first = holder("a", clock_), second = holder("b", clock_);
  for (auto* node : {&first, &second}) node->want("channel_test");
  first.step();
  second.step();
  EXPECT_TRUE(first.holds("channel_test"));
  EXPECT_FALSE(second.holds("channel_test"));
}

TEST_P(LeasesTest, TheTokenGrowsWithEachChangeOfHolderAndNotWithARenewal) {
  auto first = holder("a", clock_), second = holder("b", clock_);
  first.want("j");
  second.want("j");
  first.step();
  EXPECT_EQ(first.held("j")->token, 1);
  clock_.advance(seconds(5));
  first.step();
  EXPECT_EQ(first.held("j")->token, 1);
  end_lease("j");
  second.step();
  EXPECT_EQ(second.held("j")->token, 2);
}

TEST_P(LeasesTest, AFrozenHolderWakesUpWithoutItsLeaseAndItsTransactionsAreRefused) {
  auto frozen = holder("a", clock_), other = holder("b", clock_);
  frozen.want("j");
  other.want("j");
  frozen.step();
  auto before = frozen.held("j");
  ASSERT_TRUE(before);
  // Twelve seconds are the fifteen of the lease less the margin; the process did not run meanwhile.
  clock_.advance(seconds(12));
  EXPECT_FALSE(frozen.holds("j"));
  end_lease("j");
  other.step();
  EXPECT_TRUE(other.holds("j"));

  auto db = connect();
  ASSERT_TRUE(db->begin());
  EXPECT_FALSE(*fence(*db, {"a", 1}, *before));
  EXPECT_TRUE(*fence(*db, {"b", 1}, *other.held("j")));
  db->rollback();
  frozen.step();
  EXPECT_FALSE(frozen.holds("j"));
}

TEST_P(LeasesTest, EachWriteOfAJobFailsOnceItsLeaseIsAnothers) {
  model::Channel channel;
  channel.key = "k";
  channel.models = "m";
  const auto id = *model::create_channel(*connect(), channel);
  auto frozen = holder("a", clock_), other = holder("b", clock_);
  frozen.want("j");
  other.want("j");
  frozen.step();
  const auto began = *frozen.held("j");
  const sql::Fence mine = [&](sql::Connection& db) { return fence(db, {"a", 1}, began); };
  auto db = connect();
  const auto balance = [&](double dollars) {
    return sql::with_fence(*db, mine,
                           [&](sql::Connection& tx) { return model::set_channel_balance(tx, id, dollars, 7); });
  };
  ASSERT_TRUE(balance(1));

  end_lease("j");
  other.step();
  const auto version = number("SELECT version FROM tg_versions WHERE topic = 'channels'");
  auto refused = balance(2);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(sql::fenced_off(refused.error()));
  auto disabled = sql::with_fence(
      *db, mine, [&](sql::Connection& tx) { return model::disable_failing(tx, id, "k", "too late", 7); });
  ASSERT_FALSE(disabled);
  EXPECT_TRUE(sql::fenced_off(disabled.error()));
  // Also when it has come back since: that is another run.
  end_lease("j");
  clock_.advance(seconds(12));
  frozen.step();
  ASSERT_TRUE(frozen.holds("j"));
  EXPECT_FALSE(balance(3));
  EXPECT_FALSE(db->in_transaction());
  EXPECT_EQ(number("SELECT status FROM channels"), 1);
  EXPECT_EQ(number("SELECT balance FROM channels"), 1);
  EXPECT_EQ(number("SELECT version FROM tg_versions WHERE topic = 'channels'"), version);
}

TEST_P(LeasesTest, AnEarlierLifeOfTheSameNodeIsAnotherHolder) {
  Leases before({"a", 1}, *pool_, clock_, [] { return true; });
  before.want("j");
  before.step();
  Leases after({"a", 2}, *pool_, clock_, [] { return true; });
  after.want("j");
  after.step();
  EXPECT_FALSE(after.holds("j"));
  end_lease("j");
  clock_.advance(seconds(5));
  after.step();
  EXPECT_EQ(after.held("j")->token, 2);
}

TEST_P(LeasesTest, SteppingDownGivesLeasesBackAtOnceAndWaits) {
  auto first = holder("a", clock_), second = holder("b", clock_);
  first.want("j");
  second.want("j");
  first.step();
  first.step_down(seconds(60));
  EXPECT_FALSE(first.holds("j"));
  second.step();
  EXPECT_TRUE(second.holds("j"));
  end_lease("j");
  clock_.advance(seconds(59));
  first.step();
  EXPECT_FALSE(first.holds("j"));
  clock_.advance(seconds(1));
  first.step();
  EXPECT_TRUE(first.holds("j"));
}

TEST_P(LeasesTest, ANodeThatMayNotHoldGivesBackWhatItHas) {
  bool may = true;
  Leases node({"a", 1}, *pool_, clock_, [&] { return may; });
  node.want("j");
  node.step();
  EXPECT_TRUE(node.holds("j"));
  may = false;
  node.step();
  EXPECT_FALSE(node.holds("j"));
  EXPECT_EQ(number("SELECT expires_at FROM tg_leases"), 0);
}

TEST_P(LeasesTest, Chaos34_AClockThatIsSetNeitherLosesALeaseNorTakesOne) {
  test::SetClock set(clock_);
  auto jumping = holder("a", set), other = holder("b", clock_);
  for (auto* node : {&jumping, &other}) node->want("j");
  jumping.step();
  ASSERT_EQ(jumping.held("j")->token, 1);
  for (auto by : {std::chrono::hours(1), std::chrono::hours(-2), std::chrono::hours(1)}) {
    set.set_by(by);
    EXPECT_TRUE(jumping.holds("j"));
    clock_.advance(seconds(5));
    jumping.step();
    other.step();
    ASSERT_TRUE(jumping.holds("j"));
    EXPECT_EQ(jumping.held("j")->token, 1);
    EXPECT_FALSE(other.holds("j"));
  }
  // And the other way round: whoever's clock is set takes nothing that is held.
  auto late = holder("c", set);
  late.want("j");
  set.set_by(std::chrono::hours(1));
  late.step();
  EXPECT_FALSE(late.holds("j"));
}

TEST_P(LeasesTest, WithoutTheDatabaseALeaseRunsOut) {
  auto node = holder("a", clock_);
  node.want("j");
  node.step();
  run("ALTER TABLE tg_leases RENAME TO away");
  clock_.advance(seconds(5));
  node.step();
  EXPECT_TRUE(node.holds("j"));
  clock_.advance(seconds(7));
  node.step();
  EXPECT_FALSE(node.holds("j"));
}

// Nodes whose own clocks run at the pace of the database's but stop for a while now and then (a process that is
// stopped), and leases that end behind their back: never do two believe to hold the same one.
TEST_P(LeasesTest, NeverDoTwoNodesBelieveAtOnceWhateverTheyMissed) {
  std::mt19937 random(20261126);
  struct Node {
    core::ManualClock clock;
    std::unique_ptr<Leases> leases;
    int frozen = 0;  // steps still missed; its clock goes on
  };
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < 3; ++i) {
    auto node = std::make_unique<Node>();
    node->leases = std::make_unique<Leases>(Owner{std::string(1, static_cast<char>('a' + i)), 1}, *pool_, node->clock,
                                            [] { return true; });
    node->leases->want("j");
    nodes.push_back(std::move(node));
  }
  int held = 0;
  std::int64_t last_token = 0;
  for (int step = 0; step < 1500; ++step) {
    // A second passes for all: for the nodes on their clocks, for the database by moving its row back.
    run("UPDATE tg_leases SET expires_at = expires_at - 1000 WHERE expires_at > 0");
    int believers = 0;
    for (auto& node : nodes) {
      node->clock.advance(seconds(1));
      if (node->frozen > 0) {
        --node->frozen;
      } else {
        if (random() % 20 == 0) node->frozen = static_cast<int>(random() % 40);
        if (random() % 50 == 0) node->leases->step_down(seconds(3));
        node->leases->step();
      }
      if (auto lease = node->leases->held("j")) {
        ++believers;
        ASSERT_GE(lease->token, last_token);
        last_token = lease->token;
      }
    }
    ASSERT_LE(believers, 1) << "step " << step;
    held += believers;
  }
  EXPECT_GT(held, 500);
  EXPECT_GT(last_token, 20);
}

TOLLGATE_ON_EVERY_DATABASE(LeasesTest);

}  // namespace
}  // namespace tollgate::cluster
