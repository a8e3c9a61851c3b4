#include <gtest/gtest.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "sql/connection.h"
#include "sql/transaction.h"

namespace tollgate::sql {
namespace {

class Sqlite : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("tollgate-sql-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    auto opened = open_sqlite((directory_ / "a.db?_busy_timeout=1").string(), 4);
    ASSERT_TRUE(opened);
    pool_ = std::move(*opened);
    auto lease = pool_->lease();
    ASSERT_TRUE((*lease)->execute("CREATE TABLE t (id integer PRIMARY KEY, name text UNIQUE, body blob)", {}));
  }
  void TearDown() override {
    pool_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::filesystem::path directory_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace

TEST_F(Sqlite, CreatesItsFilesInWalModeAndKeepsTheModeOfOthers) {
  auto lease = pool_->lease();
  EXPECT_EQ((*lease)->query("PRAGMA journal_mode", {})->front().text(0), "wal");
  auto path = (directory_ / "old.db").string();
  {
    auto made = open_sqlite(path, 1);
    auto first = (*made)->lease();
    ASSERT_TRUE((*first)->query("PRAGMA journal_mode=DELETE", {}));
    ASSERT_TRUE((*first)->execute("CREATE TABLE x (a)", {}));
  }
  auto again = open_sqlite(path, 1);
  auto second = (*again)->lease();
  EXPECT_EQ((*second)->query("PRAGMA journal_mode", {})->front().text(0), "delete");
}

TEST_F(Sqlite, X2_HostileTextsComeBackAsTheyWentIn) {
  auto lease = pool_->lease();
  auto& db = **lease;
  std::int64_t id = 0;
  for (std::string text : {std::string("'; DROP TABLE t; --"), std::string("\" OR 1=1"),
                           std::string("\xF0\x9F\x98\x80 \\ % _"), std::string(200'000, 'x')}) {
    ++id;
    ASSERT_TRUE(db.execute("INSERT INTO t (id, name) VALUES (?, ?)", {Param(id), Param(std::string_view(text))}));
    auto rows = db.query("SELECT name FROM t WHERE name = ?", {Param(std::string_view(text))});
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->front().text(0), text);
  }
  EXPECT_EQ(db.query("SELECT COUNT(*) FROM t", {})->front().integer(0), 4);
}

TEST_F(Sqlite, NulIsStrippedFromTextsAndKeptInBlobs) {
  auto lease = pool_->lease();
  std::string text("a\0b", 3);
  ASSERT_TRUE((*lease)->execute("INSERT INTO t (name, body) VALUES (?, ?)",
                                {Param(std::string_view(text)), Param(Blob{text})}));
  auto rows = (*lease)->query("SELECT name, body, typeof(body) FROM t", {});
  EXPECT_EQ(rows->front().text(0), "ab");
  EXPECT_EQ(rows->front().text(1), text);
  EXPECT_EQ(rows->front().text(2), "blob");
}

TEST_F(Sqlite, TellsErrorsApartWithoutTheValues) {
  auto lease = pool_->lease();
  auto& db = **lease;
  ASSERT_TRUE(db.execute("INSERT INTO t (name) VALUES (?)", {Param(std::string_view("CANARY"))}));
  auto twice = db.execute("INSERT INTO t (name) VALUES (?)", {Param(std::string_view("CANARY"))});
  EXPECT_EQ(twice.error().cls, ErrorClass::kDuplicate);
  EXPECT_EQ(twice.error().message.find("CANARY"), std::string::npos);
  EXPECT_EQ(db.query("SELECT nonsense", {}).error().cls, ErrorClass::kOther);
  EXPECT_FALSE(db.execute("DELETE FROM t; DELETE FROM t", {}));
  EXPECT_FALSE(db.query("SELECT ?", {}));
  EXPECT_EQ(db.query("SELECT COUNT(*) FROM t", {})->front().integer(0), 1);
}

TEST_F(Sqlite, TransactionsOfManyThreadsAllHappen) {
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        auto lease = pool_->lease();
        auto name = std::to_string(t) + "-" + std::to_string(i);
        auto done = with_transaction(**lease, [&](Connection& db) -> Result<void> {
          auto inserted = db.execute("INSERT INTO t (name) VALUES (?)", {Param(std::string_view(name))});
          if (!inserted) return inserted.error();
          return {};
        });
        if (!done) ++failed;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  auto lease = pool_->lease();
  EXPECT_EQ((*lease)->query("SELECT COUNT(*) FROM t", {})->front().integer(0), 200);
}

TEST_F(Sqlite, ALeaseThatDiesRollsBack) {
  {
    auto lease = pool_->lease();
    ASSERT_TRUE((*lease)->begin());
    ASSERT_TRUE((*lease)->execute("INSERT INTO t (name) VALUES ('x')", {}));
  }
  auto lease = pool_->lease();
  EXPECT_FALSE((*lease)->in_transaction());
  EXPECT_EQ((*lease)->query("SELECT COUNT(*) FROM t", {})->front().integer(0), 0);
}

TEST(SqlitePool, SaysWhatIsWrongWithAPathThatCannotBe) {
  auto opened = open_sqlite("/nonexistent-directory/a.db", 1);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().cls, ErrorClass::kConnection);
  EXPECT_NE(opened.error().message.find("/nonexistent-directory/a.db"), std::string::npos);
}

TEST_F(Sqlite, KeepsItsLogShortBesideSeveralWriters) {
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) {
    writers.emplace_back([&, writer] {
      const std::string body(3000, 'x');
      auto lease = pool_->lease();
      for (std::int64_t i = 0; i < 1500; ++i) {
        auto done = (*lease)->execute("INSERT INTO t (id, body) VALUES (?, ?)",
                                      {Param(writer * 10'000 + i), Param(std::string_view(body))});
        ASSERT_TRUE(done) << done.error().message;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  auto lease = pool_->lease();
  EXPECT_EQ((*lease)->query("SELECT COUNT(*) FROM t", {})->front().integer(0), 4500);
  EXPECT_EQ((*lease)->query("PRAGMA integrity_check", {})->front().text(0), "ok");
  // Some 9,000 pages were written; the log never held them all.
  EXPECT_LT(std::filesystem::file_size(directory_ / "a.db-wal"), 16U << 20U);
}

}  // namespace tollgate::sql
