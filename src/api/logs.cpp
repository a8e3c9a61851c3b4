// The usage log: lists and sums.
#include <map>

#include "api/database.h"
#include "api/handlers.h"
#include "api/search_pattern.h"
#include "model/channel.h"
#include "model/log_row.h"

namespace tollgate::api {
namespace {

constexpr std::int64_t kTokenLogs = 1000;

model::LogFilter filter_of(const Query& query) {
  model::LogFilter filter;
  filter.type = query.integer("type");
  filter.start_time = query.integer("start_timestamp");
  filter.end_time = query.integer("end_timestamp");
  filter.token_name = query.text("token_name");
  filter.model_name = query.text("model_name");
  filter.group = query.text("group");
  filter.request_id = query.text("request_id");
  return filter;
}

json::object log_document(const model::LogRow& row) {
  json::object o;
  auto text = [&](const char* name, const std::string& value) { o.emplace(name, json::string(value)); };
  o.emplace("id", row.id);
  o.emplace("user_id", row.user_id.value);
  o.emplace("created_at", row.created_at);
  o.emplace("type", row.type);
  text("content", row.content);
  text("username", row.username);
  text("token_name", row.token_name);
  text("model_name", row.model_name);
  o.emplace("quota", row.quota.units);
  o.emplace("prompt_tokens", row.prompt_tokens);
  o.emplace("completion_tokens", row.completion_tokens);
  o.emplace("use_time", row.use_time);
  o.emplace("is_stream", row.is_stream);
  o.emplace("channel", row.channel_id.value);
  o.emplace("channel_name", "");
  o.emplace("token_id", row.token_id.value);
  text("group", row.group);
  text("ip", row.ip);
  if (!row.request_id.empty()) text("request_id", row.request_id);
  text("other", row.other);
  return o;
}

// What users may see of `other`: nothing that names channels or prices of the operator.
std::string other_for_users(const std::string& other) {
  if (other.empty()) return {};
  auto parsed = parse_json(other);
  if (!parsed || !parsed->is_object()) return {};
  parsed->get_object().erase("admin_info");
  parsed->get_object().erase("reject_reason");
  return json_text(sorted(parsed->get_object()));
}

// As its owner sees it: counted from the beginning of the list, without what only operators may know.
json::object user_document(const model::LogRow& row, std::int64_t position) {
  json::object item = log_document(row);
  item["id"] = position;
  item["other"] = json::string(other_for_users(row.other));
  return item;
}

json::object log_page(const Page& page, const model::LogCount& count, json::array items) {
  json::object data = page_object(page, count.total, std::move(items));
  if (count.capped) data.emplace("total_capped", true);
  return data;
}

Response statistics(Context& c, model::LogFilter filter) {
  if (std::string fault = check_pattern(filter.model_name); !fault.empty()) return fail(fault);
  const LogConnection log(c);
  const auto sums = must(model::log_statistics(*log, filter, c.now()));
  json::object data;
  data.emplace("quota", sums.quota.units);
  data.emplace("rpm", sums.rpm);
  data.emplace("tpm", sums.tpm);
  return ok(std::move(data));
}

void take_admin_filter(model::LogFilter& filter, const Query& query) {
  filter.username = query.text("username");
  if (const std::int64_t channel = query.integer("channel"); channel != 0) filter.channel_id = core::ChannelId{channel};
}

}  // namespace

Response list_logs(Context& c) {
  model::LogFilter filter = filter_of(c.query);
  take_admin_filter(filter, c.query);
  const Page page = c.page();
  const LogConnection log(c);
  std::map<std::int64_t, std::string> names;
  json::array items;
  for (const auto& row : must(model::list_logs(*log, filter, page.offset(), page.size))) {
    json::object item = log_document(row);
    if (row.channel_id) {
      auto [it, added] = names.try_emplace(row.channel_id.value);
      if (added)
        if (auto channel = must(model::find_channel(c.db, row.channel_id))) it->second = channel->name;
      item["channel_name"] = json::string(it->second);
    }
    items.push_back(std::move(item));
  }
  return ok(log_page(page, must(model::count_logs(*log, filter)), std::move(items)));
}

Response token_logs(Context& c) {
  model::LogFilter filter;
  filter.token_id = c.api_key->id;
  const LogConnection log(c);
  json::array items;
  for (const auto& row : must(model::list_logs(*log, filter, 0, kTokenLogs)))
    items.push_back(user_document(row, static_cast<std::int64_t>(items.size()) + 1));
  return ok(std::move(items));
}

Response list_own_logs(Context& c) {
  model::LogFilter filter = filter_of(c.query);
  filter.user_id = c.user.id;
  if (std::string fault = check_pattern(filter.model_name); !fault.empty()) return fail(fault);
  const Page page = c.page();
  const LogConnection log(c);
  json::array items;
  std::int64_t position = page.offset();
  for (const auto& row : must(model::list_logs(*log, filter, page.offset(), page.size)))
    items.push_back(user_document(row, ++position));
  return ok(log_page(page, must(model::count_logs(*log, filter)), std::move(items)));
}

Response log_stat(Context& c) {
  model::LogFilter filter = filter_of(c.query);
  take_admin_filter(filter, c.query);
  return statistics(c, std::move(filter));
}

Response own_log_stat(Context& c) {
  model::LogFilter filter = filter_of(c.query);
  filter.username = c.user.username;
  filter.user_id = c.user.id;
  return statistics(c, std::move(filter));
}

Response retired(Context&) { return fail("该接口已废弃"); }

}  // namespace tollgate::api
