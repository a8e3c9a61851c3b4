// What a holder of an API key may ask about it.
#include "api/handlers.h"
#include "model/channel.h"

namespace tollgate::api {
namespace {

// "Bearer <key>" and nothing else: two parts, one blank between them.
bool is_bearer(std::string_view header) {
  const auto blank = header.find(' ');
  if (blank == std::string_view::npos || header.find(' ', blank + 1) != std::string_view::npos) return false;
  std::string scheme(header.substr(0, blank));
  for (char& c : scheme)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return scheme == "bearer" && blank + 1 < header.size();
}

}  // namespace

Response token_usage(Context& c) {
  std::string_view header = c.request.header("Authorization");
  if (!is_bearer(header)) return fail(401, "Invalid Bearer token");
  // The gate takes a channel behind the key, this route does not.
  header.remove_prefix(header.find(' ') + 1);
  if (header.starts_with("sk-")) header.remove_prefix(3);
  if (header.find('-') != std::string_view::npos) return fail_key(c, "token.get_info_failed");
  const model::Token& key = *c.api_key;
  const core::Quota left =
      c.services.shown_token_balance ? c.services.shown_token_balance(key.id, key.remain_quota) : key.remain_quota;
  json::object limits;
  for (const std::string& name : model::split_list(key.model_limits))
    if (!name.empty()) limits.insert_or_assign(json::string_view(name), true);
  json::object data;
  data.emplace("object", "token_usage");
  data.emplace("name", json::string(key.name));
  data.emplace("total_granted", (left + key.used_quota).units);
  data.emplace("total_used", key.used_quota.units);
  data.emplace("total_available", left.units);
  data.emplace("unlimited_quota", key.unlimited_quota);
  data.emplace("model_limits", std::move(limits));
  data.emplace("model_limits_enabled", key.model_limits_enabled);
  data.emplace("expires_at", key.expired_time == -1 ? 0 : key.expired_time);
  json::object body;
  body.emplace("code", true);
  body.emplace("message", "ok");
  body.emplace("data", std::move(data));
  return json_response(200, body);
}

}  // namespace tollgate::api
