#include "sql/once.h"

#include <filesystem>

#include "core/random.h"
#include "sql_server.h"

namespace tollgate::sql {
namespace {

// A connection that breaks at the next COMMIT: before the server has it, or after.
class Breaking final : public Connection {
 public:
  enum class When { kBefore, kAfter };
  explicit Breaking(Connection& real) : real_(real) {}
  Dialect dialect() const override { return real_.dialect(); }
  Result<std::vector<Row>> query(std::string_view text, std::span<const Param> params) override {
    return real_.query(text, params);
  }
  Result<Executed> execute(std::string_view text, std::span<const Param> params) override {
    return real_.execute(text, params);
  }
  Result<Executed> insert(std::string_view text, std::span<const Param> params) override {
    return real_.insert(text, params);
  }
  Result<void> begin() override { return real_.begin(); }
  Result<void> commit() override {
    if (times_ == 0) return real_.commit();
    --times_;
    if (when_ == When::kBefore) {
      real_.rollback();
    } else if (auto done = real_.commit(); !done) {
      return done;
    }
    return Error{ErrorClass::kConnection, 2013, "lost"};
  }
  void rollback() override { real_.rollback(); }
  bool in_transaction() const override { return real_.in_transaction(); }
  // The next `times` COMMITs never reach the server, or they do and their answers are lost.
  void lose(When when, int times = 1) {
    when_ = when;
    times_ = times;
  }

 private:
  Connection& real_;
  When when_ = When::kBefore;
  int times_ = 0;
};

class Once : public testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("tg-once-" + core::random_alphanumeric(12));
    std::filesystem::create_directories(directory_);
    pool_ = test::fresh_database(GetParam(), 2, directory_.string());
    lease_ = *pool_->lease();
    db_ = std::make_unique<Breaking>(*lease_);
    for (const char* text : {"CREATE TABLE tg_once (k varchar(191) NOT NULL PRIMARY KEY, at bigint, result text)",
                             "CREATE TABLE made (name varchar(20) NOT NULL PRIMARY KEY)"}) {
      auto done = db_->execute(text, {});
      ASSERT_TRUE(done) << done.error().message;
    }
  }
  void TearDown() override {
    db_.reset();
    lease_ = Pool::Lease();
    pool_.reset();
    std::filesystem::remove_all(directory_);
  }
  Result<int> make(std::string_view key, std::string_view name) {
    return with_once(*db_, key, [&](Connection& db) -> Result<int> {
      ++runs_;
      auto done = db.execute("INSERT INTO made (name) VALUES (?)", {Param(name)});
      if (!done) return done.error();
      return runs_;
    });
  }
  std::int64_t rows() { return db_->query("SELECT COUNT(*) FROM made", {})->front().integer(0); }

  std::filesystem::path directory_;
  std::unique_ptr<Pool> pool_;
  Pool::Lease lease_;
  std::unique_ptr<Breaking> db_;
  int runs_ = 0;
};

TEST_P(Once, AWriteWhoseCommitWasDoneIsNotDoneAgainThoughItsAnswerWasLost) {
  db_->lose(Breaking::When::kAfter);
  auto made = make("req:1", "a");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, 1);
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(rows(), 1);
}

TEST_P(Once, AWriteWhoseCommitNeverCameIsDoneOnTheNextConnection) {
  db_->lose(Breaking::When::kBefore);
  auto made = make("req:2", "b");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, 2);
  EXPECT_EQ(rows(), 1);
}

TEST_P(Once, WhatIsRefusedForItselfIsNotRepeated) {
  ASSERT_TRUE(make("req:3", "c"));
  auto refused = make("req:4", "c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().cls, ErrorClass::kDuplicate);
  EXPECT_EQ(runs_, 2);
  EXPECT_FALSE(db_->in_transaction());
}

TEST_P(Once, ItIsRepeatedOnceAndTheErrorIsToldThen) {
  db_->lose(Breaking::When::kBefore, 2);
  auto made = make("req:5", "d");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().cls, ErrorClass::kConnection);
  EXPECT_EQ(runs_, 2);
  EXPECT_EQ(rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(Databases, Once, testing::Values(Dialect::kSqlite, Dialect::kMysql, Dialect::kPostgres),
                         [](const auto& dialect) {
                           return std::string(dialect.param == Dialect::kSqlite  ? "SQLite"
                                              : dialect.param == Dialect::kMysql ? "MariaDB"
                                                                                 : "PostgreSQL");
                         });

}  // namespace
}  // namespace tollgate::sql
