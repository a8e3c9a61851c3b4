#include "app/unmatched.h"

#include "core/json_text.h"

namespace tollgate::app {
namespace {

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

}  // namespace

bool is_for_programs(std::string_view path) {
  for (std::string_view prefix :
       {"/v1", "/api", "/assets", "/-/", "/pg/", "/mj", "/suno", "/kling", "/jimeng", "/dashboard/billing"})
    if (path.starts_with(prefix)) return true;
  return path == "/metrics";
}

net::awaitable<void> answer_text(net::Exchange& exchange, int status, std::string_view type, std::string_view body) {
  net::Header headers[] = {{"Content-Type", type}};
  co_await exchange.answer(status, headers, body);
}

net::awaitable<void> answer_not_found(net::Exchange& exchange) {
  const auto& head = exchange.head();
  std::string body = "{\"error\":{\"message\":";
  core::append_json_string(body, "Invalid URL (" + std::string(head.method) + " " + std::string(head.path) + ")");
  body += ",\"type\":\"invalid_request_error\",\"param\":\"\",\"code\":\"\"}}";
  co_await answer_text(exchange, 404, "application/json; charset=utf-8", body);
}

net::awaitable<void> answer_page(net::Exchange& exchange) {
  exchange.add_header("Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  exchange.add_header("X-Content-Type-Options", "nosniff");
  exchange.add_header("Cache-Control", "no-cache");
  co_await answer_text(exchange, 200, "text/html; charset=utf-8", kPage);
}

net::awaitable<void> redirect(net::Exchange& exchange, std::string_view path) {
  const auto& head = exchange.head();
  std::string location(path);
  if (!head.query.empty()) location.append("?").append(head.query);
  net::Header headers[] = {{"Location", location}};
  co_await exchange.answer(head.method == "GET" ? 301 : 307, headers, {});
}

}  // namespace tollgate::app
