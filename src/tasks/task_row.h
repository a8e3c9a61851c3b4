// Rows of the table tasks: asynchronous work that an upstream took on. Functions run on the caller's connection.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::tasks {

struct TaskRow {
  std::int64_t id = 0;
  std::string task_id;   // the upstream's
  std::string platform;  // "suno", else the channel type as text
  core::UserId user;
  std::string group;
  core::ChannelId channel;
  core::Quota quota;  // charged
  std::string action;
  std::string status;       // NOT_START, SUBMITTED, QUEUED, IN_PROGRESS, SUCCESS, FAILURE, UNKNOWN
  std::string fail_reason;  // after a success where the result is
  std::int64_t submit_time = 0, start_time = 0, finish_time = 0;  // unix seconds
  std::string progress;                                           // "0%" … "100%"
  std::string properties;                                         // JSON
  std::string private_data;                                       // JSON, never shown
  std::string data;                                               // JSON of the upstream; empty: none
};

bool is_final(std::string_view status);

sql::Result<std::int64_t> insert_task(sql::Connection& db, const TaskRow& row, std::int64_t now);
// Nobody's but the user's own.
sql::Result<std::optional<TaskRow>> find_task(sql::Connection& db, core::UserId user, std::string_view task_id);
sql::Result<std::vector<TaskRow>> find_tasks(sql::Connection& db, core::UserId user, std::span<const std::string> ids);
// Those an upstream is still asked about, the oldest first.
sql::Result<std::vector<TaskRow>> open_tasks(sql::Connection& db, std::int64_t limit);
// Writes status, progress, reason, times and data of `row` unless its status is no longer `before`; rows written.
sql::Result<std::int64_t> update_task(sql::Connection& db, const TaskRow& row, std::string_view before,
                                      std::int64_t now);

// {"task_id","action","status",…}, as clients see it.
std::string task_view(const TaskRow& row);

}  // namespace tollgate::tasks
