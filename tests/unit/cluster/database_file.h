// One SQLite file as the database that several nodes share.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "core/random.h"
#include "model/schema.h"
#include "model/version.h"
#include "sql/connection.h"

namespace tollgate::cluster {

class DatabaseFile : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("tg-cluster-" + core::random_alphanumeric(12));
    std::filesystem::create_directories(directory_);
    auto opened = sql::open_sqlite((directory_ / "shared.db").string(), 16);
    ASSERT_TRUE(opened) << opened.error().message;
    pool_ = std::move(*opened);
    auto db = connect();
    ASSERT_TRUE(model::migrate(*db));
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

  std::filesystem::path directory_;
  std::unique_ptr<sql::Pool> pool_;
};

}  // namespace tollgate::cluster
