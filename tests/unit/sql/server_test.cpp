// The same promises on SQLite, MariaDB and PostgreSQL, and what only servers have: limits, loss, pools.
#include "sql/server.h"

#include <gtest/gtest.h>

#include <future>
#include <limits>
#include <thread>

#include "sql/statement.h"
#include "sql/transaction.h"
#include "sql_server.h"

namespace tollgate::sql {
namespace {

using std::chrono::milliseconds;

class AnyDatabase : public testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override {
    pool_ = test::fresh_database(GetParam());
    auto lease = pool_->lease();
    ASSERT_TRUE(lease) << lease.error().message;
    db_ = std::move(*lease);
    std::string id = GetParam() == Dialect::kSqlite  ? "integer PRIMARY KEY AUTOINCREMENT"
                     : GetParam() == Dialect::kMysql ? "bigint PRIMARY KEY AUTO_INCREMENT"
                                                     : "bigserial PRIMARY KEY";
    std::string yes = GetParam() == Dialect::kSqlite ? "numeric" : "boolean";
    std::string text = GetParam() == Dialect::kMysql ? "longtext" : "text";
    must(db_->execute("CREATE TABLE t (id " + id + ", name varchar(191) UNIQUE, body " + text +
                          ", number bigint, yes " + yes + ", part double precision, fixed char(8))",
                      {}));
  }
  template <class T>
  static T must(Result<T> result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return std::move(*result);
  }
  std::unique_ptr<Pool> pool_;
  Pool::Lease db_;
};
TOLLGATE_ON_EVERY_DATABASE(AnyDatabase);

class AnyServer : public testing::TestWithParam<Dialect> {
 protected:
  std::unique_ptr<Pool> pool(std::function<void(ServerSettings&)> change = [](ServerSettings&) {}) {
    ServerSettings settings;
    settings.max_open = 3;
    settings.statement = milliseconds(1000);
    settings.connect = milliseconds(1000);
    settings.wait = milliseconds(200);
    change(settings);
    if (dsn_.empty()) dsn_ = test::SqlServers::get().fresh(GetParam());
    return *open_pool(*parse_dsn(dsn_, ""), settings);
  }
  std::string sleep_for(int seconds) const {
    return (GetParam() == Dialect::kMysql ? "SELECT SLEEP(" : "SELECT pg_sleep(") + std::to_string(seconds) + ")";
  }
  std::string dsn_;
};
INSTANTIATE_TEST_SUITE_P(, AnyServer, testing::Values(Dialect::kMysql, Dialect::kPostgres), test::name_of);

}  // namespace

TEST_P(AnyDatabase, X2_HostileTextsComeBackAsTheyWentIn) {
  for (std::string text :
       {std::string("'; DROP TABLE t; --"), std::string("\" OR 1=1 \\' \\\\ ? $1 :name"),
        std::string("\xF0\x9F\x98\x80 \\ % _ \n\r\t\x1a"), std::string(200'000, 'x'), std::string()}) {
    auto id = must(db_->insert("INSERT INTO t (body) VALUES (?)", {Param(std::string_view(text))})).insert_id;
    auto rows =
        must(db_->query("SELECT body FROM t WHERE id = ? AND body = ?", {Param(id), Param(std::string_view(text))}));
    ASSERT_EQ(rows.size(), 1U) << text.substr(0, 30);
    EXPECT_EQ(rows.front().text(0), text);
  }
}

TEST_P(AnyDatabase, KeepsEveryKindOfValue) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
  must(db_->execute("INSERT INTO t (name, number, yes, part, body, fixed) VALUES (?, ?, ?, ?, ?, ?)",
                    {Param(std::string_view("a")), Param(kMost), Param(true), Param(0.1), Param(nullptr),
                     Param(std::string_view("abc"))}));
  must(db_->execute("INSERT INTO t (name, number, yes, part) VALUES (?, ?, ?, ?)",
                    {Param(std::string_view("b")), Param(kLeast + 1), Param(false), Param(1e300)}));
  auto rows = must(db_->query("SELECT number, yes, part, body, name, fixed FROM t ORDER BY id", {}));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].integer(0), kMost);
  EXPECT_TRUE(rows[0].boolean(1));
  EXPECT_EQ(rows[0].real(2), 0.1);
  EXPECT_TRUE(rows[0].is_null(3));
  EXPECT_EQ(rows[0].text(5), "abc");
  EXPECT_EQ(rows[1].integer(0), kLeast + 1);
  EXPECT_FALSE(rows[1].boolean(1));
  EXPECT_EQ(rows[1].real(2), 1e300);
  auto sums = must(db_->query("SELECT COUNT(*), SUM(id), COALESCE(SUM(part), 0) FROM t", {}));
  EXPECT_EQ(sums.front().integer(0), 2);
  EXPECT_EQ(sums.front().integer(1), 3);
}

TEST_P(AnyDatabase, StripsWhatNotEveryDatabaseStores) {
  must(db_->execute("INSERT INTO t (body) VALUES (?)", {Param(std::string_view("a\0b", 3))}));
  EXPECT_EQ(must(db_->query("SELECT body FROM t", {})).front().text(0), "ab");
}

TEST_P(AnyDatabase, CountsMatchedRowsWhetherOrNotTheyChange) {
  must(db_->execute("INSERT INTO t (name, number) VALUES ('a', 1), ('b', 1)", {}));
  EXPECT_EQ(must(db_->execute("UPDATE t SET number = 1", {})).affected, 2);
  EXPECT_EQ(must(db_->execute("DELETE FROM t WHERE name = ?", {Param(std::string_view("a"))})).affected, 1);
}

TEST_P(AnyDatabase, X1_NamesTheKeyOfADuplicateAndNotTheValue) {
  must(db_->execute("INSERT INTO t (name) VALUES (?)", {Param(std::string_view("sk-secret"))}));
  auto again = db_->execute("INSERT INTO t (name) VALUES (?)", {Param(std::string_view("sk-secret"))});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().cls, ErrorClass::kDuplicate);
  EXPECT_NE(again.error().message.find("name"), std::string::npos) << again.error().message;
  EXPECT_EQ(again.error().message.find("secret"), std::string::npos) << again.error().message;
}

TEST_P(AnyDatabase, X1_WrongStatementsShowNoValue) {
  for (const char* statement :
       {"INSERT INTO missing (name) VALUES (?)", "INSERT INTO t (nothing) VALUES (?)", "SELECT FROM WHERE ? ORDER"}) {
    auto done = db_->execute(statement, {Param(std::string_view("sk-secret"))});
    ASSERT_FALSE(done) << statement;
    EXPECT_EQ(done.error().message.find("sk-secret"), std::string::npos) << done.error().message;
  }
}

TEST_P(AnyDatabase, TransactionsHappenWholeOrNotAtAll) {
  must(db_->execute("INSERT INTO t (name) VALUES ('a')", {}));
  ASSERT_TRUE(db_->begin());
  EXPECT_TRUE(db_->in_transaction());
  must(db_->execute("INSERT INTO t (name) VALUES ('b')", {}));
  db_->rollback();
  EXPECT_FALSE(db_->in_transaction());
  ASSERT_TRUE(db_->begin());
  must(db_->execute("INSERT INTO t (name) VALUES ('c')", {}));
  ASSERT_TRUE(db_->commit());
  EXPECT_EQ(must(db_->query("SELECT COUNT(*) FROM t", {})).front().integer(0), 2);
}

TEST_P(AnyDatabase, TakesOneStatementAtATime) { EXPECT_FALSE(db_->execute("DELETE FROM t; DELETE FROM t", {})); }

TEST_P(AnyServer, X1_ValuesThatDoNotFitAreNotShown) {
  auto pool = this->pool();
  auto db = *pool->lease();
  ASSERT_TRUE(db->execute("CREATE TABLE n (number bigint, short varchar(3))", {}));
  auto wrong = db->execute("INSERT INTO n (number) VALUES (?)", {Param(std::string_view("sk-secret"))});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().cls, ErrorClass::kData);
  EXPECT_EQ(wrong.error().message.find("secret"), std::string::npos);
  auto big = db->execute("INSERT INTO n (short) VALUES (?)", {Param(std::string_view("sk-secret"))});
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().cls, ErrorClass::kData) << big.error().message;
}

TEST_P(AnyServer, BytesThatAreNoUtf8AreReplaced) {
  auto pool = this->pool();
  auto db = *pool->lease();
  ASSERT_TRUE(db->execute("CREATE TABLE n (body text)", {}));
  ASSERT_TRUE(db->execute("INSERT INTO n (body) VALUES (?)", {Param(std::string_view("a\xFF\xC3(b"))}));
  EXPECT_EQ((*db->query("SELECT body FROM n", {})).front().text(0), "a\xEF\xBF\xBD\xEF\xBF\xBD(b");
}

TEST_P(AnyServer, WrongPasswordAndMissingDatabaseAreToldApart) {
  pool();
  auto at = dsn_.find(':', dsn_.find("root"));
  auto wrong = dsn_;
  wrong.replace(at + 1, dsn_.rfind('@') - at - 1, "hunter2");
  auto refused = (*open_pool(*parse_dsn(wrong, ""), {}))->lease();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, GetParam() == Dialect::kMysql ? 1045 : sqlstate("28P01")) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("hunter2"), std::string::npos);
  auto missing = (*open_pool(*parse_dsn(dsn_.substr(0, dsn_.rfind('/')) + "/no-such", ""), {}))->lease();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, GetParam() == Dialect::kMysql ? 1049 : sqlstate("3D000")) << missing.error().message;
}

TEST_P(AnyServer, AStatementEndsAtItsLimitAndLeavesTheConnectionUsable) {
  auto pool = this->pool();
  auto db = *pool->lease();
  auto slow = db->query(sleep_for(20), {});
  // MariaDB answers SLEEP that is cut short with a row, and a statement that is more than that with 1969.
  if (!slow) {
    EXPECT_EQ(slow.error().cls, ErrorClass::kTimeout) << slow.error().message;
  }
  EXPECT_TRUE(db->query("SELECT 1", {}));
}

TEST_P(AnyServer, APoolLendsNoMoreThanItsLimitAndWaitsNoLonger) {
  auto pool = this->pool();
  std::vector<Pool::Lease> held;
  for (int i = 0; i < 3; ++i) held.push_back(*pool->lease());
  auto fourth = pool->lease();
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().cls, ErrorClass::kTimeout);
  held.pop_back();
  EXPECT_TRUE(pool->lease());
  EXPECT_EQ(pool->state().open, 3U);
}

TEST_P(AnyServer, ConnectionsAreKeptUpToTheirNumberAndAge) {
  auto pool = this->pool([](ServerSettings& s) { s.max_idle = 1; });
  {
    auto a = *pool->lease(), b = *pool->lease();
  }
  EXPECT_EQ(pool->state().idle, 1U);
  auto young = this->pool([](ServerSettings& s) { s.lifetime = milliseconds(1); });
  {
    auto a = *young->lease();
    ASSERT_TRUE(a->query(GetParam() == Dialect::kMysql ? "SELECT SLEEP(0.01)" : "SELECT pg_sleep(0.01)", {}));
  }
  EXPECT_EQ(young->state().open, 0U);
}

TEST_P(AnyServer, ADeadlockIsAConflictAndIsRepeated) {
  auto pool = this->pool([](ServerSettings& s) { s.statement = milliseconds(8000); });
  {
    auto db = *pool->lease();
    ASSERT_TRUE(db->execute("CREATE TABLE d (id bigint PRIMARY KEY, n bigint)", {}));
    ASSERT_TRUE(db->execute("INSERT INTO d (id, n) VALUES (1, 0), (2, 0)", {}));
  }
  std::atomic<int> conflicts = 0;
  auto add = [&](int first, int second) {
    auto db = *pool->lease();
    for (int i = 0; i < 10; ++i) {
      auto done = with_transaction(*db, [&](Connection& c) -> Result<void> {
        for (int id : {first, second}) {
          auto updated = c.execute("UPDATE d SET n = n + 1 WHERE id = ?", {Param(std::int64_t{id})});
          if (!updated && updated.error().cls == ErrorClass::kConflict) ++conflicts;
          if (!updated) return updated.error();
        }
        return {};
      });
      ASSERT_TRUE(done) << done.error().message;
    }
  };
  std::thread other([&] { add(2, 1); });
  add(1, 2);
  other.join();
  auto db = *pool->lease();
  EXPECT_EQ((*db->query("SELECT SUM(n) FROM d", {})).front().integer(0), 40);
}

// As a node that is frozen, or cut off, in the middle of a transaction.
TEST_P(AnyServer, ATransactionThatStopsFreesItsLocks) {
  auto pool = this->pool([](ServerSettings& s) { s.statement = milliseconds(9000); });
  auto stopped = *pool->lease();
  ASSERT_TRUE(stopped->execute("CREATE TABLE stopped (id bigint PRIMARY KEY, n bigint)", {}));
  ASSERT_TRUE(stopped->execute("INSERT INTO stopped (id, n) VALUES (1, 0)", {}));
  ASSERT_TRUE(stopped->begin());
  ASSERT_TRUE(stopped->execute("UPDATE stopped SET n = 1 WHERE id = 1", {}));
  auto other = *pool->lease();
  auto done = other->execute("UPDATE stopped SET n = 2 WHERE id = 1 AND n = 0", {});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->affected, 1);
  auto late = stopped->execute("UPDATE stopped SET n = 3 WHERE id = 1", {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().cls, ErrorClass::kConnection) << late.error().message;
}

TEST_P(AnyServer, REQ_CL_12_AKilledServerIsAStateAndItsReturnIsFound) {
  auto pool = this->pool();
  {
    auto db = *pool->lease();
    ASSERT_TRUE(db->execute("CREATE TABLE k (id bigint PRIMARY KEY)", {}));
  }
  auto& servers = test::SqlServers::get();
  servers.tell("kill", GetParam());
  {
    auto db = pool->lease();  // still held from before
    ASSERT_TRUE(db);
    auto written = (*db)->execute("INSERT INTO k (id) VALUES (1)", {});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().cls, ErrorClass::kConnection) << written.error().message;
  }
  EXPECT_EQ(pool->state().open, 0U);
  auto away = pool->lease();
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().cls, ErrorClass::kConnection);
  EXPECT_TRUE(pool->state().away);
  // Between attempts nobody waits.
  auto at_once = pool->lease();
  ASSERT_FALSE(at_once);
  servers.tell("restart", GetParam());
  for (int i = 0; i < 200 && !pool->lease(); ++i) std::this_thread::sleep_for(milliseconds(20));
  auto db = pool->lease();
  ASSERT_TRUE(db);
  EXPECT_FALSE(pool->state().away);
  EXPECT_EQ((*db)->query("SELECT COUNT(*) FROM k", {})->front().integer(0), 0);
}

TEST_P(AnyServer, AReadThatLosesItsConnectionIsRepeatedOnANewOne) {
  auto pool = this->pool();
  auto db = *pool->lease();
  auto& servers = test::SqlServers::get();
  servers.tell("kill", GetParam());
  servers.tell("restart", GetParam());
  EXPECT_TRUE(db->query("SELECT 1", {}));
  ASSERT_TRUE(db->begin());
  db->rollback();
}

TEST_P(AnyServer, AFrozenServerIsGivenUpWithinTheLimits) {
  auto pool = this->pool();
  auto& servers = test::SqlServers::get();
  {
    auto db = *pool->lease();
    servers.tell("freeze", GetParam());
    auto answer = db->execute("SELECT 1", {});
    EXPECT_FALSE(answer);
  }
  auto connecting = pool->lease();
  EXPECT_FALSE(connecting);
  EXPECT_TRUE(pool->state().away);
  EXPECT_EQ(pool->state().open, 0U);
  servers.tell("thaw", GetParam());
  for (int i = 0; i < 200 && !pool->lease(); ++i) std::this_thread::sleep_for(milliseconds(20));
  EXPECT_TRUE(pool->lease());
}

TEST_P(AnyServer, ARefusalToWriteClosesWhatLeadsToThatServer) {
  auto pool = this->pool();
  auto first = *pool->lease();
  ASSERT_TRUE(first->execute("CREATE TABLE r (id bigint PRIMARY KEY)", {}));
  {
    auto second = *pool->lease();
  }
  EXPECT_EQ(pool->state().idle, 1U);
  {
    auto reader = std::move(first);
    ASSERT_TRUE(reader->execute(GetParam() == Dialect::kMysql ? "START TRANSACTION READ ONLY" : "BEGIN READ ONLY", {}));
    auto refused = with_transaction(*reader, [&](Connection& c) -> Result<void> {
      if (auto set = c.execute("SET TRANSACTION READ ONLY", {}); !set && GetParam() == Dialect::kPostgres)
        return set.error();
      auto done = c.execute("INSERT INTO r (id) VALUES (1)", {});
      if (!done) return done.error();
      return {};
    });
    if (GetParam() == Dialect::kPostgres) {
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().cls, ErrorClass::kReadOnly) << refused.error().message;
    }
  }
  if (GetParam() == Dialect::kPostgres) EXPECT_EQ(pool->state().idle, 0U);
}

TEST(ErrorClasses, FollowTheNumbers) {
  for (int code : {2002, 2003, 2006, 2013, 2055, 1040, 1053, 1077, 1927, 1047, 9001})
    EXPECT_EQ(classify_mysql(code), ErrorClass::kConnection) << code;
  for (int code : {1290, 1836, 1792, 3100}) EXPECT_EQ(classify_mysql(code), ErrorClass::kReadOnly) << code;
  for (int code : {1205, 1213, 3101}) EXPECT_EQ(classify_mysql(code), ErrorClass::kConflict) << code;
  EXPECT_EQ(classify_mysql(1062), ErrorClass::kDuplicate);
  for (int code : {1021, 1037, 1041, 1114, 1203, 1226, 3})
    EXPECT_EQ(classify_mysql(code), ErrorClass::kResource) << code;
  for (int code : {1264, 1406, 1366}) EXPECT_EQ(classify_mysql(code), ErrorClass::kData) << code;
  for (int code : {1054, 1146, 1364}) EXPECT_EQ(classify_mysql(code), ErrorClass::kOther) << code;
  for (const char* state : {"", "08006", "08001", "57P01", "57P02", "57P03", "53300"})
    EXPECT_EQ(classify_postgres(state), ErrorClass::kConnection) << state;
  EXPECT_EQ(classify_postgres("25006"), ErrorClass::kReadOnly);
  for (const char* state : {"40001", "40P01", "55P03"}) EXPECT_EQ(classify_postgres(state), ErrorClass::kConflict);
  EXPECT_EQ(classify_postgres("23505"), ErrorClass::kDuplicate);
  for (const char* state : {"53100", "53200", "54000"}) EXPECT_EQ(classify_postgres(state), ErrorClass::kResource);
  for (const char* state : {"22001", "22P02", "22021"}) EXPECT_EQ(classify_postgres(state), ErrorClass::kData);
  for (const char* state : {"42P01", "42703", "42601"}) EXPECT_EQ(classify_postgres(state), ErrorClass::kOther);
}

TEST(Placeholders, AreNotSeenInQuotesAndComments) {
  auto pieces =
      split_placeholders("/* tg:rw ? */ SELECT '?', `?`, \"?\" FROM t WHERE a = ? AND b = 'it''s ?' AND c = ?");
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_TRUE(pieces[0].ends_with("a = "));
  EXPECT_EQ(pieces[2], "");
}

}  // namespace tollgate::sql
