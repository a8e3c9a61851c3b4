// Rows of the table logs: what was used, charged, managed and what failed.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::model {

enum class LogType : std::int64_t {
  kUnknown = 0,
  kTopUp = 1,
  kConsume = 2,
  kManage = 3,
  kSystem = 4,
  kError = 5,
  kRefund = 6
};

struct LogRow {
  std::int64_t id = 0;
  core::UserId user_id;
  std::int64_t created_at = 0;
  std::int64_t type = 0;
  std::string content;
  std::string username;
  std::string token_name;
  std::string model_name;
  core::Quota quota;
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t use_time = 0;  // seconds
  bool is_stream = false;
  core::ChannelId channel_id;
  core::TokenId token_id;
  std::string group;
  std::string ip;
  std::string request_id;
  std::string other;  // JSON text
};

struct LogFilter {
  std::optional<core::UserId> user_id;
  std::int64_t type = 0;  // 0: all
  std::string username, token_name, model_name, group, request_id;
  std::optional<core::TokenId> token_id;
  std::int64_t start_time = 0, end_time = 0;  // unix seconds; 0: open
  std::optional<core::ChannelId> channel_id;
};

struct LogCount {
  std::int64_t total = 0;  // exact up to 100 000, else 100 000
  bool capped = false;
};

// Rows per minute and tokens per minute are of the last 60 seconds.
struct LogStatistics {
  core::Quota quota;
  std::int64_t rpm = 0;
  std::int64_t tpm = 0;
};

sql::Result<void> insert_logs(sql::Connection& db, std::span<const LogRow> rows);  // in the caller's transaction
sql::Result<LogCount> count_logs(sql::Connection& db, const LogFilter& filter);
sql::Result<std::vector<LogRow>> list_logs(sql::Connection& db, const LogFilter& filter, std::int64_t offset,
                                           std::int64_t limit);  // newest first
sql::Result<LogStatistics> log_statistics(sql::Connection& db, const LogFilter& filter, std::int64_t now);

}  // namespace tollgate::model
