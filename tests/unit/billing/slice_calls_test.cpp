// One balance on several nodes: shares, and asking the others for what they do not use.
#include "billing/slice_calls.h"

#include <thread>

#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

constexpr std::int64_t kUser = 1;

// Nodes over one database that hear each other.
struct Cluster {
  explicit Cluster(int count, LedgerSettings settings = {}) {
    for (int i = 0; i < count; ++i) {
      directories.push_back(std::make_unique<TemporaryDirectory>());
      auto name = "n" + std::to_string(i);
      nodes.push_back(std::make_unique<Process>(name, directories.back()->path(), db.pool(), clock, settings));
      nodes.back()->ledger->set_ready_nodes(count);
      hall.enter(name, *nodes.back()->ledger);
      nodes.back()->settle_idle();
    }
  }
  ~Cluster() {
    for (auto& node : nodes) node->ledger->stop(std::chrono::steady_clock::now() + std::chrono::seconds(5));
    for (std::size_t i = 0; i < nodes.size(); ++i) hall.leave("n" + std::to_string(i));
  }
  Process& operator[](std::size_t at) { return *nodes[at]; }
  void step_all() {
    for (auto& node : nodes) node->ledger->step();
  }

  Database db;
  core::ManualClock clock;
  Hall hall;
  std::vector<std::unique_ptr<TemporaryDirectory>> directories;
  std::vector<std::unique_ptr<Process>> nodes;
};

// What a request comes to while the nodes are stepped in turn.
struct Asking {
  Asking(Process& node, std::int64_t amount, AccountPtr token = nullptr) {
    node.ledger->acquire(node.wallet(kUser), std::move(token), core::Quota{amount},
                         [this](AcquireResult answer) { result = std::move(answer); });
  }
  Asking(const Asking&) = delete;
  bool reserved() const { return result && result->outcome == AcquireOutcome::kReserved; }
  bool refused() const { return result && result->outcome == AcquireOutcome::kRefused; }
  std::optional<AcquireResult> result;
};

TEST(SliceMessage, IsReadAsItWasWritten) {
  SliceMessage ask{
      .from = "a-b", .to = {}, .call = 7, .accounts = {{AccountKind::kWallet, 1}, {AccountKind::kToken, 22}}};
  EXPECT_EQ(encode(ask), R"({"n":"a-b","c":7,"a":["user:1","token:22"]})");
  auto read = decode_slice_message(encode(ask));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->accounts, ask.accounts);
  EXPECT_EQ(read->call, 7U);
  auto answer = decode_slice_message(encode({.from = "x", .to = "a-b", .call = 7, .accounts = {}}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->to, "a-b");
}

TEST(SliceMessage, WhatIsNotOursIsNotRead) {
  for (auto text : {"", "[]", "7", "{}", R"({"n":"a"})", R"({"n":"a","c":"x","a":[]})", R"({"n":"a","c":1})",
                    R"({"n":"a","c":1,"a":["user"]})", R"({"n":"a","c":1,"a":["user:1x"]})",
                    R"({"n":"a","c":1,"a":["wallet:1"]})", R"({"n":"a","c":-1,"a":[]})"})
    EXPECT_FALSE(decode_slice_message(text)) << text;
}

TEST(AmountToTake, ServesWholeRequestsAndNoPartOfOne) {
  EXPECT_EQ(amount_to_take(10'000, 0, 700, 100, {}), 100);                // the share
  EXPECT_EQ(amount_to_take(10'000, 0, 700, 5000, {}), 700);               // what is spent in a while
  EXPECT_EQ(amount_to_take(10'000, 0, 5000, 100, {5000}), 5000);          // a request in full
  EXPECT_EQ(amount_to_take(1000, 0, 5000, 100, {5000}), 0);               // or not at all
  EXPECT_EQ(amount_to_take(1000, 300, 4000, 100, {600, 600, 600}), 900);  // those that fit
  EXPECT_EQ(amount_to_take(1000, 0, 4000, 100, {5000, 600}), 600);        // a smaller one behind a large one
  EXPECT_EQ(amount_to_take(1000, -200, 4000, 100, {5000}), 200);          // a debt is always covered
  EXPECT_EQ(amount_to_take(0, 0, 700, 0, {100}), 0);
  EXPECT_EQ(amount_to_take(-5, 0, 700, 0, {100}), 0);
}

TEST(SliceCalls, ANodeTakesItsShareAndNoMore) {
  Cluster all(4);
  all.db.add_user(kUser, 80'000);
  Asking one(all[0], 100);
  all[0].ledger->step();
  ASSERT_TRUE(one.reserved());
  EXPECT_EQ(all.db.one("SELECT quota FROM users"), 70'000);
}

TEST(SliceCalls, TheCountOfNodesChangesTheShareAtOnce) {
  Cluster all(1);
  all.db.add_user(kUser, 80'000);
  all[0].ledger->set_ready_nodes(8);
  Asking one(all[0], 100);
  all[0].ledger->step();
  ASSERT_TRUE(one.reserved());
  EXPECT_EQ(all.db.one("SELECT quota FROM users"), 75'000);
}

TEST(SliceCalls, B11_WhatIdleNodesHoldServesARequestForAllOfIt) {
  Cluster all(3);
  all.db.add_user(kUser, 90'000);
  for (std::size_t i = 0; i < 3; ++i) {
    Asking one(all[i], 1000);
    all[i].settle_idle();
    ASSERT_TRUE(one.reserved());
  }
  EXPECT_EQ(all.db.one("SELECT COUNT(*) FROM tg_slices"), 3);
  Asking whole(all[0], 90'000);
  for (int i = 0; i < 6 && !whole.result; ++i) all.step_all();
  EXPECT_TRUE(whole.reserved());
  EXPECT_EQ(all.hall.asked(), 1);
}

TEST(SliceCalls, B10_WhatRequestsOfOtherNodesHaveReservedStaysTheirs) {
  Cluster all(2);
  all.db.add_user(kUser, 10'000);
  Asking other(all[1], 4000);
  all[1].settle_idle();
  ASSERT_TRUE(other.reserved());
  Asking mine(all[0], 6001);
  for (int i = 0; i < 6 && !mine.result; ++i) all.step_all();
  ASSERT_TRUE(mine.refused());
  EXPECT_EQ(mine.result->balance.units, 10'000);
  Asking fits(all[0], 6000);
  for (int i = 0; i < 6 && !fits.result; ++i) all.step_all();
  EXPECT_TRUE(fits.reserved());
}

TEST(SliceCalls, PartsOnEveryNodeServeOneOfThoseWhoAskAtTheSameTime) {
  Cluster all(3);
  all.db.add_user(kUser, 9000);
  for (std::size_t i = 0; i < 3; ++i) {
    Asking part(all[i], 1000);
    all[i].ledger->step();
    ASSERT_TRUE(part.reserved());
  }
  Asking a(all[0], 9000), b(all[1], 9000), c(all[2], 9000);
  for (int i = 0; i < 12 && !(a.result && b.result && c.result); ++i) {
    all.step_all();
    all.clock.advance(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(a.reserved() + b.reserved() + c.reserved(), 1);
  EXPECT_EQ(a.refused() + b.refused() + c.refused(), 2);
}

TEST(SliceCalls, ANodeThatDoesNotAnswerIsWaitedForThreeTenthsOfASecond) {
  Cluster all(2);
  all.db.add_user(kUser, 10'000);
  Asking other(all[1], 4000);
  all[1].settle_idle();
  Asking mine(all[0], 9000);
  for (int i = 0; i < 5; ++i) all[0].ledger->step();
  EXPECT_FALSE(mine.result);
  all.clock.advance(std::chrono::milliseconds(299));
  all[0].settle_idle();
  EXPECT_FALSE(mine.result);
  all.clock.advance(std::chrono::milliseconds(1));
  all[0].settle_idle();
  EXPECT_TRUE(mine.refused());
}

TEST(SliceCalls, WhoeverComesWhileOthersAreAskedWaitsForTheSameAnswers) {
  Cluster all(2);
  all.db.add_user(kUser, 10'000);
  {
    Asking other(all[1], 9000);
    all[1].settle_idle();
  }
  Asking first(all[0], 5000);
  all[0].ledger->step();
  Asking second(all[0], 5000);
  all[0].ledger->step();
  EXPECT_EQ(all.hall.asked(), 1);
  for (int i = 0; i < 6 && !(first.result && second.result); ++i) all.step_all();
  EXPECT_TRUE(first.reserved());
  EXPECT_TRUE(second.reserved());
}

TEST(SliceCalls, NobodyIsAskedForAnAccountThatIsEmptyEverywhere) {
  Cluster all(2);
  all.db.add_user(kUser, 10);
  Asking mine(all[0], 5000);
  all[0].settle_idle();
  EXPECT_TRUE(mine.refused());
  EXPECT_EQ(all.hall.asked(), 0);
}

TEST(SliceCalls, TheLimitOfAKeyIsAskedForAsABalanceIs) {
  Cluster all(2);
  all.db.add_user(kUser, 1'000'000);
  all.db.add_token(7, kUser, 8000);
  {
    Asking other(all[1], 3000, all[1].token(7));
    all[1].settle_idle();
    ASSERT_TRUE(other.reserved());
  }
  Asking mine(all[0], 8000, all[0].token(7));
  for (int i = 0; i < 6 && !mine.result; ++i) all.step_all();
  EXPECT_TRUE(mine.reserved());
}

TEST(SliceCalls, ARichBalanceOnOtherNodesIsFetchedBeforeAReservationIsCutToIt) {
  Cluster all(2);
  all.db.add_user(kUser, 6'000'000);
  {
    Asking other(all[1], 2'000'000);
    all[1].settle_idle();
    ASSERT_TRUE(other.reserved());
  }
  Asking mine(all[0], 9'000'000);
  for (int i = 0; i < 6 && !mine.result; ++i) all.step_all();
  ASSERT_TRUE(mine.reserved());
  EXPECT_EQ(mine.result->reservation.amount().units, 6'000'000);
}

// Threads of clients on every node, and a balance for exactly twenty.
TEST(SliceCalls, B10_TwoHundredRequestsOnThreeNodesAgainstABalanceForTwentyPassTwenty) {
  Cluster all(3);
  all.db.add_user(kUser, 20 * 1000);
  for (auto& node : all.nodes) node->ledger->start();
  std::atomic<int> passed{0}, answered{0};
  std::mutex mutex;
  std::vector<Reservation> kept;
  auto keep = [&](Reservation held) {
    std::lock_guard lock(mutex);
    kept.push_back(std::move(held));
    ++passed;
  };
  std::vector<std::thread> clients;
  for (int client = 0; client < 20; ++client)
    clients.emplace_back([&, client] {
      auto& node = all[static_cast<std::size_t>(client % 3)];
      auto wallet = node.wallet(kUser);
      for (int i = 0; i < 10; ++i) {
        if (auto held = node.slices.try_reserve(wallet, nullptr, core::Quota{1000})) {
          keep(std::move(*held));
          ++answered;
          continue;
        }
        node.ledger->acquire(wallet, nullptr, core::Quota{1000}, [&](AcquireResult result) {
          if (result.outcome == AcquireOutcome::kReserved) keep(std::move(result.reservation));
          ++answered;
        });
      }
    });
  for (auto& client : clients) client.join();
  while (answered < 200) {
    all.clock.advance(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(passed, 20);
  kept.clear();
  for (auto& node : all.nodes) node->ledger->stop(std::chrono::steady_clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(all.db.one("SELECT quota FROM users"), 20'000);
  EXPECT_EQ(all.db.one("SELECT COUNT(*) FROM tg_slices"), 0);
}

}  // namespace
}  // namespace tollgate::billing::test
