#include "model/log_row.h"

#include "model/columns.h"
#include "sql/dialect.h"

namespace tollgate::model {
namespace {

using sql::Param;

constexpr std::int64_t kCountedAtMost = 100'000;
constexpr std::string_view kColumns =
    "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,completion_tokens,use_time,"
    "is_stream,channel_id,token_id,group,ip,request_id,other";

LogRow read(const sql::Row& row) {
  LogRow log;
  std::size_t i = 0;
  log.id = row.integer(i++);
  log.user_id = {row.integer(i++)};
  log.created_at = row.integer(i++);
  log.type = row.integer(i++);
  log.content = row.text(i++);
  log.username = row.text(i++);
  log.token_name = row.text(i++);
  log.model_name = row.text(i++);
  log.quota = {row.integer(i++)};
  log.prompt_tokens = row.integer(i++);
  log.completion_tokens = row.integer(i++);
  log.use_time = row.integer(i++);
  log.is_stream = row.boolean(i++);
  log.channel_id = {row.integer(i++)};
  log.token_id = {row.integer(i++)};
  log.group = row.text(i++);
  log.ip = row.text(i++);
  log.request_id = row.text(i++);
  log.other = row.text(i++);
  return log;
}

std::string where(sql::Connection& db, const LogFilter& filter, std::vector<Param>& params) {
  std::string text = " WHERE 1 = 1";
  auto equal = [&](std::string_view column, Param value) {
    text += " AND " + select_list(db, column) + " = ?";
    params.push_back(value);
  };
  if (filter.user_id) equal("user_id", Param(filter.user_id->value));
  if (filter.type != 0) equal("type", Param(filter.type));
  if (!filter.username.empty()) equal("username", Param(std::string_view(filter.username)));
  if (!filter.token_name.empty()) equal("token_name", Param(std::string_view(filter.token_name)));
  if (!filter.model_name.empty()) {
    // The caller may send % as a wild card, as the compatible product takes it.
    text += " AND model_name LIKE ?";
    params.emplace_back(std::string_view(filter.model_name));
  }
  if (!filter.group.empty()) equal("group", Param(std::string_view(filter.group)));
  if (!filter.request_id.empty()) equal("request_id", Param(std::string_view(filter.request_id)));
  if (filter.token_id) equal("token_id", Param(filter.token_id->value));
  if (filter.channel_id) equal("channel_id", Param(filter.channel_id->value));
  if (filter.start_time != 0) {
    text += " AND created_at >= ?";
    params.emplace_back(filter.start_time);
  }
  if (filter.end_time != 0) {
    text += " AND created_at <= ?";
    params.emplace_back(filter.end_time);
  }
  return text;
}

}  // namespace

sql::Result<void> insert_logs(sql::Connection& db, std::span<const LogRow> rows) {
  static constexpr sql::BulkColumn kWritten[] = {{"user_id", "bigint"},       {"created_at", "bigint"},
                                                 {"type", "bigint"},          {"content", "text"},
                                                 {"username", "text"},        {"token_name", "text"},
                                                 {"model_name", "text"},      {"quota", "bigint"},
                                                 {"prompt_tokens", "bigint"}, {"completion_tokens", "bigint"},
                                                 {"use_time", "bigint"},      {"is_stream", "boolean"},
                                                 {"channel_id", "bigint"},    {"token_id", "bigint"},
                                                 {"group", "text"},           {"ip", "text"},
                                                 {"request_id", "text"},      {"other", "text"}};
  std::vector<Param> values;
  values.reserve(rows.size() * std::size(kWritten));
  for (const auto& row : rows) {
    auto text = [](const std::string& value) { return Param(std::string_view(value)); };
    // A row is worth more than the end of a name. MySQL's columns hold 191 characters.
    auto name = [](const std::string& value) { return Param(first_characters(value, 191)); };
    for (auto value : {Param(row.user_id.value), Param(row.created_at), Param(row.type), text(row.content),
                       name(row.username), name(row.token_name), name(row.model_name), Param(row.quota.units),
                       Param(row.prompt_tokens), Param(row.completion_tokens), Param(row.use_time),
                       Param(row.is_stream), Param(row.channel_id.value), Param(row.token_id.value), name(row.group),
                       name(row.ip), Param(first_characters(row.request_id, 64)), text(row.other)})
      values.push_back(value);
  }
  return sql::insert_rows(db, "logs", kWritten, values);
}

sql::Result<LogCount> count_logs(sql::Connection& db, const LogFilter& filter) {
  std::vector<Param> params;
  auto condition = where(db, filter, params);
  params.emplace_back(kCountedAtMost + 1);
  auto rows = db.query("SELECT COUNT(*) FROM (SELECT 1 FROM logs" + condition + " LIMIT ?) AS counted", params);
  if (!rows) return rows.error();
  auto total = rows->front().integer(0);
  return LogCount{std::min(total, kCountedAtMost), total > kCountedAtMost};
}

sql::Result<std::vector<LogRow>> list_logs(sql::Connection& db, const LogFilter& filter, std::int64_t offset,
                                           std::int64_t limit) {
  std::vector<Param> params;
  auto condition = where(db, filter, params);
  params.emplace_back(limit);
  params.emplace_back(offset);
  auto rows = db.query(
      "SELECT " + select_list(db, kColumns) + " FROM logs" + condition + " ORDER BY id DESC LIMIT ? OFFSET ?", params);
  if (!rows) return rows.error();
  std::vector<LogRow> logs;
  logs.reserve(rows->size());
  for (const auto& row : *rows) logs.push_back(read(row));
  return logs;
}

sql::Result<LogStatistics> log_statistics(sql::Connection& db, const LogFilter& filter, std::int64_t now) {
  auto consumed = filter;
  consumed.type = static_cast<std::int64_t>(LogType::kConsume);
  std::vector<Param> params;
  auto sum = db.query("SELECT COALESCE(SUM(quota), 0) FROM logs" + where(db, consumed, params), params);
  if (!sum) return sum.error();
  consumed.start_time = now - 60;
  consumed.end_time = 0;
  params.clear();
  auto condition = where(db, consumed, params);
  auto recent = db.query(
      "SELECT COUNT(*), COALESCE(SUM(prompt_tokens), 0) + COALESCE(SUM(completion_tokens), 0) FROM logs" + condition,
      params);
  if (!recent) return recent.error();
  return LogStatistics{{sum->front().integer(0)}, recent->front().integer(0), recent->front().integer(1)};
}

}  // namespace tollgate::model
