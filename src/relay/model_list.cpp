#include "relay/model_list.h"

#include <fmt/format.h>

#include "core/json_text.h"
#include "core/percent.h"
#include "relay/credentials.h"

namespace tollgate::relay {
namespace {

constexpr std::string_view kDetail = "/v1/models/";

// Of every model, whenever it was made: what the compatible product says.
constexpr std::int64_t kCreated = 1'626'777'600;
constexpr std::string_view kCreatedText = "2021-07-20T10:40:00Z";

std::string openai_model(std::string_view name, std::string_view endpoint_types) {
  return fmt::format(R"({{"id":{},"object":"model","created":{},"owned_by":"custom","supported_endpoint_types":{}}})",
                     core::json_string(name), kCreated, endpoint_types);
}

std::string anthropic_model(std::string_view name) {
  return fmt::format(R"({{"id":{0},"created_at":"{1}","display_name":{0},"type":"model"}})", core::json_string(name),
                     kCreatedText);
}

std::string gemini_model(std::string_view name) {
  return fmt::format(R"({{"name":{0},"baseModelId":null,"version":null,"displayName":{0},"description":null,)"
                     R"("inputTokenLimit":null,"outputTokenLimit":null,"supportedGenerationMethods":null,)"
                     R"("thinking":null,"temperature":null,"maxTemperature":null,"topP":null,"topK":null}})",
                     core::json_string(name));
}

bool names_anthropic(const Request& request) {
  return request.exchange.header("x-api-key").value_or("") != "" &&
         request.exchange.header("anthropic-version").value_or("") != "";
}

net::awaitable<void> answer(Request& request, std::string body) {
  static constexpr net::Header kHeaders[] = {{"Content-Type", "application/json; charset=utf-8"}};
  co_await request.exchange.answer(200, kHeaders, body);
}

}  // namespace

ListShape list_shape(const Request& request) {
  const auto& head = request.exchange.head();
  if (head.path == "/v1beta/models") return ListShape::kGemini;
  if (head.path == "/v1beta/openai/models") return ListShape::kOpenAi;
  if (names_anthropic(request)) return ListShape::kAnthropic;
  if (request.exchange.header("x-goog-api-key").value_or("") != "" ||
      query_parameter(head.query, "key").value_or("") != "")
    return ListShape::kGemini;
  return ListShape::kOpenAi;
}

ModelNames models_for(const Snapshot& snapshot, const Identity& identity, std::string_view group) {
  if (identity.token.model_limits_enabled) return identity.model_limits;
  ModelNames names;
  auto add_group = [&](std::string_view name) {
    auto found = snapshot.candidates.find(name);
    if (found == snapshot.candidates.end()) return;
    for (const auto& [model, list] : found->second) names.insert(model);
  };
  if (group == "auto") {
    for (const auto& name : snapshot.relay.auto_groups)
      if (snapshot.group_usable(identity.user_group, name)) add_group(name);
  } else {
    add_group(group);
  }
  bool unpriced_too = identity.accept_unset_ratio || snapshot.options->boolean("SelfUseModeEnabled");
  if (!unpriced_too) std::erase_if(names, [&](const std::string& name) { return !snapshot.prices->has_price(name); });
  return names;
}

std::string list_json(ListShape shape, const Snapshot& snapshot, const ModelNames& names) {
  std::string items;
  for (const auto& name : names) {
    if (!items.empty()) items += ',';
    if (shape == ListShape::kAnthropic) {
      items += anthropic_model(name);
    } else if (shape == ListShape::kGemini) {
      items += gemini_model(name);
    } else {
      auto types = snapshot.endpoint_types.find(name);
      items += openai_model(name, types == snapshot.endpoint_types.end() ? "[]" : types->second);
    }
  }
  switch (shape) {
    case ListShape::kAnthropic:
      return fmt::format(R"({{"data":[{}],"first_id":{},"has_more":false,"last_id":{}}})", items,
                         names.empty() ? "null" : core::json_string(*names.begin()),
                         names.empty() ? "null" : core::json_string(*names.rbegin()));
    case ListShape::kGemini: return fmt::format(R"({{"models":[{}],"nextPageToken":null}})", items);
    case ListShape::kOpenAi: break;
  }
  return fmt::format(R"({{"success":true,"object":"list","data":[{}]}})", items);
}

net::awaitable<void> answer_model_list(Request& request) {
  auto names = models_for(*request.snapshot, *request.identity, request.group);
  co_await answer(request, list_json(list_shape(request), *request.snapshot, names));
}

net::awaitable<void> answer_model_detail(Request& request) {
  // A model's name may hold a slash, as it is or encoded; a plus is a plus.
  auto name = core::percent_decoded(request.exchange.head().path.substr(kDetail.size()), core::Plus::kStays);
  auto names = models_for(*request.snapshot, *request.identity, request.group);
  if (names.contains(name))
    co_return co_await answer(request, names_anthropic(request) ? anthropic_model(name) : openai_model(name, "null"));
  co_await answer(request, fmt::format(R"({{"error":{{"message":{},"type":"invalid_request_error","param":"model",)"
                                       R"("code":"model_not_found"}}}})",
                                       core::json_string("The model '" + name + "' does not exist")));
}

}  // namespace tollgate::relay
