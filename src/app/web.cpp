#include "app/web.h"

#include <openssl/crypto.h>

#include "core/json_text.h"
#include "net/suspend.h"

namespace tollgate::app {
namespace {

constexpr std::size_t kApiBody = 4U << 20U;
constexpr std::size_t kLoginBody = 16U << 10U;  // of routes that anybody may call

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tollgate</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1rem;color:#1b1f24}
code,pre{font:14px/1.5 ui-monospace,monospace;background:#f2f4f7;border-radius:4px;padding:.1rem .3rem}
pre{padding:.8rem;overflow-x:auto}h1{font-size:1.4rem}</style></head>
<body><h1>Tollgate is running</h1>
<p>This gateway answers the OpenAI API at <code>/v1</code> and its management API at <code>/api</code>.</p>
<p>What to do next, each step with <code>curl</code> as README.md shows:</p>
<ol><li>Make the administrator: <code>POST /api/setup</code></li>
<li>Log in: <code>POST /api/user/login</code></li>
<li>Add an upstream: <code>POST /api/channel/</code></li>
<li>Make a key for clients: <code>POST /api/token/</code></li>
<li>Use it:</li></ol>
<pre>curl http://THIS-HOST/v1/chat/completions \
  -H "Authorization: Bearer sk-…" -H "Content-Type: application/json" \
  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello"}]}'</pre>
</body></html>
)";

net::awaitable<void> answer_text(net::Exchange& exchange, int status, std::string_view type, std::string_view body) {
  net::Header headers[] = {{"Content-Type", type}};
  co_await exchange.answer(status, headers, body);
}

net::awaitable<void> not_found(net::Exchange& exchange) {
  const auto& head = exchange.head();
  std::string body = "{\"error\":{\"message\":";
  core::append_json_string(body, "Invalid URL (" + std::string(head.method) + " " + std::string(head.path) + ")");
  body += ",\"type\":\"invalid_request_error\",\"param\":\"\",\"code\":\"\"}}";
  co_await answer_text(exchange, 404, "application/json; charset=utf-8", body);
}

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

}  // namespace

net::awaitable<void> Web::handle(net::Exchange& exchange) {
  const auto& head = exchange.head();
  if (head.encoded_slash && !may_hold_encoded_slash(head.path)) return refuse_encoded_slash(exchange);
  if (relay::Relay::owns(head.method, head.path)) return relay_.handle(exchange);
  if (api::Api::owns(head.path)) return handle_api(exchange);
  return handle_other(exchange);
}

net::awaitable<void> Web::handle_api(net::Exchange& exchange) {
  exchange.add_header("X-New-Api-Version", version_);
  auto body = core::Result<std::string_view>(
      core::error(core::Errc::kUnsupported, "the body must come without Content-Encoding"));
  if (exchange.head().coding == net::ContentCoding::kNone)
    body = co_await exchange.read_body(api_body_limit(exchange.head().path));
  if (!body) {
    std::string text = "{\"success\":false,\"message\":" + core::json_string(body.error().message) + "}";
    co_await answer_text(exchange, status_of(body.error().code), "application/json; charset=utf-8", text);
    co_return;
  }
  auto request = std::make_shared<api::Request>();
  const auto& head = exchange.head();
  // HEAD is GET without the body.
  request->method = head.method == "HEAD" ? "GET" : std::string(head.method);
  request->path = head.path;
  request->query = head.query;
  bool forwarded = false;
  for (const auto& header : head.headers.all()) {
    request->headers.emplace_back(header.name, header.value);
    forwarded = forwarded || net::equals_ignoring_case(header.name, "x-forwarded-for");
  }
  request->body = *body;
  request->client_ip = exchange.client_ip();
  auto peer = net::to_text(exchange.peer());
  request->loopback_peer = !forwarded && (peer.starts_with("127.") || peer == "::1");
  if (auto scheme = exchange.header("x-forwarded-proto"); scheme && exchange.peer_is_trusted())
    request->https = scheme->starts_with("https");

  using Answer = std::shared_ptr<api::Response>;
  auto response = co_await net::suspend<Answer>([&](auto done) {
    bool taken =
        api_threads_.submit([this, request, done] { done(std::make_shared<api::Response>(api_.handle(*request))); });
    if (!taken) done(nullptr);
  });
  if (!response) {
    net::Header headers[] = {{"Content-Type", "application/json; charset=utf-8"}, {"Retry-After", "1"}};
    co_await exchange.answer(503, headers, "{\"success\":false,\"message\":\"too many management requests at once\"}");
    co_return;
  }
  std::vector<net::Header> headers;
  for (const auto& [name, value] : response->headers) headers.push_back({name, value});
  co_await exchange.answer(response->status, headers, response->body);
}

net::awaitable<void> Web::handle_other(net::Exchange& exchange) {
  const auto& head = exchange.head();
  bool reads = head.method == "GET" || head.method == "HEAD";
  if (reads && (head.path == "/livez" || head.path == "/readyz")) {
    auto trouble = head.path == "/livez" ? health_.live() : health_.ready();
    if (head.path == "/readyz" && head.query == "verbose") {
      co_await answer_text(exchange, trouble.empty() ? 200 : 503, "application/json", health_.detail());
      co_return;
    }
    co_await answer_text(exchange, trouble.empty() ? 200 : 503, "text/plain; charset=utf-8",
                         trouble.empty() ? std::string_view("ok") : std::string_view(trouble));
    co_return;
  }
  if (reads && head.path == "/-/health" && !admin_token_.empty()) {
    auto credential = exchange.header("authorization").value_or("");
    if (credential.starts_with("Bearer ") && same(credential.substr(7), admin_token_)) {
      co_await answer_text(exchange, 200, "application/json", health_.detail());
      co_return;
    }
  }
  bool api_like = head.path.starts_with("/v1") || head.path.starts_with("/api") || head.path.starts_with("/assets") ||
                  head.path.starts_with("/-/") || head.path == "/metrics";
  if (!reads || api_like) {
    exchange.add_header("X-New-Api-Version", version_);
    co_await not_found(exchange);
    co_return;
  }
  exchange.add_header("Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  exchange.add_header("X-Content-Type-Options", "nosniff");
  exchange.add_header("Cache-Control", "no-cache");
  co_await answer_text(exchange, 200, "text/html; charset=utf-8", kPage);
}

}  // namespace tollgate::app
