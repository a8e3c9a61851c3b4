#include "tasks/task_row.h"

#include <fmt/core.h>

#include "core/json_text.h"

namespace tollgate::tasks {
namespace {

using sql::Param;

std::string columns(const sql::Connection& db) {
  return "id, task_id, platform, user_id, " + sql::quoted(db.dialect(), "group") +
         ", channel_id, quota, action, status, fail_reason, submit_time, start_time, finish_time, progress, "
         "properties, private_data, data";
}

TaskRow read(const sql::Row& row) {
  TaskRow out;
  std::size_t i = 0;
  out.id = row.integer(i++);
  out.task_id = row.text(i++);
  out.platform = row.text(i++);
  out.user = {row.integer(i++)};
  out.group = row.text(i++);
  out.channel = {row.integer(i++)};
  out.quota = {row.integer(i++)};
  out.action = row.text(i++);
  out.status = row.text(i++);
  out.fail_reason = row.text(i++);
  out.submit_time = row.integer(i++);
  out.start_time = row.integer(i++);
  out.finish_time = row.integer(i++);
  out.progress = row.text(i++);
  out.properties = row.text(i++);
  out.private_data = row.text(i++);
  out.data = row.text(i++);
  return out;
}

sql::Result<std::vector<TaskRow>> select(sql::Connection& db, const std::string& rest, std::span<const Param> params) {
  auto rows = db.query("SELECT " + columns(db) + " FROM tasks WHERE " + rest, params);
  if (!rows) return rows.error();
  std::vector<TaskRow> out;
  for (const auto& row : *rows) out.push_back(read(row));
  return out;
}

// JSON is kept as bytes where the compatible product reads nothing else.
Param json(std::string_view text) { return text.empty() ? Param(nullptr) : Param(sql::Blob{text}); }

}  // namespace

bool is_final(std::string_view status) { return status == "SUCCESS" || status == "FAILURE"; }

sql::Result<std::int64_t> insert_task(sql::Connection& db, const TaskRow& row, std::int64_t now) {
  auto made = db.insert(
      "INSERT INTO tasks(created_at, updated_at, task_id, platform, user_id, " + sql::quoted(db.dialect(), "group") +
          ", channel_id, quota, action, status, fail_reason, submit_time, start_time, finish_time, progress, "
          "properties, private_data, data) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {now, now, std::string_view(row.task_id), std::string_view(row.platform), row.user.value,
       std::string_view(row.group), row.channel.value, row.quota.units, std::string_view(row.action),
       std::string_view(row.status), std::string_view(row.fail_reason), row.submit_time, row.start_time,
       row.finish_time, std::string_view(row.progress), json(row.properties), json(row.private_data), json(row.data)});
  if (!made) return made.error();
  return made->insert_id;
}

sql::Result<std::optional<TaskRow>> find_task(sql::Connection& db, core::UserId user, std::string_view task_id) {
  const Param params[] = {user.value, task_id};
  auto found = select(db, "user_id = ? AND task_id = ? ORDER BY id", params);
  if (!found) return found.error();
  // MySQL compares without regard to letter case.
  for (auto& row : *found)
    if (row.task_id == task_id) return std::optional(std::move(row));
  return std::optional<TaskRow>();
}

sql::Result<std::vector<TaskRow>> find_tasks(sql::Connection& db, core::UserId user, std::span<const std::string> ids) {
  std::vector<Param> params{user.value};
  std::string marks;
  for (const auto& id : ids) {
    marks += marks.empty() ? "?" : ", ?";
    params.emplace_back(std::string_view(id));
  }
  return select(db, "user_id = ? AND task_id IN (" + marks + ") ORDER BY id", params);
}

sql::Result<std::vector<TaskRow>> open_tasks(sql::Connection& db, std::int64_t limit) {
  const Param params[] = {limit};
  return select(db, "progress <> '100%' AND status <> 'FAILURE' AND status <> 'SUCCESS' ORDER BY id LIMIT ?", params);
}

sql::Result<std::int64_t> update_task(sql::Connection& db, const TaskRow& row, std::string_view before,
                                      std::int64_t now) {
  auto done = db.execute(
      "UPDATE tasks SET status = ?, progress = ?, fail_reason = ?, start_time = ?, finish_time = ?, data = ?, "
      "updated_at = ? WHERE id = ? AND status = ?",
      {std::string_view(row.status), std::string_view(row.progress), std::string_view(row.fail_reason), row.start_time,
       row.finish_time, json(row.data), now, row.id, before});
  if (!done) return done.error();
  return done->affected;
}

std::string task_view(const TaskRow& row) {
  std::string out = "{\"task_id\":";
  core::append_json_string(out, row.task_id);
  core::append_json_string(out += ",\"action\":", row.action);
  core::append_json_string(out += ",\"status\":", row.status);
  core::append_json_string(out += ",\"fail_reason\":", row.fail_reason);
  out += fmt::format(",\"submit_time\":{},\"start_time\":{},\"finish_time\":{},\"progress\":", row.submit_time,
                     row.start_time, row.finish_time);
  core::append_json_string(out, row.progress);
  return out.append(",\"data\":").append(row.data.empty() ? "null" : row.data) + "}";
}

}  // namespace tollgate::tasks
