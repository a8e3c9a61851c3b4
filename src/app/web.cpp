#include "app/web.h"

#include <fmt/core.h>
#include <openssl/crypto.h>

#include "api/routes.h"
#include "app/cross_origin.h"
#include "app/unmatched.h"
#include "core/json_text.h"
#include "core/metrics_text.h"
#include "core/random.h"
#include "core/request_id.h"
#include "net/suspend.h"
#include "relay/billing_info.h"

namespace tollgate::app {
namespace {

constexpr std::size_t kApiBody = 4U << 20U;
constexpr std::size_t kLoginBody = 16U << 10U;  // of routes that anybody may call

// Model names may hold a slash; nothing else that is looked up by a path may.
bool may_hold_encoded_slash(std::string_view path) {
  return path.starts_with("/v1/models/") || path.starts_with("/v1/engines/");
}

net::awaitable<void> refuse_encoded_slash(net::Exchange& exchange) {
  co_await answer_text(exchange, 400, "application/json; charset=utf-8",
                       "{\"error\":{\"message\":\"encoded slash in the path\",\"type\":\"invalid_request_error\","
                       "\"param\":\"\",\"code\":\"bad_http_message\"}}");
}

std::size_t api_body_limit(std::string_view path) {
  return path == "/api/setup" || path.starts_with("/api/user/login") || path.starts_with("/api/user/register")
             ? kLoginBody
             : kApiBody;
}

int status_of(core::Errc code) {
  switch (code) {
    case core::Errc::kTooLarge: return 413;
    case core::Errc::kUnsupported: return 415;
    case core::Errc::kTimeout: return 408;
    default: return 400;
  }
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// A peer of the trusted ranges that speaks for itself: what came through a balancer bears the mark of one.
bool is_neighbour(const net::Exchange& exchange) {
  for (std::string_view name :
       {"x-forwarded-for", "x-real-ip", "forwarded", "x-forwarded-proto", "x-forwarded-host", "via"})
    if (exchange.header(name)) return false;
  return exchange.peer_is_trusted();
}

constexpr std::string_view kTooMany = R"({"success":false,"message":"too many management requests at once"})";

// nullptr: all of the threads are busy and their queue is full.
template <class T, class Work>
net::awaitable<std::shared_ptr<T>> on_api_threads(core::ThreadPool& threads, Work work) {
  auto answer = co_await net::suspend<std::shared_ptr<T>>([&](auto done) {
    if (!threads.submit([work, done] { done(work()); })) done(nullptr);
  });
  co_return answer;
}

std::shared_ptr<api::Request> api_request(net::Exchange& exchange) {
  auto request = std::make_shared<api::Request>();
  const auto& head = exchange.head();
  // HEAD is GET without the body.
  request->method = head.method == "HEAD" ? "GET" : std::string(head.method);
  request->path = head.path;
  request->query = head.query;
  bool forwarded = false;
  for (const auto& header : head.headers.all()) {
    request->headers.emplace_back(header.name, header.value);
    forwarded = forwarded || net::equals_ignoring_case(header.name, "x-forwarded-for") ||
                net::equals_ignoring_case(header.name, "x-real-ip");
  }
  request->client_ip = exchange.client_ip();
  auto peer = net::to_text(exchange.peer());
  request->is_neighbour = !forwarded && (exchange.peer_is_trusted() || peer.starts_with("127.") || peer == "::1");
  if (auto scheme = exchange.header("x-forwarded-proto"); scheme && exchange.peer_is_trusted())
    request->https = scheme->starts_with("https");
  return request;
}

net::awaitable<void> answer_probe(net::Exchange& exchange, const Health& health) {
  const auto& head = exchange.head();
  auto trouble = head.path == "/livez" ? health.live() : health.ready();
  const int status = trouble.empty() ? 200 : 503;
  if (head.path == "/readyz" && head.query == "verbose")
    co_return co_await answer_text(exchange, status, "application/json", health.detail());
  co_await answer_text(exchange, status, "text/plain; charset=utf-8", trouble.empty() ? "ok" : trouble);
}

bool is_probe(std::string_view path) { return path == "/livez" || path == "/readyz"; }

}  // namespace

net::awaitable<void> Web::handle(net::Exchange& exchange) {
  const auto& head = exchange.head();
  const bool relayed = relay::Relay::owns(head.method, head.path);
  if (!relayed) add_names(exchange);  // the relay has its own
  if (head.encoded_slash && !may_hold_encoded_slash(head.path)) return refuse_encoded_slash(exchange);
  if (is_cross_origin(head) && open_to_other_sites(head.path)) {
    exchange.add_header("Access-Control-Allow-Origin", "*");
    if (head.method == "OPTIONS") return answer_preflight(exchange);
  }
  if (relayed) return relay::is_billing_info(head.path) ? handle_billing_info(exchange) : relay_.handle(exchange);
  if (api::Api::owns(head.path)) return handle_api(exchange);
  return handle_other(exchange);
}

void Web::add_names(net::Exchange& exchange) {
  thread_local core::FastRandom random;
  exchange.add_header("X-New-Api-Version", settings_.version);
  exchange.add_header("X-Oneapi-Request-Id", core::make_request_id(clock_.system(), random));
}

net::awaitable<bool> Web::within(net::Exchange& exchange, std::string_view mark, Limit limit) {
  if (!limit.enabled) co_return true;
  core::RateRule rule{limit.count, limit.seconds};
  auto key = std::string(mark) + exchange.client_ip();
  auto answer = co_await net::suspend<core::RateAnswer>(
      [&](auto done) { limits_.ask(core::RateStep::kTake, key, rule, std::move(done)); });
  if (answer.allowed) co_return true;
  auto seconds = std::to_string(answer.reset);
  auto count = std::to_string(limit.count);
  net::Header headers[] = {{"Content-Type", "application/json; charset=utf-8"},
                           {"Retry-After", seconds},
                           {"X-RateLimit-Limit", count},
                           {"X-RateLimit-Remaining", "0"},
                           {"X-RateLimit-Reset", seconds}};
  auto text = fmt::format("rate limit {} reached: at most {} requests in {} seconds, retry in {} s", mark, limit.count,
                          limit.seconds, answer.reset);
  co_await exchange.answer(429, headers,
                           "{\"error\":{\"message\":" + core::json_string(text) +
                               ",\"type\":\"new_api_error\",\"param\":\"\",\"code\":\"rate_limit_exceeded\"}}");
  co_return false;
}

// It tells about money, so guessing keys there is held back as at the management API.
net::awaitable<void> Web::handle_billing_info(net::Exchange& exchange) {
  if (co_await within(exchange, "GA", settings_.api_limit)) co_await relay_.handle(exchange);
}

net::awaitable<void> Web::handle_api(net::Exchange& exchange) {
  const auto* route = api::find_route(exchange.head().method, exchange.head().path).route;
  exchange.set_route(route ? route->pattern : "/api");
  auto body = core::Result<std::string_view>(
      core::error(core::Errc::kUnsupported, "the body must come without Content-Encoding"));
  if (exchange.head().coding == net::ContentCoding::kNone)
    body = co_await exchange.read_body(api_body_limit(exchange.head().path));
  if (!body) {
    std::string text = "{\"success\":false,\"message\":" + core::json_string(body.error().message) + "}";
    co_await answer_text(exchange, status_of(body.error().code), "application/json; charset=utf-8", text);
    co_return;
  }
  auto request = api_request(exchange);
  request->body = *body;

  auto response = co_await on_api_threads<api::Response>(
      api_threads_, [this, request] { return std::make_shared<api::Response>(api_.handle(*request)); });
  if (!response) {
    net::Header headers[] = {{"Content-Type", "application/json; charset=utf-8"}, {"Retry-After", "1"}};
    co_await exchange.answer(503, headers, kTooMany);
    co_return;
  }
  std::vector<net::Header> headers;
  for (const auto& [name, value] : response->headers) headers.push_back({name, value});
  co_await exchange.answer(response->status, headers, response->body);
}

net::awaitable<relay::SessionUser> Web::session_user(net::Exchange& exchange) {
  auto request = api_request(exchange);
  auto caller = co_await on_api_threads<api::SessionCaller>(
      api_threads_, [this, request] { return std::make_shared<api::SessionCaller>(api_.caller(*request)); });
  if (!caller) co_return relay::SessionUser{.status = 503, .body = std::string(kTooMany)};
  co_return relay::SessionUser{.id = caller->user,
                               .by_access_token = caller->by_access_token,
                               .status = caller->refusal.status,
                               .body = caller->refusal.body};
}

net::awaitable<void> Web::handle_operator(net::Exchange& exchange) {
  const auto& head = exchange.head();
  if (is_probe(head.path)) co_return co_await answer_probe(exchange, health_);
  if (head.path == "/-/health") co_return co_await answer_text(exchange, 200, "application/json", health_.detail());
  if (head.path == "/metrics" && health_.metrics) co_return co_await answer_metrics(exchange);
  co_await answer_not_found(exchange);
}

std::optional<std::string> Web::elsewhere(net::Exchange& exchange) {
  const auto& head = exchange.head();
  auto forwarded = exchange.peer_is_trusted() ? exchange.header("x-forwarded-host") : std::nullopt;
  auto host = forwarded ? forwarded->substr(0, forwarded->find(',')) : exchange.header("host").value_or("");
  return front_end_.elsewhere({.method = head.method,
                               .path = head.path,
                               .query = head.query,
                               .accept = exchange.header("accept"),
                               .host = host,
                               .client = exchange.client_ip()},
                              std::chrono::steady_clock::now());
}

bool Web::is_operator(const net::Exchange& exchange) const {
  auto credential = exchange.header("authorization").value_or("");
  return !settings_.admin_token.empty() && credential.starts_with("Bearer ") &&
         same(credential.substr(7), settings_.admin_token);
}

net::awaitable<void> Web::answer_metrics(net::Exchange& exchange) {
  auto page = co_await on_api_threads<std::string>(api_threads_,
                                                   [this] { return std::make_shared<std::string>(health_.metrics()); });
  if (!page) co_return co_await answer_text(exchange, 503, "text/plain; charset=utf-8", "too busy");
  co_await answer_text(exchange, 200, core::MetricsText::kContentType, *page);
}

net::awaitable<void> Web::handle_other(net::Exchange& exchange) {
  const auto& head = exchange.head();
  bool reads = head.method == "GET" || head.method == "HEAD";
  if (reads && is_probe(head.path)) co_return co_await answer_probe(exchange, health_);
  if (reads && head.path == "/-/health" && is_operator(exchange)) {
    co_await answer_text(exchange, 200, "application/json", health_.detail());
    co_return;
  }
  if (reads && head.path == "/metrics" && health_.metrics && (is_operator(exchange) || is_neighbour(exchange)))
    co_return co_await answer_metrics(exchange);
  exchange.set_route("other");
  // Gateways of others add or drop a slash at the end.
  if (head.path.size() > 1 && head.path.ends_with('/')) {
    auto without = head.path.substr(0, head.path.size() - 1);
    if (relay::Relay::owns(head.method, without)) co_return co_await redirect(exchange, without);
  }
  if (!co_await within(exchange, "GW", settings_.page_limit)) co_return;
  if (!reads || is_for_programs(head.path)) co_return co_await answer_not_found(exchange);
  if (auto address = elsewhere(exchange)) {
    net::Header headers[] = {{"Location", *address}, {"Cache-Control", "no-store"}};
    co_await exchange.answer(front_end_.status(), headers, {});
    co_return;
  }
  co_await answer_page(exchange);
}

}  // namespace tollgate::app
