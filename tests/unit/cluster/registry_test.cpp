#include "cluster/registry.h"

#include <boost/json.hpp>

#include "cluster/fingerprint.h"
#include "cluster/view.h"
#include "core/shared_clock.h"
#include "unit/cluster/shared_database.h"
#include "unit/set_clock.h"

namespace tollgate::cluster {
namespace {

using std::chrono::seconds;

struct FakeBoard final : Board {
  bool healthy() const override { return true; }
  std::string server_id() override { return id; }
  void show(const BoardEntry& entry) override {
    std::erase_if(entries, [&](const auto& old) { return old.node_id == entry.node_id; });
    entries.push_back(entry);
  }
  void take_off(const std::string&) override {}
  std::vector<BoardEntry> read() override { return entries; }
  std::string id = "redis-1";
  std::vector<BoardEntry> entries;
};

class RegistryTest : public SharedDatabase {
 protected:
  RegistrySettings settings(const std::string& name, bool master, const std::string& secret = "secret of all nodes") {
    RegistrySettings out;
    out.me = {"id-" + name, 1};
    out.name = name;
    out.master = master;
    out.version = "v1";
    out.advertise = "http://" + name + ":3000";
    out.cluster_id = *cluster_id(*connect());
    out.session_secrets = {secret};
    out.crypto_secrets = {"crypto secret"};
    return out;
  }
  std::unique_ptr<Registry> node(RegistrySettings with, Board* board = nullptr) {
    return std::make_unique<Registry>(std::move(with), *pool_, board, clock_, [this] { return report_; });
  }
  std::unique_ptr<Registry> node(const std::string& name, bool master) { return node(settings(name, master)); }
  void silence(const std::string& name, std::int64_t ms) {
    run("UPDATE tg_nodes SET heartbeat_at = heartbeat_at - " + std::to_string(ms) + " WHERE name = '" + name + "'");
  }
  static bool names(const std::vector<Warning>& warnings, const std::string& code, const std::string& text) {
    return std::ranges::any_of(warnings,
                               [&](const auto& w) { return w.code == code && w.text.find(text) != std::string::npos; });
  }

  core::ManualClock clock_{core::real_clock().unix_seconds()};  // that of the database
  NodeReport report_;
};

TEST_P(RegistryTest, REQ_CL_01_NodesAnnounceThemselvesAndNothingListsThem) {
  auto one = node("n1", true), two = node("n2", false), three = node("n3", false);
  for (auto* each : {&one, &two, &three}) (*each)->step();
  one->step();
  EXPECT_EQ(one->ready_nodes(), 3);
  auto view = *read_view(*connect());
  ASSERT_EQ(view.nodes.rows.size(), 3U);
  EXPECT_EQ(view.nodes.rows[1].name, "n2");
  EXPECT_EQ(view.nodes.rows[1].role, "slave");
  EXPECT_EQ(state_of(view.nodes.rows[1], view.nodes.now), "ready");
}

TEST_P(RegistryTest, ANodeWithoutAHeartbeatForHalfAMinuteIsLostAndNoLongerCounted) {
  auto one = node("n1", true), two = node("n2", false);
  one->step();
  two->step();
  silence("n2", 29'000);
  one->step();
  EXPECT_EQ(one->ready_nodes(), 2);
  silence("n2", 2'000);
  one->step();
  EXPECT_EQ(one->ready_nodes(), 1);
  EXPECT_TRUE(names(one->warnings(), "node_lost", "n2"));
}

TEST_P(RegistryTest, Chaos34_ANodeWhoseClockIsSetSaysSoAndIsNoLessAlive) {
  test::SetClock set(core::real_clock());
  Registry jumping(settings("n1", true), *pool_, nullptr, set, [this] { return report_; });
  core::SharedClock shared(set);
  jumping.on_time = [&](std::chrono::milliseconds lead) { shared.follow(lead); };
  auto other = node("n2", false);
  auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      jumping.step();
      other->step();
    }
  };
  rounds(9);
  EXPECT_FALSE(names(jumping.warnings(), "clock", ""));
  for (auto by : {std::chrono::hours(1), std::chrono::hours(-2)}) {
    set.set_by(by);
    // By the monotonic clock the time goes on as it did, before anybody has measured.
    EXPECT_NEAR(static_cast<double>(shared.unix_seconds()), static_cast<double>(core::real_clock().unix_seconds()), 3);
    rounds(9);
    EXPECT_NEAR(static_cast<double>(shared.unix_seconds()), static_cast<double>(core::real_clock().unix_seconds()), 3);
    EXPECT_TRUE(names(jumping.warnings(), "clock", ""));
    EXPECT_GT(std::abs(jumping.clock_offset_ms()), 3'500'000);
    jumping.step();  // its row says what the round before found
    EXPECT_EQ(text("SELECT state FROM tg_nodes WHERE name = 'n1'"), "degraded");
    other->step();
    EXPECT_EQ(other->ready_nodes(), 2);
    EXPECT_FALSE(names(other->warnings(), "node_lost", "n1"));
    EXPECT_TRUE(jumping.may_lead());
    EXPECT_FALSE(other->may_lead());
  }
  set.set_by(std::chrono::hours(1));
  rounds(10);
  EXPECT_FALSE(names(jumping.warnings(), "clock", ""));
  EXPECT_EQ(text("SELECT state FROM tg_nodes WHERE name = 'n1'"), "ready");
}

TEST_P(RegistryTest, AfterTheMachineSleptTheFirstLookFindsTheTimeAgain) {
  struct Sleeper final : core::Clock {
    core::SteadyTime steady() const override { return core::real_clock().steady() - slept; }
    core::SystemTime system() const override { return core::real_clock().system(); }
    std::chrono::hours slept{0};
  } sleeper;
  Registry one(settings("n1", true), *pool_, nullptr, sleeper, [this] { return report_; });
  core::SharedClock shared(sleeper);
  one.on_time = [&](std::chrono::milliseconds lead) { shared.follow(lead); };
  for (int i = 0; i < 9; ++i) one.step();
  sleeper.slept = std::chrono::hours(8);
  one.step();
  EXPECT_NEAR(static_cast<double>(shared.unix_seconds()), static_cast<double>(core::real_clock().unix_seconds()), 3);
}

TEST_P(RegistryTest, HowManyAreReadyIsToldWhenItChanges) {
  std::vector<std::int64_t> told;
  auto one = node("n1", true), two = node("n2", false);
  one->on_ready_nodes = [&](std::int64_t count) { told.push_back(count); };
  one->step();
  two->step();
  one->step();
  one->step();
  report_.state = "draining";
  two->step();
  report_.state = "ready";
  one->step();
  EXPECT_EQ(told, (std::vector<std::int64_t>{2, 1}));
}

TEST_P(RegistryTest, C3_REQ_CL_08_ADifferentSessionSecretIsNamedByTheMajority) {
  auto one = node("n1", true), two = node("n2", false), odd = node(settings("n3", false, "another secret"));
  for (int round = 0; round < 2; ++round)
    for (auto* each : {&one, &two, &odd}) (*each)->step();
  for (auto* each : {&one, &two, &odd}) {
    EXPECT_TRUE(names((*each)->warnings(), "session_secret", "node n3"));
    EXPECT_FALSE(names((*each)->warnings(), "session_secret", "node n1"));
  }
  EXPECT_TRUE(odd->secret_is_odd());
  EXPECT_FALSE(one->secret_is_odd());
}

TEST_P(RegistryTest, C3_OfTwoNodesTheMasterIsRight) {
  auto slave = node(settings("n1", false, "another secret")), master = node("n2", true);
  for (int round = 0; round < 2; ++round)
    for (auto* each : {&slave, &master}) (*each)->step();
  EXPECT_TRUE(names(master->warnings(), "session_secret", "node n1"));
}

TEST_P(RegistryTest, NodesInTheMiddleOfARotationAreNotOdd) {
  auto old_first = settings("n1", true), new_first = settings("n2", false);
  old_first.session_secrets = {"old secret", "new secret"};
  new_first.session_secrets = {"new secret", "old secret"};
  auto one = node(old_first), two = node(new_first);
  for (int round = 0; round < 2; ++round)
    for (auto* each : {&one, &two}) (*each)->step();
  EXPECT_FALSE(names(one->warnings(), "session_secret", ""));
  auto fresh = fingerprint("new secret", *cluster_id(*connect()));
  EXPECT_TRUE(nodes_without(*one->nodes(), fresh, true).empty());
  EXPECT_EQ(nodes_without(*one->nodes(), "000000000000", true).size(), 2U);
}

TEST_P(RegistryTest, FingerprintsTellNothingOfTheSecretAndDifferBetweenClusters) {
  EXPECT_EQ(fingerprint("secret", "cluster").size(), 12U);
  EXPECT_NE(fingerprint("secret", "cluster"), fingerprint("secret", "another"));
  // python3: hashlib.pbkdf2_hmac('sha256', b'secret', b'cluster', 200000).hex()[:12]
  EXPECT_EQ(fingerprint("secret", "cluster"), "3cd6e5e24f10");
}

TEST_P(RegistryTest, REQ_CL_03_NodesOfAnotherDatabaseOnTheSameRedisAreNamed) {
  FakeBoard board;
  auto one = node(settings("n1", true), &board);
  one->step();
  EXPECT_FALSE(one->split_database());
  board.entries.push_back({"id-x", "stranger", "another cluster", "ready", 1});
  one->step();
  EXPECT_TRUE(one->split_database());
  EXPECT_TRUE(names(one->warnings(), "split_database", "stranger"));
}

TEST_P(RegistryTest, REQ_CL_07_RowsOfOthersAreReadWhenTheBoardShowsNewsAndElseEveryThirdTime) {
  FakeBoard board;
  // The real clock: one that stands still is soon beside the database's, which calls for looks.
  auto start = [&](RegistrySettings with) {
    return std::make_unique<Registry>(std::move(with), *pool_, &board, core::real_clock(), [this] { return report_; });
  };
  auto one = start(settings("n1", true)), two = start(settings("n2", false));
  auto round = [&](Registry& registry) {
    registry.step();
    registry.show();
  };
  auto version_seen = [&] { return one->nodes()->find("id-n2")->version; };
  for (auto* each : {&one, &two, &one, &two}) round(**each);
  ASSERT_EQ(one->ready_nodes(), 2);
  // What the board does not show is seen with the third round.
  run("UPDATE tg_nodes SET version = 'v2' WHERE name = 'n2'");
  round(*one);
  round(*one);
  EXPECT_EQ(version_seen(), "v1");
  round(*one);
  EXPECT_EQ(version_seen(), "v2");
  // A restart, another state, one that vanished: at once.
  auto restarted = settings("n2", false);
  restarted.me.incarnation = 2;
  two = start(restarted);
  round(*two);
  round(*one);
  EXPECT_EQ(version_seen(), "v1");
  report_.state = "draining";
  round(*two);
  report_.state = "ready";
  round(*one);
  EXPECT_EQ(one->ready_nodes(), 1);
  round(*two);
  round(*one);
  EXPECT_EQ(one->ready_nodes(), 2);
  std::erase_if(board.entries, [](const auto& entry) { return entry.node_id == "id-n2"; });
  silence("n2", 40'000);
  round(*one);
  EXPECT_EQ(one->ready_nodes(), 1);
  EXPECT_TRUE(names(one->warnings(), "node_lost", "n2"));
}

TEST_P(RegistryTest, AWishIsSeenWithTheNextHeartbeatThoughNothingElseIsNew) {
  FakeBoard board;
  auto one = node(settings("n1", true), &board);
  for (int i = 0; i < 2; ++i) {
    one->step();
    one->show();
  }
  ASSERT_TRUE(wish(*connect(), "n1", Wish::kDrain, 0));
  one->step();
  EXPECT_TRUE(one->drained_by_request());
  one->show();
  one->step();
  one->show();
  ASSERT_TRUE(wish(*connect(), "n1", Wish::kResume, 0));
  one->step();
  EXPECT_FALSE(one->drained_by_request());
}

TEST_P(RegistryTest, REQ_CL_04_NodesWithDifferentRedisServersAreSeenThroughSql) {
  FakeBoard board, other;
  other.id = "redis-2";
  auto one = node(settings("n1", true), &board), two = node(settings("n2", false), &other);
  for (int round = 0; round < 3; ++round) {
    one->step();
    two->step();
  }
  EXPECT_TRUE(one->split_redis());
  EXPECT_TRUE(two->split_redis());
  // An emptied Redis gets a new id: for one round the rows differ.
  other.id = board.id = "redis-3";
  one->step();
  two->step();
  one->step();
  EXPECT_FALSE(one->split_redis());
}

TEST_P(RegistryTest, AMasterMayLeadUntilItIsOnItsWayOut) {
  auto master = node("n1", true);
  master->step();
  EXPECT_TRUE(master->may_lead());
  report_.state = "draining";
  master->step();
  EXPECT_FALSE(master->may_lead());
}

TEST_P(RegistryTest, REQ_CL_06_ASlaveStandsInWhenNoMasterLivedForAMinute) {
  auto master = node("n1", true), slave = node("n2", false);
  master->step();
  slave->step();
  EXPECT_FALSE(slave->may_lead());
  silence("n1", 40'000);
  run("UPDATE tg_cluster SET last_master_at = last_master_at - 40000");
  slave->step();
  EXPECT_FALSE(slave->may_lead());
  run("UPDATE tg_cluster SET last_master_at = last_master_at - 30000");
  slave->step();
  EXPECT_TRUE(slave->may_lead());
  EXPECT_TRUE(slave->standing_in());
  master->step();
  slave->step();
  EXPECT_FALSE(slave->may_lead());
}

TEST_P(RegistryTest, NoSlaveStandsInWhereNoMasterOfOursEverLived) {
  auto slave = node("n1", false);
  slave->step();
  EXPECT_FALSE(slave->may_lead());
  auto with = settings("n2", false);
  with.stand_in = StandIn::kOn;
  auto bold = node(with);
  bold->step();
  EXPECT_TRUE(bold->may_lead());
}

TEST_P(RegistryTest, ADrainAskedForIsFollowedWithTheNextHeartbeatUntilResumed) {
  std::vector<bool> told;
  auto one = node("n1", true);
  one->on_desired_drain = [&](bool drained) { told.push_back(drained); };
  one->step();
  ASSERT_TRUE(wish(*connect(), "n1", Wish::kDrain, 0));
  one->step();
  one->step();
  EXPECT_TRUE(one->drained_by_request());
  EXPECT_EQ(text("SELECT state FROM tg_nodes"), "drained");
  ASSERT_TRUE(wish(*connect(), "id-n1", Wish::kResume, 0));
  one->step();
  one->step();
  EXPECT_FALSE(one->drained_by_request());
  EXPECT_EQ(told, (std::vector<bool>{true, false}));
  EXPECT_EQ(text("SELECT state FROM tg_nodes"), "ready");
}

TEST_P(RegistryTest, SteppingDownIsDoneOnce) {
  int told = 0;
  auto one = node("n1", true);
  one->on_step_down = [&](std::chrono::milliseconds pause) {
    ++told;
    EXPECT_GT(pause, seconds(50));
  };
  one->step();
  ASSERT_TRUE(wish(*connect(), "n1", Wish::kStepDown, 60));
  one->step();
  one->step();
  EXPECT_EQ(told, 1);
}

TEST_P(RegistryTest, OnlyANodeThatIsGoneCanBeForgotten) {
  auto one = node("n1", true);
  one->step();
  EXPECT_EQ(forget_node(*connect(), "n1").error().code, core::Errc::kConflict);
  EXPECT_EQ(forget_node(*connect(), "n9").error().code, core::Errc::kNotFound);
  silence("n1", 31'000);
  EXPECT_TRUE(forget_node(*connect(), "n1"));
  EXPECT_EQ(number("SELECT COUNT(*) FROM tg_nodes"), 0);
}

TEST_P(RegistryTest, ANameOfTwoNodesIsNoName) {
  auto with = settings("same", true), other = settings("same", false);
  other.me.node_id = "id-2";
  node(with)->step();
  node(other)->step();
  EXPECT_EQ(wish(*connect(), "same", Wish::kDrain, 0).error().code, core::Errc::kConflict);
  EXPECT_TRUE(wish(*connect(), "id-2", Wish::kDrain, 0));
}

TEST_P(RegistryTest, RowsOfNodesThatLeftAreRemovedAndThoseWithMissingChargesKept) {
  const std::int64_t day = 86'400'000;
  for (const char* name : {"left", "settled", "owing", "fresh"}) node(name, false)->step();
  run("UPDATE tg_nodes SET state = 'left' WHERE name = 'left'");
  run("UPDATE tg_nodes SET journal_last_seq = 10 WHERE name IN ('settled', 'owing')");
  run("INSERT INTO tg_marks (node_id, consumer, seq, epoch, tx) VALUES ('id-settled', 'main', 10, 0, 0)");
  run("INSERT INTO tg_marks (node_id, consumer, seq, epoch, tx) VALUES ('id-owing', 'main', 9, 0, 0)");
  silence("left", day + 1'000);
  silence("settled", 8 * day);
  silence("owing", 40 * day);
  EXPECT_EQ(*remove_old_nodes(*connect()), 2);
  EXPECT_EQ(number("SELECT COUNT(*) FROM tg_nodes WHERE name IN ('owing', 'fresh')"), 2);
}

TEST_P(RegistryTest, REQ_CL_38_ANodeThatIsGoneWithChargesOnItsDiskIsListed) {
  report_.journal_last_seq = 10;
  node("n1", true)->step();
  run("INSERT INTO tg_marks (node_id, consumer, seq, epoch, tx) VALUES ('id-n1', 'main', 10, 0, 0)");
  run("INSERT INTO tg_marks (node_id, consumer, seq, epoch, tx) VALUES ('id-n1', 'log', 7, 0, 0)");
  auto view = *read_view(*connect());
  EXPECT_EQ(missing_records(view, view.nodes.rows[0]), 0);
  silence("n1", 31'000);
  view = *read_view(*connect());
  EXPECT_EQ(missing_records(view, view.nodes.rows[0]), 3);
}

TEST_P(RegistryTest, TheViewNamesTheLeaderTheLagAndNoSecret) {
  auto one = node("n1", true);
  report_.epoch = 1;
  report_.info = R"({"streams":3,"id":"a lie"})";
  one->step();
  run("UPDATE tg_versions SET version = 4 WHERE topic = 'all'");
  ASSERT_TRUE(acquire_lease(*connect(), {"id-n1", 1}, "registry", seconds(15)));
  auto view = *read_view(*connect());
  auto shown = to_json(view, "id-n1", {});
  EXPECT_EQ(shown["leader"], "n1");
  EXPECT_EQ(shown["epoch"], 4);
  auto row = shown["nodes"].as_array()[0].as_object();
  EXPECT_EQ(row["epoch_lag"], 3);
  EXPECT_EQ(row["streams"], 3);
  EXPECT_EQ(row["id"], "id-n1");
  EXPECT_EQ(row["session_fp"].as_string().size(), 8U);
  EXPECT_EQ(boost::json::serialize(shown).find("secret of all nodes"), std::string::npos);
}

TOLLGATE_ON_EVERY_DATABASE(RegistryTest);

}  // namespace
}  // namespace tollgate::cluster
