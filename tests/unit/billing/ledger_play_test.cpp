// The production code under the play that the model of its protocol passes: journals in files, balances in SQLite.
#include <fstream>

#include "billing/lost_nodes.h"
#include "billing/replay.h"
#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

class LedgerWorld final : public World {
 public:
  LedgerWorld(int nodes, Rules rules, sql::Dialect dialect) : rules_(rules), db_(dialect) {
    const auto opening = Play::opening();
    db_.add_user(1, opening.at(Play::kRich));
    db_.add_user(2, opening.at(Play::kPoor));
    db_.add_token(1, 1, opening.at(Play::kLimit));
    for (int i = 0; i < nodes; ++i) nodes_.push_back(std::make_unique<Node>("n" + std::to_string(i)));
  }

  void advance(std::chrono::milliseconds time) override { clock_.advance(time); }
  bool runs(int node) const override { return nodes_[static_cast<std::size_t>(node)]->process != nullptr; }
  void start(int node) override {
    clock_.advance(std::chrono::milliseconds(2));
    at(node).process =
        std::make_unique<Process>(at(node).id, at(node).data.path(), db_.pool(), clock_,
                                  LedgerSettings{.minimum_take = 700, .exposure = rules_ == Rules::kStrict ? 0 : 500});
    process(node).ledger->set_ready_nodes(static_cast<std::int64_t>(nodes_.size()));
    hall_.enter(at(node).id, *process(node).ledger);
    db_.run("INSERT INTO tg_nodes(node_id, state, heartbeat_at) VALUES(?, 'ready', ?)",
            {std::string_view(at(node).id), INT64_MAX / 2});
  }
  void stop(int node) override { process(node).close(); }
  void kill(int node) override {
    at(node).holds.clear();
    hall_.leave(at(node).id);
    db_.run("DELETE FROM tg_nodes WHERE node_id = ?", {std::string_view(at(node).id)});
    at(node).process.reset();
  }
  void fault(int node, Fault fault) override { process(node).pool.fault = fault; }
  void step(int node) override { process(node).ledger->step(); }
  void step_until_idle(int node) override { process(node).settle_idle(); }

  void reserve(int node, AccountId wallet, std::optional<AccountId> token, std::int64_t amount,
               Answer answer) override {
    auto& slices = process(node).slices;
    auto from = slices.account(wallet);
    auto limit = token ? slices.account(*token) : nullptr;
    if (auto held = slices.try_reserve(from, limit, core::Quota{amount})) return keep(node, std::move(*held), answer);
    process(node).ledger->acquire(from, limit, core::Quota{amount}, [this, node, answer](AcquireResult result) {
      if (result.outcome == AcquireOutcome::kReserved) return keep(node, std::move(result.reservation), answer);
      answer({result.outcome, 0, 0});
    });
  }
  std::int64_t settle(int node, std::uint64_t hold, std::int64_t charge) override {
    auto held = std::move(at(node).holds.extract(hold).mapped());
    const auto token = held.token() ? held.token()->id.id : 0;
    process(node).settle(std::move(held), charge, token);
    return process(node).journal->last_seq();
  }
  void release(int node, std::uint64_t hold) override { at(node).holds.erase(hold); }
  std::optional<std::int64_t> free(int node, AccountId account) override {
    auto found = runs(node) ? process(node).slices.find(account) : nullptr;
    return found ? std::optional(found->free.load()) : std::nullopt;
  }

  std::int64_t balance(AccountId account) override {
    return db_.one(account.kind == AccountKind::kWallet ? "SELECT quota FROM users WHERE id = ?"
                                                        : "SELECT remain_quota FROM tokens WHERE id = ?",
                   {account.id});
  }
  std::int64_t used(AccountId account) override {
    return db_.one(account.kind == AccountKind::kWallet ? "SELECT used_quota FROM users WHERE id = ?"
                                                        : "SELECT used_quota FROM tokens WHERE id = ?",
                   {account.id});
  }
  std::int64_t slice(AccountId account, int node) override {
    return db_.one("SELECT amount FROM tg_slices WHERE kind = ? AND account_id = ? AND node_id = ?",
                   {to_string(account.kind), account.id, std::string_view(at(node).id)});
  }
  std::int64_t mark(int node) override {
    return db_.one("SELECT seq FROM tg_marks WHERE node_id = ? AND consumer = 'main'", {std::string_view(at(node).id)});
  }
  void add(AccountId account, std::int64_t delta) override {
    auto lease = db_.pool().lease();
    ASSERT_TRUE(credit(**lease, account, core::Quota{delta}));
  }
  void set(AccountId account, std::int64_t wanted) override {
    auto lease = db_.pool().lease();
    ASSERT_TRUE(set_balance(**lease, account, core::Quota{wanted}));
  }
  void give_up(int node) override {
    auto lease = db_.pool().lease();
    ASSERT_TRUE(give_back_slices(**lease, at(node).id));
  }
  void replay(int node) override {
    auto done = replay_journal(at(node).data.path(), db_.pool(), db_.pool(), clock_);
    // Before its first transaction the database does not know it; before its first start there is no journal.
    if (!done) EXPECT_NE(done.error().code, core::Errc::kUnavailable) << done.error().message;
  }
  void remember() override {
    for (std::string table : {"users", "tokens", "tg_slices", "tg_marks"}) {
      db_.run("DROP TABLE IF EXISTS old_" + table, {});
      db_.run("CREATE TABLE old_" + table + " AS SELECT * FROM " + table, {});
    }
  }
  void rewind() override {
    for (std::string table : {"users", "tokens", "tg_slices", "tg_marks"}) {
      db_.run("DELETE FROM " + table, {});
      db_.run("INSERT INTO " + table + " SELECT * FROM old_" + table, {});
    }
  }

 private:
  struct Node {
    explicit Node(std::string name) : id(std::move(name)) {
      std::ofstream(data.path() + "/node.json") << R"({"id":")" << id << R"(","incarnation":1})";
    }
    std::string id;
    TemporaryDirectory data;
    std::unique_ptr<Process> process;
    std::map<std::uint64_t, Reservation> holds;
  };
  Node& at(int node) { return *nodes_[static_cast<std::size_t>(node)]; }
  Process& process(int node) { return *at(node).process; }
  void keep(int node, Reservation held, const Answer& answer) {
    const auto amount = held.amount().units;
    at(node).holds.emplace(++last_hold_, std::move(held));
    answer({AcquireOutcome::kReserved, last_hold_, amount});
  }

  Rules rules_;
  Database db_;
  core::ManualClock clock_;
  Hall hall_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::uint64_t last_hold_ = 0;
};

std::string name(Rules rules) {
  return rules == Rules::kStrict ? "Strict" : rules == Rules::kOverdraw ? "Overdraw" : "Rewind";
}

class LedgerPlay : public ::testing::TestWithParam<Rules> {};

TEST_P(LedgerPlay, I1_I2_I3_I4_I5_B9_HoldOnOneToFourNodes) {
  for (int nodes = 1; nodes <= 4; ++nodes) {
    LedgerWorld world(nodes, GetParam(), sql::Dialect::kSqlite);
    Play play(world, nodes, GetParam(), static_cast<std::uint64_t>(nodes));
    auto broken = play.run(3000);
    ASSERT_FALSE(broken) << *broken << ", " << nodes << " nodes";
    EXPECT_GT(play.count().admitted, 100);
    EXPECT_GT(play.count().settled, 100);
    EXPECT_GT(play.count().kills, 0);
    EXPECT_GT(play.count().quiet, 0);
    EXPECT_GT(play.count().gathered, 0);
    EXPECT_GT(play.count().replays, 0);
  }
}
INSTANTIATE_TEST_SUITE_P(Each, LedgerPlay, ::testing::Values(Rules::kStrict, Rules::kOverdraw, Rules::kRewind),
                         [](const auto& info) { return name(info.param); });

// Three nodes over a server. TOLLGATE_PLAY_STEPS plays longer.
class LedgerPlayOnServers : public ::testing::TestWithParam<std::tuple<Rules, sql::Dialect>> {};

TEST_P(LedgerPlayOnServers, I1_I2_I3_I4_I5_B9_HoldOnThreeNodes) {
  const auto [rules, dialect] = GetParam();
  const char* more = std::getenv("TOLLGATE_PLAY_STEPS");
  LedgerWorld world(3, rules, dialect);
  Play play(world, 3, rules, 11);
  auto broken = play.run(more ? std::atoi(more) : 800);
  ASSERT_FALSE(broken) << *broken;
  EXPECT_GT(play.count().admitted, 50);
  EXPECT_GT(play.count().settled, 50);
  EXPECT_GT(play.count().kills, 0);
}
INSTANTIATE_TEST_SUITE_P(Each, LedgerPlayOnServers,
                         ::testing::Combine(::testing::Values(Rules::kStrict, Rules::kOverdraw, Rules::kRewind),
                                            ::testing::Values(sql::Dialect::kMysql, sql::Dialect::kPostgres)),
                         [](const auto& info) {
                           return name(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) == sql::Dialect::kMysql ? "OnMysql" : "OnPostgres");
                         });

}  // namespace
}  // namespace tollgate::billing::test
