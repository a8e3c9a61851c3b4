#include "doctor/doctor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cluster/fingerprint.h"
#include "cluster/registry.h"
#include "unit/cluster/shared_database.h"

namespace tollgate::doctor {
namespace {

TEST(Report, IsReadByPeopleAndPrograms) {
  Report report;
  report.pass("A-01", "first", "it is \"well\"");
  report.warn("A-02", "second", "odd", "because", "do this");
  EXPECT_EQ(report.exit_code(), 0);
  report.fail("A-03", "third", "bad", "since", "do that");
  EXPECT_EQ(report.exit_code(), 1);
  auto text = report.text("n1");
  EXPECT_NE(text.find(" FAIL A-03     third                  bad\n      since\n      → do that\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("1 warning, 1 failure; exit 1\n"), std::string::npos) << text;
  auto json = report.json("n1");
  EXPECT_NE(json.find(R"({"id":"A-01","name":"first","severity":"info","result":"PASS","evidence":"it is \"well\"",)"),
            std::string::npos)
      << json;
}

// A database with nodes in its registry; the doctor stands beside them.
class DoctorTest : public cluster::SharedDatabase {
 protected:
  void SetUp() override {
    SharedDatabase::SetUp();
    data_ = std::filesystem::temp_directory_path() / ("tollgate-doctor-" + std::to_string(::getpid()));
    std::filesystem::create_directories(data_);
    core::ConfigSources sources;
    sources.env_file = "/does/not/exist";
    sources.environment = {{"SESSION_SECRET", secret_}, {"TOLLGATE_DATA_DIR", data_.string()}};
    core::ConfigReport report;
    config_.emplace(core::Config::load(sources, report));
    id_ = *cluster::cluster_id(*connect());
  }
  void TearDown() override {
    std::filesystem::remove_all(data_);
    SharedDatabase::TearDown();
  }

  struct Node {
    std::string name;
    std::string secret = secret_;
    std::string info = "{}";
    std::string redis_id = "redis-1";
    std::string tz = "UTC";
    bool master = false;
  };
  void beat(const Node& node) {
    cluster::NodeRow row;
    row.node_id = "id-" + node.name;
    row.incarnation = 1;
    row.name = node.name;
    row.role = node.master ? "master" : "slave";
    row.version = "v1";
    row.schema_min = row.schema_max = 1;
    row.state = "ready";
    row.session_fp = cluster::fingerprint(node.secret, id_);
    row.crypto_fp = cluster::fingerprint("crypto", id_);
    row.cluster_id = id_;
    row.redis_id = node.redis_id;
    row.tz = node.tz;
    row.started_at = core::real_clock().unix_millis() - 600'000;
    row.info = node.info;
    ASSERT_TRUE(cluster::write_heartbeat(*connect(), row));
  }
  Report examine(std::string secret = secret_) {
    Setting setting{.config = *config_,
                    .configuration = configuration_,
                    .asked = {},
                    .version = "v1",
                    .session_secrets = {std::move(secret)},
                    .crypto_secrets = {"crypto"},
                    .main = nullptr,
                    .log = nullptr,
                    .main_error = {},
                    .log_error = {},
                    .main_place = "shared.db",
                    .log_place = {},
                    .redis = redis::Settings{}};
    if (auto opened = sql::open_sqlite((directory_ / "shared.db").string(), 2)) setting.main = std::move(*opened);
    return doctor::examine(setting);
  }
  static std::vector<std::string> at(const Report& report, Verdict verdict) {
    std::vector<std::string> ids;
    for (const auto& finding : report.findings())
      if (finding.verdict == verdict) ids.push_back(finding.id);
    return ids;
  }
  static std::string evidence(const Report& report, std::string_view id) {
    for (const auto& finding : report.findings())
      if (finding.id == id && finding.verdict != Verdict::kPass)
        return finding.evidence + finding.cause + finding.remedy;
    return {};
  }
  static bool says(const Report& report, std::string_view id, std::string_view part) {
    return evidence(report, id).find(part) != std::string::npos;
  }

  inline static const std::string secret_ = "a secret that all nodes share";
  std::filesystem::path data_;
  std::optional<core::Config> config_;
  core::ConfigReport configuration_;
  std::string id_;
};

TEST_P(DoctorTest, FindsNothingWrongWithNodesThatAgree) {
  beat({.name = "master", .master = true});
  beat({.name = "n2"});
  auto report = examine();
  EXPECT_EQ(at(report, Verdict::kFail), std::vector<std::string>{}) << report.text("");
  for (auto id : {"C-03", "C-04", "C-05", "C-06", "S-01", "S-02", "S-03", "J-01", "J-02", "J-03", "D-DATA"})
    EXPECT_TRUE(std::ranges::count(at(report, Verdict::kPass), id)) << id << report.text("");
}

TEST_P(DoctorTest, REQ_CL_46_NamesTheNodeWithAnotherSessionSecret) {
  beat({.name = "master", .master = true});
  beat({.name = "n2"});
  beat({.name = "n3", .secret = "another secret of this one"});
  auto report = examine();
  EXPECT_TRUE(says(report, "S-02", "n3")) << report.text("");
  EXPECT_FALSE(says(report, "S-02", "n2"));
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_EQ(report.text("").find("another secret"), std::string::npos) << "secrets are not shown";
  EXPECT_EQ(report.text("").find(secret_), std::string::npos);
}

TEST_P(DoctorTest, REQ_CL_46_SaysSoWhenItIsThisMachineThatDiffers) {
  beat({.name = "master", .master = true});
  beat({.name = "n2"});
  EXPECT_TRUE(says(examine("a secret of this machine alone"), "S-02", "here"));
}

TEST_P(DoctorTest, REQ_CL_44_NamesNodesOnAnotherRedisAndNodesThatHearNothing) {
  beat({.name = "master", .master = true});
  beat({.name = "n2", .redis_id = "redis-2"});
  auto report = examine();
  EXPECT_TRUE(says(report, "C-03", "split Redis")) << report.text("");
}

TEST_P(DoctorTest, REQ_CL_45_SuggestsWeightsForALopsidedShare) {
  beat({.name = "master", .info = R"({"requests_taken":900,"cores":4})", .master = true});
  beat({.name = "n2", .info = R"({"requests_taken":50,"cores":4})"});
  beat({.name = "n3", .info = R"({"requests_taken":50,"cores":2})"});
  auto report = examine();
  EXPECT_TRUE(says(report, "L-01", "master 90 %")) << report.text("");
  EXPECT_TRUE(says(report, "L-01", "master weight=4, n2 weight=4, n3 weight=2")) << report.text("");
  EXPECT_EQ(report.exit_code(), 0) << "a warning";
}

TEST_P(DoctorTest, WarnsOfClocksZonesAndAMissingMaster) {
  beat({.name = "n2", .info = R"({"clock_offset_ms":-9000})"});
  beat({.name = "n3", .tz = "Asia/Shanghai"});
  auto report = examine();
  EXPECT_TRUE(says(report, "C-04", "none")) << report.text("");
  EXPECT_TRUE(says(report, "C-05", "n2 -9000 ms")) << report.text("");
}

TEST_P(DoctorTest, FailsForChargesInQuarantineAndJournalsOfNodesThatAreGone) {
  beat({.name = "master", .master = true});
  run("INSERT INTO tg_quarantine (node_id, seq, consumer, at, error, record) VALUES ('x', 1, 'main', 0, 'no', '')");
  EXPECT_TRUE(says(examine(), "J-03", "1 record"));
  run("UPDATE tg_nodes SET heartbeat_at = heartbeat_at - 90000, journal_last_seq = 7");
  EXPECT_TRUE(says(examine(), "J-02", "master (7 records)"));
}

INSTANTIATE_TEST_SUITE_P(OnSqlite, DoctorTest, testing::Values(sql::Dialect::kSqlite));

}  // namespace
}  // namespace tollgate::doctor
