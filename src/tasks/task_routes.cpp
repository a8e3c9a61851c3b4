#include "tasks/task_routes.h"

#include <algorithm>
#include <cctype>

#include "core/ascii.h"
#include "core/percent.h"
#include "net/multipart_reader.h"
#include "relay/key_routes.h"
#include "tasks/body.h"
#include "tasks/form_fields.h"
#include "tasks/json.h"
#include "tasks/on_sql.h"
#include "tasks/submit.h"

namespace tollgate::tasks {
namespace {

using relay::Request;

std::string id_in(const Request& request, std::string_view pattern) {
  return core::percent_decoded(relay::path_part(pattern, request.exchange.head().path, 0), core::Plus::kStays);
}

std::string in_envelope(std::string_view data) {
  return R"({"code":"success","message":"","data":)" + std::string(data) + "}";
}

TaskError not_there() { return {.code = "task_not_exist", .message = "task_not_exist"}; }
TaskError not_readable() { return {.status = 500, .code = "get_task_failed", .message = "the task cannot be read"}; }

using Found = std::optional<TaskRow>;
net::awaitable<sql::Result<Found>> own_task(Request& request, std::string id) {
  co_return co_await on_sql<Found>(request, [user = request.identity->user, id = std::move(id)](sql::Connection& db) {
    return find_task(db, user, id);
  });
}

// Answers itself when there is none.
net::awaitable<Found> task_or_refusal(Request& request, std::string_view pattern) {
  auto found = co_await own_task(request, id_in(request, pattern));
  if (!found) {
    co_await answer_error(request, not_readable());
    co_return std::nullopt;
  }
  if (!*found) co_await answer_error(request, not_there());
  co_return std::move(*found);
}

std::string model_in(const Work& work) {
  if (net::is_form(work.content_type)) return form_text(work.content_type, work.body, "model").value_or("");
  auto value = parsed(work.body);
  const auto* object = value.if_object();
  return object ? text_of(*object, "model") : std::string();
}

}  // namespace

net::awaitable<void> answer_suno_submit(Request& request) {
  Work work;
  if (auto refused = co_await read_body(request, work.body)) co_return co_await answer_refusal(request, *refused);
  work.path_action = id_in(request, "/suno/submit/{}");
  work.model = "suno_" + core::ascii_lower(work.path_action);
  std::ranges::transform(work.path_action, work.path_action.begin(), [](unsigned char c) { return std::toupper(c); });
  // A song that goes on from another one is made where that one was.
  auto value = parsed(work.body);
  if (const auto* object = value.if_object())
    if (auto id = text_of(*object, "task_id"); !id.empty())
      if (auto wrong = co_await find_origin(request, id, work)) co_return co_await answer_error(request, *wrong);
  co_await submit(request, std::move(work), "suno");
}

net::awaitable<void> answer_suno_task(Request& request) {
  if (auto row = co_await task_or_refusal(request, "/suno/fetch/{}"))
    co_await answer_json(request, 200, in_envelope(task_view(*row)));
}

net::awaitable<void> answer_suno_list(Request& request) {
  std::string body;
  if (auto refused = co_await read_body(request, body)) co_return co_await answer_refusal(request, *refused);
  auto value = parsed(body);
  const auto* object = value.if_object();
  const auto* list = object ? object->if_contains("ids") : nullptr;
  if (!object || (list && !list->is_array() && !list->is_null()))
    co_return co_await answer_error(request, {.code = "invalid_request", .message = "ids must be a list of texts"});
  std::vector<std::string> ids;
  if (list && list->is_array())
    for (const auto& id : list->get_array())
      if (id.is_string() && ids.size() < 1000) ids.emplace_back(id.get_string());
  if (ids.empty()) co_return co_await answer_json(request, 200, in_envelope("[]"));
  using Rows = std::vector<TaskRow>;
  auto rows = co_await on_sql<Rows>(
      request, [user = request.identity->user, ids](sql::Connection& db) { return find_tasks(db, user, ids); });
  if (!rows) co_return co_await answer_error(request, not_readable());
  std::string views;
  for (const auto& row : *rows) (views += views.empty() ? "[" : ",") += task_view(row);
  co_await answer_json(request, 200, in_envelope(views.empty() ? "null" : views + "]"));
}

net::awaitable<void> answer_video_submit(Request& request) {
  Work work;
  if (auto refused = co_await read_body(request, work.body)) co_return co_await answer_refusal(request, *refused);
  work.content_type = request.exchange.header("content-type").value_or("");
  work.model = model_in(work);
  co_await submit(request, std::move(work), {});
}

net::awaitable<void> answer_video_remix(Request& request) {
  Work work;
  if (auto refused = co_await read_body(request, work.body)) co_return co_await answer_refusal(request, *refused);
  work.content_type = request.exchange.header("content-type").value_or("");
  work.remix = true;
  auto id = id_in(request, "/v1/videos/{}/remix");
  if (core::trimmed(id).empty())
    co_return co_await answer_error(request, {.code = "invalid_request", .message = "video_id is required"});
  if (auto wrong = co_await find_origin(request, id, work)) co_return co_await answer_error(request, *wrong);
  const auto properties = parsed(work.origin->properties);
  if (const auto* object = properties.if_object()) {
    work.model = text_of(*object, "origin_model_name");
    if (work.model.empty()) work.model = text_of(*object, "upstream_model_name");
  }
  if (const auto data = parsed(work.origin->data); work.model.empty() && data.is_object())
    work.model = text_of(data.get_object(), "model");
  co_await submit(request, std::move(work), {});
}

net::awaitable<void> answer_generation(Request& request) {
  if (auto row = co_await task_or_refusal(request, "/v1/video/generations/{}"))
    co_await answer_json(request, 200, in_envelope(task_view(*row)));
}

net::awaitable<void> answer_video(Request& request) {
  auto row = co_await task_or_refusal(request, "/v1/videos/{}");
  if (!row) co_return;
  const auto* provider = find_task_provider(row->platform);
  if (!provider)
    co_return co_await answer_error(request, {.code = "invalid_channel_id", .message = "invalid_channel_id"});
  if (!provider->video_object)
    co_return co_await answer_error(
        request, {.status = 501, .code = "not_implemented", .message = "not_implemented:" + row->platform});
  co_await answer_json(request, 200, provider->video_object(*row));
}

}  // namespace tollgate::tasks
