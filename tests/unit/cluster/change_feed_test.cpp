#include "cluster/change_feed.h"

#include <atomic>

#include "model/channel.h"
#include "model/option.h"
#include "model/version.h"
#include "unit/cluster/shared_database.h"

namespace tollgate::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What a node has in force is the one option that these tests change.
class ChangeFeedTest : public SharedDatabase {
 protected:
  struct Node {
    Node(ChangeFeedTest& test, std::string id, Mixed mixed = Mixed::kOff, seconds period = seconds(60))
        : signals(test.hub_),
          feed({.node_id = std::move(id), .cluster_id = "c", .period = period, .mixed = mixed}, *test.pool_, signals,
               test.clock_,
               {.reload = [this, &test]() -> core::Result<std::uint64_t> {
                  ++reloads;
                  value = test.text("SELECT value FROM options WHERE " + test.key() + " = 'Notice'");
                  return std::hash<std::string>{}(value);
                },
                .user =
                    [this](core::UserId id, core::SteadyTime read_before) {
                      if (read < read_before) users.push_back(id.value);
                    },
                .token =
                    [this](core::TokenId id, core::SteadyTime read_before) {
                      if (read < read_before) tokens.push_back(id.value);
                    },
                .everyone = [this] { ++everyone; }}) {
      EXPECT_TRUE(feed.load());
    }
    LocalSignals signals;
    std::atomic<int> reloads{0}, everyone{0};
    std::string value;
    core::SteadyTime read{};  // when it read the users and keys that it holds
    std::vector<std::int64_t> users, tokens;
    ChangeFeed feed;
  };
  void save(const std::string& value) { ASSERT_TRUE(model::save_option(*connect(), "Notice", value)); }
  template <class Predicate>
  bool soon(Predicate predicate) {
    for (int i = 0; i < 2000 && !predicate(); ++i) std::this_thread::sleep_for(milliseconds(1));
    return predicate();
  }

  core::ManualClock clock_;
  LocalSignals::Hub hub_;
};

TEST_P(ChangeFeedTest, AChangeRaisesItsTopicAndAllInTheSameTransaction) {
  const auto all = number("SELECT version FROM tg_versions WHERE topic = 'all'");
  const auto options = number("SELECT version FROM tg_versions WHERE topic = 'options'");
  const auto channels = number("SELECT version FROM tg_versions WHERE topic = 'channels'");
  save("one");
  model::Channel channel;
  channel.models = "m";
  ASSERT_TRUE(model::create_channel(*connect(), channel));
  EXPECT_EQ(number("SELECT version FROM tg_versions WHERE topic = 'options'"), options + 1);
  EXPECT_EQ(number("SELECT version FROM tg_versions WHERE topic = 'channels'"), channels + 1);
  EXPECT_EQ(number("SELECT version FROM tg_versions WHERE topic = 'all'"), all + 2);

  auto db = connect();
  ASSERT_TRUE(db->begin());
  ASSERT_TRUE(model::save_option(*db, "Notice", "two"));
  db->rollback();
  EXPECT_EQ(number("SELECT version FROM tg_versions WHERE topic = 'all'"), all + 2);
}

TEST_P(ChangeFeedTest, DeletingAChannelThatIsNotThereRaisesNothing) {
  const auto all = number("SELECT version FROM tg_versions WHERE topic = 'all'");
  ASSERT_FALSE(*model::delete_channel(*connect(), core::ChannelId{77}));
  EXPECT_EQ(number("SELECT version FROM tg_versions WHERE topic = 'all'"), all);
}

TEST_P(ChangeFeedTest, C1_ASignalBringsAChangeIntoForceOnTheOtherNode) {
  Node here(*this, "a"), there(*this, "b");
  here.feed.start();
  there.feed.start();
  save("new");
  ASSERT_TRUE(here.feed.changed());
  EXPECT_EQ(here.value, "new");
  // The other's thread waits on the manual clock's word for how long; time passes in small steps.
  EXPECT_TRUE(soon([&] {
    clock_.advance(milliseconds(10));
    return there.feed.epoch() == here.feed.epoch();
  }));
  there.feed.stop();
  EXPECT_EQ(there.value, "new");
  EXPECT_EQ(there.feed.versions(), here.feed.versions());
}

TEST_P(ChangeFeedTest, C1_WithoutSignalsPollingFindsAChangeWithinThePeriod) {
  Node here(*this, "a"), there(*this, "b");
  there.signals.set_healthy(false);
  there.feed.step();  // sets the times
  save("new");
  ASSERT_TRUE(here.feed.changed());
  clock_.advance(seconds(60));
  there.feed.step();
  EXPECT_EQ(there.value, "new");
}

TEST_P(ChangeFeedTest, ANodeThatSawAChangeLooksEveryTwoSecondsForAWhile) {
  Node here(*this, "a"), there(*this, "b");
  for (auto* node : {&here, &there}) {
    node->signals.set_healthy(false);
    node->feed.step();  // sets the times
  }
  save("first");
  ASSERT_TRUE(here.feed.changed());  // it made one itself
  save("second");
  clock_.advance(seconds(2));
  here.feed.step();
  EXPECT_EQ(here.value, "second");
  // The one that saw nothing waits for its period.
  there.feed.step();
  EXPECT_NE(there.value, "second");
}

TEST_P(ChangeFeedTest, ABurstOfSignalsIsOneReload) {
  Node there(*this, "b");
  there.feed.step();
  LocalSignals other(hub_);
  other.subscribe([](std::string_view) {}, [] {});
  there.feed.start();
  const int before = there.reloads;
  for (int i = 0; i < 20; ++i) save(std::to_string(i));
  const auto version = number("SELECT version FROM tg_versions WHERE topic = 'options'");
  for (int i = 0; i < 20; ++i)
    other.publish(R"({"t":"options","n":"x","c":"c","v":)" + std::to_string(version - 19 + i) + "}");
  EXPECT_EQ(there.reloads, before);  // not before the burst had time to end
  clock_.advance(milliseconds(300));
  EXPECT_TRUE(
      soon([&] { return there.feed.epoch() == number("SELECT version FROM tg_versions WHERE topic = 'all'"); }));
  there.feed.stop();
  EXPECT_EQ(there.reloads, before + 1);
}

TEST_P(ChangeFeedTest, MessagesOfAnotherClusterOnTheSameServerAreIgnored) {
  Node there(*this, "b");
  there.feed.start();
  LocalSignals other(hub_);
  other.subscribe([](std::string_view) {}, [] {});
  other.publish(R"({"t":"user","n":"x","c":"another","e":[1]})");
  other.publish(R"({"t":"user","n":"x","c":"c","e":[2]})");
  other.publish("no JSON");
  other.publish(R"({"t":["user"],"n":7,"c":"c","e":"x"})");
  there.feed.stop();
  EXPECT_EQ(there.users, std::vector<std::int64_t>{2});
}

TEST_P(ChangeFeedTest, UsersAndKeysAreForgottenByTheOthersAndEverythingAfterAGap) {
  Node here(*this, "a"), there(*this, "b");
  here.feed.start();
  there.feed.start();
  here.feed.user_changed(core::UserId{5});
  here.feed.token_changed(core::TokenId{6});
  EXPECT_EQ(there.users, std::vector<std::int64_t>{5});
  EXPECT_EQ(there.tokens, std::vector<std::int64_t>{6});
  EXPECT_TRUE(here.users.empty());
  there.signals.set_healthy(true);  // after a reconnect
  EXPECT_TRUE(soon([&] { return there.everyone == 1; }));
  here.feed.stop();
  there.feed.stop();
}

TEST_P(ChangeFeedTest, ARevocationThatCouldNotBeToldIsFoundWhenSignalsComeBack) {
  Node here(*this, "a"), there(*this, "b");
  here.feed.start();
  there.feed.start();
  here.signals.set_healthy(false);
  here.feed.token_changed(core::TokenId{9});
  here.feed.token_changed(core::TokenId{9});
  here.feed.user_changed(core::UserId{4});
  EXPECT_TRUE(there.tokens.empty());
  there.signals.set_healthy(true);
  EXPECT_TRUE(soon([&] { return there.everyone == 1; }));
  here.feed.stop();
  there.feed.stop();
  EXPECT_EQ(there.tokens, std::vector<std::int64_t>{9});
  EXPECT_EQ(there.users, std::vector<std::int64_t>{4});
}

// What it holds is older than the change, or younger.
TEST_P(ChangeFeedTest, C1_WhatWasTakenBackWhileANodeHeardNothingIsForgottenByItWithoutTheDatabase) {
  hub_.now = [this] { return clock_.steady(); };
  Node here(*this, "a"), there(*this, "b");
  here.feed.start();
  there.feed.start();
  there.read = clock_.steady();
  there.signals.set_healthy(false);
  clock_.advance(seconds(60));
  here.feed.token_changed(core::TokenId{9});
  here.feed.user_changed(core::UserId{4});
  EXPECT_TRUE(there.tokens.empty());
  run("DELETE FROM tg_revocations");  // nothing that it could read in the database
  clock_.advance(seconds(60));
  there.signals.set_healthy(true);
  EXPECT_TRUE(soon([&] { return there.everyone == 1; }));
  there.feed.stop();
  EXPECT_EQ(there.tokens, std::vector<std::int64_t>{9});
  EXPECT_EQ(there.users, std::vector<std::int64_t>{4});

  Node fresh(*this, "c");
  fresh.read = clock_.steady();  // a minute after the change: it has seen it
  fresh.feed.start();
  fresh.signals.set_healthy(true);
  EXPECT_TRUE(soon([&] { return fresh.everyone == 1; }));
  fresh.feed.stop();
  here.feed.stop();
  EXPECT_TRUE(fresh.tokens.empty());
}

TEST_P(ChangeFeedTest, WhatWasNotedInTheDatabaseIsToldToNodesThatCannotReadIt) {
  Node here(*this, "a"), there(*this, "b"), third(*this, "c");
  for (auto* node : {&here, &there, &third}) node->feed.start();
  here.signals.set_healthy(false);
  here.feed.token_changed(core::TokenId{9});
  EXPECT_TRUE(third.tokens.empty());
  there.signals.set_healthy(true);  // it reads what was noted, and tells it
  EXPECT_TRUE(soon([&] { return there.everyone == 1; }));
  for (auto* node : {&here, &there, &third}) node->feed.stop();
  EXPECT_EQ(third.tokens, std::vector<std::int64_t>{9});
}

TEST_P(ChangeFeedTest, ANodeThatIsBehindLoadsBeforeItAnswersWhoeverSawMore) {
  Node here(*this, "a"), there(*this, "b");
  save("new");
  ASSERT_TRUE(here.feed.changed());
  const int before = there.reloads;
  there.feed.catch_up(here.feed.versions());
  EXPECT_EQ(there.value, "new");
  there.feed.catch_up(here.feed.versions());
  there.feed.catch_up("channels=x");
  there.feed.catch_up("nonsense");
  EXPECT_EQ(there.reloads, before + 1);
}

TEST_P(ChangeFeedTest, C1_AChangeMayWaitUntilItWasSeenByEveryReadyNode) {
  const auto row = [&](const std::string& id, const std::string& state) {
    run("INSERT INTO tg_nodes (node_id, state, heartbeat_at, epoch) VALUES ('" + id + "', '" + state + "', " + now() +
        ", 0)");
  };
  row("a", "ready");
  row("b", "ready");
  row("gone", "left");
  Node here(*this, "a"), there(*this, "b");
  here.feed.start();
  there.feed.start();
  save("new");
  ASSERT_TRUE(here.feed.changed());
  Seen seen;
  std::thread time([&] {
    for (int i = 0; i < 3000 && seen.of == 0; ++i) {
      clock_.advance(milliseconds(1));
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  const auto answer = here.feed.wait_for_all();
  seen = answer;
  time.join();
  EXPECT_EQ(answer.nodes, 2U);
  EXPECT_EQ(answer.of, 2U);
  here.feed.stop();
  there.feed.stop();
}

TEST_P(ChangeFeedTest, AChangeWithoutAVersionIsFoundByComparingAndNoted) {
  Node node(*this, "a", Mixed::kAuto);
  node.feed.step();
  EXPECT_FALSE(node.feed.mixed());
  run("INSERT INTO options (" + key() + ", value) VALUES ('Notice', 'by another program')");
  clock_.advance(seconds(60));
  node.feed.step();
  EXPECT_EQ(node.value, "by another program");
  EXPECT_TRUE(node.feed.mixed());
  clock_.advance(std::chrono::hours(25));
  EXPECT_FALSE(node.feed.mixed());
}

TEST_P(ChangeFeedTest, AReloadThatFailedIsTriedAgainSoon) {
  Node node(*this, "a");
  node.feed.step();
  save("new");
  run("ALTER TABLE tg_versions RENAME TO away");
  clock_.advance(seconds(60));
  node.feed.step();
  EXPECT_EQ(node.value, "");
  run("ALTER TABLE away RENAME TO tg_versions");
  clock_.advance(seconds(2));
  node.feed.step();
  EXPECT_EQ(node.value, "new");
}

TOLLGATE_ON_EVERY_DATABASE(ChangeFeedTest);

}  // namespace
}  // namespace tollgate::cluster
