// Hourly sums for the dashboard: the table quota_data.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::model {

struct QuotaData {
  std::int64_t id = 0;
  core::UserId user_id;
  std::string username;
  std::string model_name;
  std::int64_t hour = 0;  // unix seconds, rounded down to the hour
  std::int64_t token_used = 0;
  std::int64_t count = 0;
  core::Quota quota;
};

// Adds to the row of (user, username, model, hour), or makes it; in the caller's transaction.
sql::Result<void> add_quota_data(sql::Connection& db, const QuotaData& data);

// Hours from `from` to `to`, unix seconds, both included. Of all users: one row a model and hour, without id and user.
sql::Result<std::vector<QuotaData>> quota_data_of_all(sql::Connection& db, std::int64_t from, std::int64_t to);
sql::Result<std::vector<QuotaData>> quota_data_of_name(sql::Connection& db, std::string_view username,
                                                       std::int64_t from, std::int64_t to);
sql::Result<std::vector<QuotaData>> quota_data_of_user(sql::Connection& db, core::UserId user, std::int64_t from,
                                                       std::int64_t to);

}  // namespace tollgate::model
