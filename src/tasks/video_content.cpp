// GET /v1/videos/{id}/content: the film itself, passed through as it comes.
#include <fmt/core.h>

#include "core/json_text.h"
#include "core/log.h"
#include "core/percent.h"
#include "net/http_client.h"
#include "net/worker.h"
#include "relay/key_routes.h"
#include "tasks/json.h"
#include "tasks/on_sql.h"
#include "tasks/task_routes.h"
#include "tasks/task_row.h"
#include "tasks/upstream.h"

namespace tollgate::tasks {
namespace {

using relay::Request;

net::awaitable<void> refuse(Request& request, int status, std::string_view message) {
  static constexpr net::Header kHeaders[] = {{"Content-Type", "application/json; charset=utf-8"}};
  const std::string_view type = status < 500 ? "invalid_request_error" : "server_error";
  (void)co_await request.exchange.answer(
      status, kHeaders,
      "{\"error\":{\"message\":" + core::json_string(message) + ",\"type\":\"" + std::string(type) + "\"}}");
}

// Films and pictures; nothing that a browser would run.
bool is_film(std::string_view type) {
  return type.starts_with("video/") || type.starts_with("image/") || type.starts_with("audio/") ||
         type.starts_with("application/octet-stream");
}

std::string key_of(const relay::Channel& channel, const TaskRow& row) {
  const auto own = parsed(row.private_data);
  if (const auto* object = own.if_object())
    if (auto key = text_of(*object, "key"); !key.empty()) return key;
  return channel.keys.empty() ? std::string() : channel.keys.front().text;
}

net::awaitable<void> pass_on(Request& request, net::UpstreamCall& call) {
  const auto type = call.header("content-type").value_or("");
  std::vector<net::Header> headers{{"Content-Type", is_film(type) ? type : "application/octet-stream"},
                                   {"Cache-Control", "private, max-age=86400"},
                                   {"X-Content-Type-Options", "nosniff"}};
  for (const char* name : {"Content-Range", "Accept-Ranges"})
    if (auto value = call.header(name)) headers.push_back({name, *value});
  auto& exchange = request.exchange;
  exchange.start(call.status(), headers);
  for (;;) {
    auto got = co_await call.read();
    if (!got) {
      core::log::info("request {}: the content broke off: {}", request.id, got.error().message);
      co_return exchange.break_off();
    }
    if (got->empty()) break;
    const std::string_view piece[] = {*got};
    if (!co_await exchange.write(piece)) co_return;
  }
  (void)co_await exchange.finish();
}

}  // namespace

net::awaitable<void> answer_video_content(Request& request) {
  const auto& head = request.exchange.head();
  auto id = core::percent_decoded(relay::path_part("/v1/videos/{}/content", head.path, 0), core::Plus::kStays);
  using Found = std::optional<TaskRow>;
  auto found = co_await on_sql<Found>(
      request, [user = request.identity->user, id](sql::Connection& db) { return find_task(db, user, id); });
  if (!found) co_return co_await refuse(request, 500, "Failed to query task");
  if (!*found) co_return co_await refuse(request, 404, "Task not found");
  const auto& row = **found;
  if (row.status != "SUCCESS")
    co_return co_await refuse(request, 400, "Task is not completed yet, current status: " + row.status);
  const auto* channel = request.snapshot->channel(row.channel);
  if (!channel || !channel->provider) co_return co_await refuse(request, 500, "Failed to retrieve channel information");
  if (!channel->bad_proxy.empty()) co_return co_await refuse(request, 500, "Failed to create proxy client");
  if (row.platform != "1" && row.platform != "55")
    co_return co_await refuse(request, 502, "Failed to fetch video content");
  auto url = address_of(*channel, "/v1/videos/" + row.task_id + "/content");
  if (!url) co_return co_await refuse(request, 500, "Failed to create proxy request");

  const auto authorization = "Bearer " + key_of(*channel, row);
  std::vector<net::Header> headers{{"Authorization", authorization}, {"Accept", "*/*"}};
  if (auto range = request.exchange.header("range")) headers.push_back({"Range", *range});
  net::UpstreamRequest upstream;
  upstream.method = "GET";
  upstream.url = &*url;
  upstream.headers = headers;
  upstream.proxy = channel->proxy ? &*channel->proxy : nullptr;
  upstream.timeouts = channel->timeouts;
  upstream.timeouts.first_byte =
      std::min<std::chrono::milliseconds>(upstream.timeouts.first_byte, std::chrono::seconds(60));
  upstream.timeouts.total = {};  // films are long; silence has its own limit
  upstream.verify_tls = request.relay.settings.verify_tls;
  net::CallControl control;
  auto answered = co_await request.exchange.worker().upstreams().send(upstream, control);
  if (!answered) {
    core::log::warn("request {}: channel {}: {}", request.id, channel->id.value, answered.error().message);
    co_return co_await refuse(request, 502, "Failed to fetch video content");
  }
  const int status = (*answered)->status();
  if (status != 200 && status != 206)
    co_return co_await refuse(request, 502, fmt::format("Upstream service returned status {}", status));
  co_await pass_on(request, **answered);
}

}  // namespace tollgate::tasks
