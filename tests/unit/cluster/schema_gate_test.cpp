#include "cluster/schema_gate.h"

#include <fstream>

#include "cluster/identity.h"
#include "cluster/node_row.h"
#include "unit/cluster/shared_database.h"

namespace tollgate::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// On an empty database.
class SchemaGateTest : public testing::TestWithParam<sql::Dialect> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("tg-schema-" + core::random_alphanumeric(12));
    std::filesystem::create_directories(directory_);
    pool_ = test::fresh_database(GetParam(), 16, directory_.string());
  }
  void TearDown() override {
    pool_.reset();
    std::filesystem::remove_all(directory_);
  }
  SchemaResult master(const std::string& id) {
    return await_schema(*pool_, {id, 1}, {.migrate = true, .wait = seconds(30)}, [] { return false; });
  }
  SchemaResult slave(milliseconds wait) {
    return await_schema(*pool_, {"slave", 1}, {.migrate = false, .wait = wait}, [] { return false; });
  }

  std::filesystem::path directory_;
  std::unique_ptr<sql::Pool> pool_;
};

TEST_P(SchemaGateTest, REQ_CL_24_ASlaveWaitsForTheSchemaAndGivesUpInTime) {
  EXPECT_EQ(slave(milliseconds(1)).outcome, SchemaOutcome::kWaited);
  SchemaResult waited;
  std::thread late([&] { waited = slave(seconds(30)); });
  EXPECT_EQ(master("m").outcome, SchemaOutcome::kReady);
  late.join();
  EXPECT_EQ(waited.outcome, SchemaOutcome::kReady);
}

TEST_P(SchemaGateTest, ASlaveChangesNothing) {
  slave(milliseconds(1));
  for (const char* table : {"tg_leases", "tg_schema", "users"})
    EXPECT_FALSE((*pool_->lease())->query("SELECT COUNT(*) FROM " + std::string(table), {})) << table;
}

TEST_P(SchemaGateTest, G2_OfMastersThatStartTogetherOneCompletesTheSchema) {
  std::vector<SchemaResult> results(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i)
    threads.emplace_back([&, i] { results[i] = master("m" + std::to_string(i)); });
  for (auto& thread : threads) thread.join();
  std::size_t worked = 0;
  for (const auto& result : results) {
    EXPECT_EQ(result.outcome, SchemaOutcome::kReady) << result.detail;
    worked += result.statements > 0;
  }
  EXPECT_EQ(worked, 1U);
}

TEST_P(SchemaGateTest, REQ_CL_41_ASchemaOneStepNewerIsTakenAndOneBeyondIsRefused) {
  ASSERT_EQ(master("m").outcome, SchemaOutcome::kReady);
  auto db = *pool_->lease();
  auto raise = [&](std::int64_t version) {
    return db->execute("INSERT INTO tg_schema (version, name) VALUES (?, 'later')", {sql::Param(version)});
  };
  ASSERT_TRUE(raise(kSchemaVersion + 1));
  EXPECT_EQ(slave(milliseconds(1)).outcome, SchemaOutcome::kReady);
  EXPECT_EQ(master("m").outcome, SchemaOutcome::kReady);
  ASSERT_TRUE(raise(kSchemaVersion + 2));
  EXPECT_EQ(slave(milliseconds(1)).outcome, SchemaOutcome::kTooNew);
  EXPECT_EQ(master("m").outcome, SchemaOutcome::kTooNew);
}

class IdentityTest : public SharedDatabase {
 protected:
  void SetUp() override {
    SharedDatabase::SetUp();
    std::ofstream(directory_ / "node.json") << R"({"id":"the-node","incarnation":3})";
    std::ofstream(directory_ / "journal.db") << "charges";
    row_.node_id = "the-node";
    row_.state = "ready";
    row_.advertise = "http://first:3000";
    row_.info = R"({"boot":"one"})";
    ASSERT_TRUE(write_heartbeat(*connect(), row_));
  }
  bool dropped(const std::string& address, const std::function<bool()>& wait, const std::string& boot = "one") {
    auto result = drop_copied_identity(directory_.string(), {address, boot}, *pool_, wait);
    EXPECT_TRUE(result);
    return result && *result;
  }
  bool has(const std::string& file) { return std::filesystem::exists(directory_ / file); }

  NodeRow row_;
};

TEST_P(IdentityTest, ACopiedDirectoryOfALivingNodeTakesANewIdAndKeepsItsJournalAside) {
  EXPECT_TRUE(dropped("http://second:3000", [&] {
    std::this_thread::sleep_for(milliseconds(3));
    return write_heartbeat(*connect(), row_).has_value();  // the other one lives
  }));
  EXPECT_FALSE(has("node.json"));
  EXPECT_FALSE(has("journal.db"));
  std::size_t aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    aside += entry.path().filename().string().starts_with("journal.foreign-");
  EXPECT_EQ(aside, 1U);
}

TEST_P(IdentityTest, TheSameAddressOnAnotherMachineIsAnotherPlace) {
  EXPECT_TRUE(dropped(
      "http://first:3000",
      [&] {
        std::this_thread::sleep_for(milliseconds(3));
        return write_heartbeat(*connect(), row_).has_value();
      },
      "two"));
}

TEST_P(IdentityTest, ANodeThatCrashedAndCameBackAtAnotherAddressKeepsItsIdAndItsCharges) {
  EXPECT_FALSE(dropped("http://second:3000", [&] {
    run("UPDATE tg_nodes SET heartbeat_at = heartbeat_at - 4000");  // nobody writes it, time passes
    return true;
  }));
  EXPECT_TRUE(has("node.json"));
  EXPECT_TRUE(has("journal.db"));
}

TEST_P(IdentityTest, ARestartAtTheSameAddressWaitsForNothing) {
  EXPECT_FALSE(dropped("http://first:3000", [] {
    ADD_FAILURE() << "it waited";
    return false;
  }));
  row_.state = "left";
  ASSERT_TRUE(write_heartbeat(*connect(), row_));
  EXPECT_FALSE(dropped("http://second:3000", [] {
    ADD_FAILURE() << "it waited";
    return false;
  }));
  EXPECT_TRUE(has("node.json"));
}

TOLLGATE_ON_EVERY_DATABASE(SchemaGateTest);
TOLLGATE_ON_EVERY_DATABASE(IdentityTest);

}  // namespace
}  // namespace tollgate::cluster
