#include "model/quota_data.h"

#include "sql/connection.h"

namespace tollgate::model {

sql::Result<void> add_quota_data(sql::Connection& db, const QuotaData& data) {
  using sql::Param;
  auto updated = db.execute(
      "UPDATE quota_data SET count = count + ?, quota = quota + ?, token_used = token_used + ? "
      "WHERE user_id = ? AND username = ? AND model_name = ? AND created_at = ?",
      {Param(data.count), Param(data.quota.units), Param(data.token_used), Param(data.user_id.value),
       Param(std::string_view(data.username)), Param(std::string_view(data.model_name)), Param(data.hour)});
  if (!updated) return updated.error();
  if (updated->affected > 0) return {};
  auto inserted = db.execute(
      "INSERT INTO quota_data (user_id, username, model_name, created_at, token_used, count, quota) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      {Param(data.user_id.value), Param(std::string_view(data.username)), Param(std::string_view(data.model_name)),
       Param(data.hour), Param(data.token_used), Param(data.count), Param(data.quota.units)});
  if (!inserted) return inserted.error();
  return {};
}

}  // namespace tollgate::model
