// One database that several nodes share, of each kind.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "core/random.h"
#include "model/schema.h"
#include "model/version.h"
#include "sql/connection.h"
#include "sql/server_clock.h"
#include "sql_server.h"

namespace tollgate::cluster {

class SharedDatabase : public testing::TestWithParam<sql::Dialect> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("tg-cluster-" + core::random_alphanumeric(12));
    std::filesystem::create_directories(directory_);
    pool_ = test::fresh_database(GetParam(), 16, directory_.string());
    auto db = connect();
    auto migrated = model::migrate(*db);
    ASSERT_TRUE(migrated) << migrated.error().message;
    ASSERT_TRUE(model::seed_versions(*db));
  }
  void TearDown() override {
    pool_.reset();
    std::filesystem::remove_all(directory_);
  }

  sql::Pool::Lease connect() {
    auto lease = pool_->lease();
    EXPECT_TRUE(lease);
    return std::move(*lease);
  }
  std::int64_t number(const std::string& statement) {
    auto rows = connect()->query(statement, {});
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? rows->front().integer(0) : -1;
  }
  std::string text(const std::string& statement) {
    auto rows = connect()->query(statement, {});
    return rows && !rows->empty() ? rows->front().text(0) : "";
  }
  void run(const std::string& statement) {
    auto done = connect()->execute(statement, {});
    EXPECT_TRUE(done) << done.error().message;
  }
  std::string key() const { return sql::quoted(GetParam(), "key"); }
  std::string now() const { return sql::server_now_ms(GetParam()); }

  std::filesystem::path directory_;
  std::unique_ptr<sql::Pool> pool_;
};

}  // namespace tollgate::cluster
