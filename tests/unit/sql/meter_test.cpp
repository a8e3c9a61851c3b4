#include "sql/meter.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace tollgate::sql {
namespace {

std::string page(const Meter& meter) {
  const Meter::Named meters[] = {{"main", &meter}};
  core::MetricsText text;
  Meter::write(meters, text);
  return text.text();
}

bool holds(const std::string& page, std::string_view line) { return page.find(line) != std::string::npos; }

TEST(Meter, CountsStatementsByKindAndClassAndLentConnections) {
  auto path = std::filesystem::temp_directory_path() / ("tollgate-meter-" + std::to_string(::getpid()) + ".db");
  std::filesystem::remove(path);
  Meter meter;
  {
    auto opened = open_sqlite(path.string(), 2);
    ASSERT_TRUE(opened);
    auto pool = metered(std::move(*opened), meter);
    auto lease = pool->lease();
    ASSERT_TRUE(lease);
    auto& db = **lease;
    ASSERT_TRUE(db.execute("CREATE TABLE t (id integer PRIMARY KEY)", {}));
    ASSERT_TRUE(db.begin());
    EXPECT_TRUE(db.in_transaction());
    ASSERT_TRUE(db.execute("INSERT INTO t VALUES (?)", {std::int64_t{1}}));
    EXPECT_FALSE(db.execute("insert INTO t VALUES (?)", {std::int64_t{1}}));
    ASSERT_TRUE(db.commit());
    ASSERT_TRUE(db.query("SELECT id FROM t", {}));
    auto text = page(meter);
    EXPECT_TRUE(holds(text, R"(tollgate_sql_queries_total{db="main",kind="insert",class="ok"} 1)")) << text;
    EXPECT_TRUE(holds(text, R"(tollgate_sql_queries_total{db="main",kind="insert",class="duplicate"} 1)")) << text;
    EXPECT_TRUE(holds(text, R"(tollgate_sql_queries_total{db="main",kind="select",class="ok"} 1)")) << text;
    EXPECT_TRUE(holds(text, R"(tollgate_sql_query_seconds_count{db="main",kind="commit"} 1)")) << text;
    EXPECT_TRUE(holds(text, R"(tollgate_sql_pool_connections{db="main",state="busy"} 1)")) << text;
  }
  EXPECT_TRUE(holds(page(meter), R"(tollgate_sql_pool_connections{db="main",state="busy"} 0)"));
  std::filesystem::remove(path);
}

TEST(Meter, ALeaseThatDiesRollsBackThroughTheMeter) {
  auto path = std::filesystem::temp_directory_path() / ("tollgate-meter2-" + std::to_string(::getpid()) + ".db");
  std::filesystem::remove(path);
  Meter meter;
  auto opened = open_sqlite(path.string(), 1);
  ASSERT_TRUE(opened);
  auto pool = metered(std::move(*opened), meter);
  {
    auto lease = pool->lease();
    ASSERT_TRUE((*lease)->execute("CREATE TABLE t (id integer)", {}));
    ASSERT_TRUE((*lease)->begin());
    ASSERT_TRUE((*lease)->execute("INSERT INTO t VALUES (1)", {}));
  }
  auto lease = pool->lease();
  EXPECT_EQ((*lease)->query("SELECT count(*) FROM t", {})->front().integer(0), 0);
  std::filesystem::remove(path);
}

TEST(Meter, C5_ItsStateFollowsWhatStatementsFind) {
  using enum ErrorClass;
  Meter meter;
  EXPECT_EQ(meter.state(), State::kOk);
  meter.ran(Meter::Kind::kSelect, kConnection, {});
  EXPECT_EQ(meter.state(), State::kAway);
  meter.ran(Meter::Kind::kSelect, std::nullopt, {});
  EXPECT_EQ(meter.state(), State::kOk);
  meter.ran(Meter::Kind::kUpdate, kReadOnly, {});
  meter.ran(Meter::Kind::kSelect, std::nullopt, {});
  EXPECT_EQ(meter.state(), State::kReadOnly) << "reads say nothing of writes";
  meter.ran(Meter::Kind::kUpdate, kDuplicate, {});
  EXPECT_EQ(meter.state(), State::kReadOnly);
  meter.ran(Meter::Kind::kUpdate, std::nullopt, {});
  EXPECT_EQ(meter.state(), State::kOk);
  meter.waited({}, kConnection);
  EXPECT_EQ(meter.state(), State::kAway);
}

}  // namespace
}  // namespace tollgate::sql
