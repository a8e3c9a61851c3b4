// Pictures are read: how they stand, their seeds, what an upstream announces of them, and the pictures themselves.
#include <fmt/core.h>

#include <algorithm>

#include "core/json_text.h"
#include "core/log.h"
#include "core/percent.h"
#include "relay/file_fetch.h"
#include "relay/key_routes.h"
#include "relay/routing.h"
#include "relay/whole_body.h"
#include "tasks/body.h"
#include "tasks/json.h"
#include "tasks/midjourney.h"
#include "tasks/midjourney_action.h"
#include "tasks/on_sql.h"
#include "tasks/task_error.h"
#include "tasks/upstream.h"

namespace tollgate::tasks {
namespace {

using relay::Request;
using Found = std::optional<MidjourneyRow>;

constexpr std::size_t kMostOfPicture = 32U << 20U;

// The segment behind "/mj/task/" or "/mj/image/", whatever mode stands before.
std::string id_in(const Request& request, std::string_view before) {
  const auto path = request.exchange.head().path;
  auto at = path.find(before);
  if (at == std::string_view::npos) return {};
  auto rest = path.substr(at + before.size());
  return core::percent_decoded(rest.substr(0, rest.find('/')), core::Plus::kStays);
}

std::optional<std::string> image_base(const Request& request) {
  const auto& options = *request.snapshot->options;
  return options.boolean("MjForwardUrlEnabled") ? std::optional(options.link_base()) : std::nullopt;
}

std::string view_of(const Request& request, const MidjourneyRow& row) {
  return midjourney_view(row, image_base(request), request.relay.clock.unix_millis() * 1'000'000);
}

net::awaitable<sql::Result<Found>> own_row(Request& request, std::string id) {
  co_return co_await on_sql<Found>(request, [user = request.identity->user, id = std::move(id)](sql::Connection& db) {
    return find_midjourney(db, user, id);
  });
}

net::awaitable<void> refuse_image(Request& request, int status, std::string_view text) {
  co_await answer_json(request, status, "{\"error\":" + core::json_string(text) + "}");
}

}  // namespace

net::awaitable<void> answer_midjourney_error(Request& request, std::string_view description, int code) {
  std::string body = "{\"description\":";
  core::append_json_string(body, std::string(description) + " ");
  co_await answer_json(request, 400, body + fmt::format(",\"type\":\"upstream_error\",\"code\":{}}}", code));
}

std::pair<std::string, std::string> midjourney_secret(std::string_view key) {
  if (key.starts_with("Bearer ")) key.remove_prefix(7);
  return {"mj-api-secret", std::string(key)};
}

net::awaitable<void> answer_midjourney_task(Request& request) {
  auto found = co_await own_row(request, id_in(request, "/mj/task/"));
  if (!found || !*found) co_return co_await answer_midjourney_error(request, "task_no_found");
  co_await answer_json(request, 200, view_of(request, **found));
}

net::awaitable<void> answer_midjourney_list(Request& request) {
  std::string body;
  if (auto refused = co_await read_body(request, body)) co_return co_await answer_refusal(request, *refused);
  const auto value = parsed(body);
  const auto* object = value.if_object();
  if (!object) co_return co_await answer_midjourney_error(request, "do_request_failed");
  std::vector<std::string> ids;
  if (const auto* list = object->if_contains("ids"); list && list->is_array())
    for (const auto& id : list->get_array())
      if (id.is_string() && ids.size() < 1000) ids.emplace_back(id.get_string());
  std::string views;
  if (!ids.empty()) {
    using Rows = std::vector<MidjourneyRow>;
    auto rows = co_await on_sql<Rows>(
        request, [user = request.identity->user, ids](sql::Connection& db) { return find_midjourneys(db, user, ids); });
    if (!rows) co_return co_await answer_midjourney_error(request, "do_request_failed");
    for (const auto& row : *rows) (views += views.empty() ? "" : ",") += view_of(request, row);
  }
  co_await answer_json(request, 200, "[" + views + "]");
}

net::awaitable<void> answer_midjourney_seed(Request& request) {
  auto found = co_await own_row(request, id_in(request, "/mj/task/"));
  if (!found || !*found) co_return co_await answer_midjourney_error(request, "task_no_found");
  request.channel = request.snapshot->channel((*found)->channel);
  if (!request.channel) co_return co_await answer_midjourney_error(request, "get_channel_info_failed");
  if (!request.channel->enabled) co_return co_await answer_midjourney_error(request, "该任务所属渠道已被禁用");
  if (auto wrong = relay::prepare_channel(request))
    co_return co_await answer_midjourney_error(request, "get_channel_info_failed");
  const auto& head = request.exchange.head();
  Call call;
  call.method = "GET";
  call.path = midjourney_path(head.path, head.query);
  call.headers = {{"Accept", "application/json"}, midjourney_secret(request.key.text)};
  call.limit = std::chrono::seconds(30);
  call.through_proxy = false;
  auto answer =
      co_await call_upstream(*request.channel, std::move(call), {.verify_tls = request.relay.settings.verify_tls});
  if (answer.status == 0) co_return co_await answer_midjourney_error(request, "do_request_failed", 5);
  if (!parsed(answer.body).is_object())
    co_return co_await answer_midjourney_error(request, "unmarshal_response_body_failed", 5);
  co_await answer_json(request, answer.status, answer.body);
}

net::awaitable<void> answer_midjourney_notify(Request& request) {
  std::string body;
  if (auto refused = co_await read_body(request, body)) co_return co_await answer_refusal(request, *refused);
  const auto value = parsed(body);
  const auto* object = value.if_object();
  if (!object) co_return co_await answer_midjourney_error(request, "bind_request_body_failed");
  auto found = co_await own_row(request, text_of(*object, "id"));
  if (!found || !*found) co_return co_await answer_midjourney_error(request, "midjourney_task_not_found");
  const auto& row = **found;
  const auto news = told(row, body);
  // A failure gives money back: for that the upstream itself is asked, by the poller. Finished pictures stay as they
  // are.
  if (row.progress == "100%" || says_failed(news)) co_return (void) co_await request.exchange.answer(200, {}, {});
  auto written = co_await on_sql<std::int64_t>(
      request, [row, news](sql::Connection& db) { return update_midjourney(db, news, row); });
  if (!written) co_return co_await answer_midjourney_error(request, "update_midjourney_task_failed");
  (void)co_await request.exchange.answer(200, {}, {});
}

net::awaitable<void> answer_midjourney_image(Request& request) {
  const auto id = id_in(request, "/mj/image/");
  auto found = co_await on_sql<Found>(request, [id](sql::Connection& db) { return find_any_midjourney(db, id); });
  if (!found || !*found) co_return co_await refuse_image(request, 400, "midjourney_task_not_found");
  if (auto refused = relay::find_room(request, std::nullopt)) co_return co_await answer_refusal(request, *refused);
  const auto& settings = request.relay.settings;
  const auto most = std::min(settings.max_file_bytes, kMostOfPicture);
  auto file = co_await relay::fetch_file(request.exchange.worker(), (*found)->image_url, *request.snapshot->relay.fetch,
                                         {.file_bytes = most,
                                          .read_bytes = most,
                                          .due = std::chrono::steady_clock::now() + std::chrono::seconds(60),
                                          .verify_tls = settings.verify_tls},
                                         [](const relay::FileStart&) { return false; });
  if (!file) {
    core::log::info("request {}: picture {}: {}", request.id, id, file.error().message);
    co_return co_await refuse_image(request, 500, "http_get_image_failed");
  }
  // Pictures alone: what else lies there must not run in the gateway's name.
  const bool picture = file->content_type.starts_with("image/") && !file->content_type.starts_with("image/svg");
  const net::Header headers[] = {{"Content-Type", picture ? std::string_view(file->content_type) : "image/jpeg"},
                                 {"X-Content-Type-Options", "nosniff"}};
  (void)co_await request.exchange.answer(200, headers, file->bytes);
}

}  // namespace tollgate::tasks
