#include "relay/key_routes.h"

#include "relay/billing_info.h"
#include "relay/model_list.h"

namespace tollgate::relay {
namespace {

net::awaitable<void> answer_not_implemented(Request& request) {
  static constexpr net::Header kHeaders[] = {{"Content-Type", "application/json; charset=utf-8"}};
  co_await request.exchange.answer(501, kHeaders,
                                   R"({"error":{"message":"API not implemented","type":"new_api_error","param":"",)"
                                   R"("code":"api_not_implemented"}})");
}

constexpr bool kChecksLoad = true;

constexpr KeyRoute kRoutes[] = {
    {"GET", "/v1/models", answer_model_list},
    {"GET", "/v1beta/models", answer_model_list},
    {"GET", "/v1beta/openai/models", answer_model_list},
    {"GET", "/v1/models/{*}", answer_model_detail},

    {"GET", "/dashboard/billing/subscription", answer_billing_info},
    {"GET", "/dashboard/billing/usage", answer_billing_info},
    {"GET", "/v1/dashboard/billing/subscription", answer_billing_info},
    {"GET", "/v1/dashboard/billing/usage", answer_billing_info},

    {"POST", "/v1/edits", answer_not_implemented, kChecksLoad},
    {"POST", "/v1/images/variations", answer_not_implemented, kChecksLoad},
    {"GET", "/v1/files", answer_not_implemented, kChecksLoad},
    {"POST", "/v1/files", answer_not_implemented, kChecksLoad},
    {"GET", "/v1/files/{}", answer_not_implemented, kChecksLoad},
    {"DELETE", "/v1/files/{}", answer_not_implemented, kChecksLoad},
    {"GET", "/v1/files/{}/content", answer_not_implemented, kChecksLoad},
    {"GET", "/v1/fine-tunes", answer_not_implemented, kChecksLoad},
    {"POST", "/v1/fine-tunes", answer_not_implemented, kChecksLoad},
    {"GET", "/v1/fine-tunes/{}", answer_not_implemented, kChecksLoad},
    {"POST", "/v1/fine-tunes/{}/cancel", answer_not_implemented, kChecksLoad},
    {"GET", "/v1/fine-tunes/{}/events", answer_not_implemented, kChecksLoad},
    {"DELETE", "/v1/models/{*}", answer_not_implemented, kChecksLoad},
};

bool fits(std::string_view pattern, std::string_view path) {
  for (;;) {
    auto mark = pattern.find('{');
    if (mark == std::string_view::npos) return pattern == path;
    if (path.substr(0, mark) != pattern.substr(0, mark)) return false;
    path.remove_prefix(mark);
    pattern.remove_prefix(mark);
    if (path.empty()) return false;
    if (pattern == "{*}") return true;
    auto segment = path.substr(0, path.find('/'));
    if (segment.empty()) return false;
    path.remove_prefix(segment.size());
    pattern.remove_prefix(2);
  }
}

std::span<const KeyRoute> more_routes;

const KeyRoute* find_in(std::span<const KeyRoute> table, std::string_view method, std::string_view path) {
  for (const auto& route : table)
    if (route.method == method && fits(route.pattern, path)) return &route;
  return nullptr;
}

}  // namespace

void add_key_routes(std::span<const KeyRoute> routes) { more_routes = routes; }

const KeyRoute* find_key_route(std::string_view method, std::string_view path) {
  const auto* route = find_in(kRoutes, method, path);
  return route ? route : find_in(more_routes, method, path);
}

std::string_view path_part(std::string_view pattern, std::string_view path, std::size_t number) {
  for (;; --number) {
    auto mark = pattern.find('{');
    if (mark == std::string_view::npos || mark >= path.size()) return {};
    path.remove_prefix(mark);
    pattern.remove_prefix(mark);
    auto part = pattern.starts_with("{*}") ? path : path.substr(0, path.find('/'));
    if (number == 0) return part;
    if (pattern.starts_with("{*}")) return {};
    path.remove_prefix(part.size());
    pattern.remove_prefix(2);
  }
}

}  // namespace tollgate::relay
