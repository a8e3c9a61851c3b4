#include "relay/model_list.h"

#include <set>

#include "core/json_text.h"

namespace tollgate::relay {
namespace {

constexpr std::int64_t kCreated = 1'626'777'600;  // what the compatible product says of every model

std::set<std::string, std::less<>> models_for(const Request& request) {
  const auto& snapshot = *request.snapshot;
  const auto& identity = *request.identity;
  if (identity.token.model_limits_enabled) return identity.model_limits;
  std::set<std::string, std::less<>> names;
  auto add_group = [&](std::string_view group) {
    auto found = snapshot.candidates.find(group);
    if (found == snapshot.candidates.end()) return;
    for (const auto& [name, list] : found->second) names.insert(name);
  };
  if (request.group == "auto") {
    for (const auto& group : snapshot.relay.auto_groups)
      if (snapshot.group_usable(identity.user_group, group)) add_group(group);
  } else {
    add_group(request.group);
  }
  bool unpriced_too = identity.accept_unset_ratio || snapshot.options->boolean("SelfUseModeEnabled");
  if (!unpriced_too) std::erase_if(names, [&](const std::string& name) { return !snapshot.prices->has_price(name); });
  return names;
}

std::string openai_model(std::string_view name, std::string_view endpoints) {
  return "{\"id\":" + core::json_string(name) + ",\"object\":\"model\",\"created\":" + std::to_string(kCreated) +
         ",\"owned_by\":\"custom\",\"supported_endpoint_types\":" + std::string(endpoints) + "}";
}

}  // namespace

net::awaitable<void> answer_model_list(Request& request) {
  auto& exchange = request.exchange;
  net::Header headers[] = {{"Content-Type", "application/json; charset=utf-8"}};
  auto names = models_for(request);
  auto path = exchange.head().path;
  bool anthropic = exchange.header("x-api-key") && exchange.header("anthropic-version");
  std::string body;
  if (path.starts_with("/v1/models/")) {
    std::string name(path.substr(11));
    body = names.contains(name)
               ? openai_model(name, "null")
               : "{\"error\":{\"message\":" + core::json_string("The model '" + name + "' does not exist") +
                     ",\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":\"model_not_found\"}}";
  } else if (anthropic) {
    body = "{\"data\":[";
    for (const auto& name : names) {
      if (body.back() != '[') body += ',';
      body += "{\"id\":" + core::json_string(name) +
              ",\"created_at\":\"2021-07-20T10:40:00Z\",\"display_name\":" + core::json_string(name) +
              ",\"type\":\"model\"}";
    }
    body += "],\"first_id\":" + (names.empty() ? "null" : core::json_string(*names.begin())) +
            ",\"has_more\":false,\"last_id\":" + (names.empty() ? "null" : core::json_string(*names.rbegin())) + "}";
  } else {
    body = "{\"success\":true,\"object\":\"list\",\"data\":[";
    for (const auto& name : names) {
      if (body.back() != '[') body += ',';
      body += openai_model(name, "[\"openai\"]");
    }
    body += "]}";
  }
  co_await exchange.answer(200, headers, body);
}

}  // namespace tollgate::relay
