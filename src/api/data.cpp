// Hourly sums for the dashboard.
#include "api/database.h"
#include "api/handlers.h"
#include "model/quota_data.h"

namespace tollgate::api {
namespace {

constexpr std::int64_t kLongestSpan = 2'592'000;  // 30 days, of one's own data

Response answer(const std::vector<model::QuotaData>& rows) {
  json::array out;
  for (const auto& row : rows) {
    json::object item;
    item.emplace("id", row.id);
    item.emplace("user_id", row.user_id.value);
    item.emplace("username", json::string(row.username));
    item.emplace("model_name", json::string(row.model_name));
    item.emplace("created_at", row.hour);
    item.emplace("token_used", row.token_used);
    item.emplace("count", row.count);
    item.emplace("quota", row.quota.units);
    out.push_back(std::move(item));
  }
  return ok(std::move(out));
}

}  // namespace

Response list_data(Context& c) {
  const auto from = c.query.integer("start_timestamp");
  const auto to = c.query.integer("end_timestamp");
  const auto name = c.query.text("username");
  return answer(
      must(name.empty() ? model::quota_data_of_all(c.db, from, to) : model::quota_data_of_name(c.db, name, from, to)));
}

Response list_own_data(Context& c) {
  const auto from = c.query.integer("start_timestamp");
  const auto to = c.query.integer("end_timestamp");
  if (to - from > kLongestSpan) return fail("时间跨度不能超过 1 个月");
  return answer(must(model::quota_data_of_user(c.db, c.user.id, from, to)));
}

}  // namespace tollgate::api
