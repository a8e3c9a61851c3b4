// Lists of model names for forms and users.
#include <set>

#include "api/database.h"
#include "api/groups.h"
#include "api/handlers.h"
#include "model/channel.h"

namespace tollgate::api {
namespace {

// These routes answer without a message member.
Response bare(json::value data) {
  json::object body;
  body.emplace("success", true);
  body.emplace("data", std::move(data));
  return json_response(200, body);
}

std::vector<std::pair<int, std::vector<std::string>>> builtin(const Context& c) {
  if (!c.services.builtin_models) return {};
  return c.services.builtin_models();
}

}  // namespace

Response channel_models(Context& c) {
  std::set<std::string> seen;
  json::array items;
  for (const auto& [type, models] : builtin(c)) {
    for (const std::string& model : models) {
      if (!seen.insert(model).second) continue;
      json::object item;
      item.emplace("id", json::string(model));
      item.emplace("object", "model");
      item.emplace("created", 1626777600);
      item.emplace("owned_by", "");
      item.emplace("supported_endpoint_types", nullptr);
      items.push_back(std::move(item));
    }
  }
  return bare(std::move(items));
}

Response enabled_models(Context& c) {
  json::array items;
  for (const auto& model : must(model::enabled_models(c.db))) items.push_back(json::string(model));
  return bare(std::move(items));
}

Response user_models(Context& c) {
  std::set<std::string> names;
  for (const auto& [group, description] : usable_groups(*c.options, c.user.group))
    for (auto& model : must(model::enabled_models_of_group(c.db, group))) names.insert(std::move(model));
  json::array items;
  for (const auto& name : names) items.push_back(json::string(name));
  return ok(std::move(items));
}

Response models_by_type(Context& c) {
  json::object data;
  for (const auto& [type, models] : builtin(c)) {
    json::array items;
    for (const auto& model : models) items.push_back(json::string(model));
    data.insert_or_assign(std::to_string(type), std::move(items));
  }
  return bare(std::move(data));
}

}  // namespace tollgate::api
