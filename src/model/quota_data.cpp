#include "model/quota_data.h"

#include "model/columns.h"
#include "sql/connection.h"

namespace tollgate::model {
namespace {

constexpr std::string_view kColumns =
    "SELECT id, user_id, username, model_name, created_at, token_used, count, quota FROM quota_data WHERE ";

sql::Result<std::vector<QuotaData>> read_rows(sql::Connection& db, const std::string& statement,
                                              std::initializer_list<sql::Param> params) {
  auto rows = db.query(statement, params);
  if (!rows) return rows.error();
  std::vector<QuotaData> out;
  for (const auto& row : *rows)
    out.push_back({.id = row.integer(0),
                   .user_id = {row.integer(1)},
                   .username = std::string(row.text(2)),
                   .model_name = std::string(row.text(3)),
                   .hour = row.integer(4),
                   .token_used = row.integer(5),
                   .count = row.integer(6),
                   .quota = {row.integer(7)}});
  return out;
}

}  // namespace

sql::Result<void> add_quota_data(sql::Connection& db, const QuotaData& data) {
  using sql::Param;
  const auto username = first_characters(data.username, 64), model = first_characters(data.model_name, 64);
  auto updated = db.execute(
      "UPDATE quota_data SET count = count + ?, quota = quota + ?, token_used = token_used + ? "
      "WHERE user_id = ? AND username = ? AND model_name = ? AND created_at = ?",
      {Param(data.count), Param(data.quota.units), Param(data.token_used), Param(data.user_id.value), Param(username),
       Param(model), Param(data.hour)});
  if (!updated) return updated.error();
  if (updated->affected > 0) return {};
  auto inserted = db.execute(
      "INSERT INTO quota_data (user_id, username, model_name, created_at, token_used, count, quota) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      {Param(data.user_id.value), Param(username), Param(model), Param(data.hour), Param(data.token_used),
       Param(data.count), Param(data.quota.units)});
  if (!inserted) return inserted.error();
  return {};
}

sql::Result<std::vector<QuotaData>> quota_data_of_all(sql::Connection& db, std::int64_t from, std::int64_t to) {
  return read_rows(db,
                   "SELECT 0, 0, '', model_name, created_at, SUM(token_used), SUM(count), SUM(quota) FROM quota_data "
                   "WHERE created_at >= ? AND created_at <= ? GROUP BY model_name, created_at",
                   {from, to});
}

sql::Result<std::vector<QuotaData>> quota_data_of_name(sql::Connection& db, std::string_view username,
                                                       std::int64_t from, std::int64_t to) {
  return read_rows(db, std::string(kColumns) + "username = ? AND created_at >= ? AND created_at <= ?",
                   {username, from, to});
}

sql::Result<std::vector<QuotaData>> quota_data_of_user(sql::Connection& db, core::UserId user, std::int64_t from,
                                                       std::int64_t to) {
  return read_rows(db, std::string(kColumns) + "user_id = ? AND created_at >= ? AND created_at <= ?",
                   {user.value, from, to});
}

}  // namespace tollgate::model
