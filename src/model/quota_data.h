// Hourly sums for the dashboard: the table quota_data.
#pragma once
#include <string>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::model {

struct QuotaData {
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

}  // namespace tollgate::model
