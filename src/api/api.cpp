#include "api/api.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/database.h"
#include "api/gate.h"
#include "api/routes.h"
#include "core/log.h"
#include "core/rate_limit.h"
#include "model/option.h"

namespace tollgate::api {
namespace {

constexpr std::string_view kRoot = "/api";
constexpr std::int64_t kSearchCount = 10, kSearchSeconds = 60;

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

Response unknown_route(const Request& request) {
  json::object error;
  error.emplace("message", json::string(fmt::format("Invalid URL ({} {})", request.method, request.path)));
  error.emplace("type", "invalid_request_error");
  error.emplace("param", "");
  error.emplace("code", "");
  json::object body;
  body.emplace("error", std::move(error));
  return json_response(404, body);
}

Response crashed() {
  json::object error;
  error.emplace("message", "Panic detected, error: internal error");
  error.emplace("type", "new_api_panic");
  json::object body;
  body.emplace("error", std::move(error));
  return json_response(500, body);
}

// Nothing when the request may pass.
std::optional<Response> refused(core::RateLimits& limits, std::string_view name, std::string_view key,
                                Settings::Limit limit) {
  if (!limit.enabled) return std::nullopt;
  const auto answer =
      limits.ask_and_wait(core::RateStep::kTake, fmt::format("{}{}", name, key), {limit.count, limit.seconds});
  if (answer.allowed) return std::nullopt;
  Response response = fail(429, fmt::format("rate limit {} reached: at most {} requests in {} seconds, retry in {} s",
                                            name, limit.count, limit.seconds, answer.reset));
  response.headers.emplace_back("Retry-After", std::to_string(answer.reset));
  response.headers.emplace_back("X-RateLimit-Limit", std::to_string(limit.count));
  response.headers.emplace_back("X-RateLimit-Remaining", std::to_string(answer.remaining));
  response.headers.emplace_back("X-RateLimit-Reset", std::to_string(answer.reset));
  return response;
}

std::shared_ptr<const core::Options> options_of(const Services& services, sql::Connection& db) {
  if (services.options) return services.options();
  core::OptionRows rows;
  for (auto& [key, value] : must(model::load_options(db))) rows.insert_or_assign(std::move(key), std::move(value));
  return std::make_shared<const core::Options>(rows);
}

Context make_context(const Request& request, const Services& services, sql::Connection& db, std::string parameter) {
  return {.request = request,
          .services = services,
          .options = options_of(services, db),
          .db = db,
          .session = {},
          .user = {},
          .api_key = {},
          .language = language_of_header(request.header("Accept-Language")),
          .parameter = std::move(parameter),
          .query = Query(request.query)};
}

// A cookie for a session that a handler changed.
bool write_session(const Context& c, Response& response) {
  auto value = encode_session(c.session.values, session_secrets(c.services).front(), c.now());
  if (!value) return false;
  const bool secure = c.services.settings.secure_cookie;
  response.headers.emplace_back("Set-Cookie", session_set_cookie(*value, c.now(), secure));
  return true;
}

// What is in force here once the answer arrives, and, when asked for, how many nodes have it.
void add_versions(const Request& request, const ClusterServices& cluster, Response& response) {
  response.headers.emplace_back("X-Tollgate-Version", cluster.versions());
  if (request.header("X-Tollgate-Wait") != "all" || !cluster.wait_for_all) return;
  const auto [nodes, of] = cluster.wait_for_all();
  response.headers.emplace_back("X-Tollgate-Seen", fmt::format("{} of {}", nodes, of));
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return value;
  return {};
}

Api::Api(Services services) : services_(std::move(services)) {
  if (session_secrets(services_).empty()) throw std::logic_error("the management API needs a session secret");
}

Api::~Api() = default;

bool Api::owns(std::string_view path) { return path == kRoot || path.starts_with("/api/"); }

Response Api::handle(const Request& request) {
  try {
    return dispatch(request);
  } catch (const DatabaseError& error) {
    core::log::error("management API {} {}: database: {}", request.method, request.path, error.what());
    return database_failure();
  } catch (const std::exception& error) {
    core::log::error("management API {} {}: {}", request.method, request.path, error.what());
    return crashed();
  }
}

SessionCaller Api::caller(const Request& request) {
  try {
    return find_caller(request);
  } catch (const DatabaseError& error) {
    core::log::error("session of {} {}: database: {}", request.method, request.path, error.what());
    return {.refusal = fail(503, "database unavailable")};
  } catch (const std::exception& error) {
    core::log::error("session of {} {}: {}", request.method, request.path, error.what());
    return {.refusal = crashed()};
  }
}

SessionCaller Api::find_caller(const Request& request) {
  auto lease = must(services_.db.lease());
  Context context = make_context(request, services_, *lease, {});
  load_session(context);
  if (auto refused = authenticate(context, Access::kUser)) return {.refusal = std::move(*refused)};
  return {.user = context.user.id, .by_access_token = context.user.by_access_token};
}

Response Api::dispatch(const Request& request) {
  const Settings& settings = services_.settings;
  // Health checks ask for the status: of this machine and of balancers without a limit, of others with a wide one.
  const bool status = request.path == "/api/status" || request.path == "/api/status/";
  auto limit = settings.global_limit;
  if (status) limit.count *= 10;
  if (!(status && request.is_neighbour))
    if (auto answer = refused(services_.limits, status ? "GS" : "GA", request.client_ip, limit)) return *answer;

  const RouteMatch match = find_route(request.method, request.path);
  if (!match.route) return unknown_route(request);
  const Route& route = *match.route;
  if (route.limit == Limit::kCritical)
    if (auto answer = refused(services_.limits, "CT", request.client_ip, settings.critical_limit)) return *answer;

  auto lease = services_.db.lease();
  if (!lease) {
    core::log::error("management API: no database connection: {}", lease.error().message);
    return fail(503, "database unavailable");
  }
  Context context = make_context(request, services_, **lease, match.parameter);
  load_session(context);
  if (route.access == Access::kToken) {
    if (auto answer = authenticate_api_key(context)) return *answer;
  } else if (route.access != Access::kNone) {
    if (auto answer = authenticate(context, route.access)) return *answer;
  }
  if (route.limit == Limit::kSearch) {
    const Settings::Limit limit{true, kSearchCount, kSearchSeconds};
    if (auto answer = refused(services_.limits, "SR", fmt::format(":user:{}", context.user.id.value), limit))
      return *answer;
  }

  const bool changes = request.method != "GET";
  const ClusterServices& cluster = services_.cluster;
  if (const auto seen = request.header("X-Tollgate-Version");
      cluster.catch_up && !seen.empty() && context.user.role >= kRoleAdmin) {
    cluster.catch_up(seen);
    if (services_.options) context.options = services_.options();
  }

  Response response = route.handler(context);
  if (cluster.versions && changes && route.access != Access::kNone) add_versions(request, cluster, response);
  if (context.session.changed && !write_session(context, response))
    return fail_key(context, "user.session_save_failed");
  return response;
}

}  // namespace tollgate::api
