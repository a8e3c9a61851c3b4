// Pictures are taken on: the request passes to the upstream nearly as it came, and its code says whether it is charged.
#include <fmt/core.h>

#include <boost/json.hpp>

#include "billing/refunds.h"
#include "core/json_edit.h"
#include "core/json_text.h"
#include "core/log.h"
#include "relay/channel_health.h"
#include "relay/routing.h"
#include "sql/transaction.h"
#include "tasks/body.h"
#include "tasks/json.h"
#include "tasks/midjourney.h"
#include "tasks/midjourney_action.h"
#include "tasks/on_sql.h"
#include "tasks/pay.h"
#include "tasks/task_error.h"
#include "tasks/upstream.h"

namespace tollgate::tasks {
namespace {

using relay::Request;

constexpr std::int64_t kAccepted = 1, kNoAccount = 3, kExists = 21, kQueued = 22;
constexpr double kUnknownPrice = 0.1;
constexpr std::chrono::seconds kLimit{60};

// One request on its way.
struct Picture {
  std::string body;
  std::string route;  // the last segment of the path
  MidjourneyAction what;
  std::string prompt;
  TaskPrice price;
  MidjourneyRow row;
  bool swap = false;
};

bool begins_anew(std::string_view route) {
  for (const char* one : {"imagine", "describe", "edits", "shorten", "blend", "upload-discord-images", "swap"})
    if (route == one) return true;
  return false;
}

// Read, understood, and a channel chosen; false: answered.
net::awaitable<bool> begin(Request& request, Picture& picture) {
  if (auto refused = co_await read_body(request, picture.body)) {
    co_await answer_refusal(request, *refused);
    co_return false;
  }
  const auto& path = request.exchange.head().path;
  picture.route = path.substr(path.rfind('/') + 1);
  auto what = midjourney_action(picture.route, picture.body);
  if (!what) {
    co_await answer_refusal(request, dialect::gate_error(400, "Invalid request, " + what.error().message));
    co_return false;
  }
  picture.what = std::move(*what);
  request.openai.model = midjourney_model(picture.what.action);
  if (auto refused = relay::choose_first_channel(request)) {
    co_await answer_refusal(request, *refused);
    co_return false;
  }
  request.started = request.relay.clock.steady();
  co_return true;
}

// A change of a picture goes to where the picture was made; the text says what is wrong.
net::awaitable<std::string> follow_origin(Request& request, Picture& picture, const std::string& id) {
  const bool modal = picture.route == "modal";
  if (picture.what.action.empty()) co_return "action_is_required";
  if (picture.route == "change" && picture.what.action != "REROLL" && picture.what.index == 0)
    co_return "index_is_required";
  using Found = std::optional<MidjourneyRow>;
  auto found = co_await on_sql<Found>(
      request, [user = request.identity->user, id](sql::Connection& db) { return find_midjourney(db, user, id); });
  if (!found || !*found) co_return "task_not_found";
  const auto& origin = **found;
  if (!modal && origin.status != "SUCCESS" && request.snapshot->options->boolean("MjActionCheckSuccessEnabled"))
    co_return "task_status_not_success";
  const auto* channel = request.snapshot->channel(origin.channel);
  if (!channel) co_return "get_channel_info_failed";
  if (!channel->enabled) co_return "该任务所属渠道已被禁用";
  request.channel = channel;
  picture.prompt = origin.prompt;
  co_return std::string();
}

std::string forwarded(const core::Options& options, const std::string& body, const std::string& prompt) {
  core::JsonEditor editor(body);
  if (!options.boolean("MjAccountFilterEnabled")) editor.remove("accountFilter");
  if (!options.boolean("MjNotifyEnabled")) editor.remove("notifyHook");
  if (options.boolean("MjModeClearEnabled") && !prompt.empty()) {
    auto cleared = prompt;
    for (std::string_view mode : {"--fast", "--relax", "--turbo"})
      for (auto at = cleared.find(mode); at != std::string::npos; at = cleared.find(mode))
        cleared.erase(at, mode.size());
    if (cleared != prompt) editor.set("prompt", core::json_string(cleared));
  }
  return editor.changed() ? editor.text() : body;
}

sql::Result<std::int64_t> store(sql::Connection& connection, const MidjourneyRow& row, const std::string& request_id,
                                std::int64_t now_ms) {
  return sql::with_transaction(connection, [&](sql::Connection& db) -> sql::Result<std::int64_t> {
    auto id = insert_midjourney(db, row);
    if (!id) return id;
    if (row.quota.units != 0)
      if (auto told = billing::expect_charge(db, fmt::format("mj:{}", *id), request_id, now_ms); !told)
        return told.error();
    return id;
  });
}

// No account of the upstream's is free: the channel is of no use until somebody looks after it.
void report_no_account(Request& request) {
  const auto& channel = *request.channel;
  if (!channel.auto_ban || !request.snapshot->relay.disable_automatically) return;
  request.relay.health.report({channel.id, channel.name, request.key.text, "No available account instance"});
}

void read_answer(Picture& picture, const boost::json::object& answer, std::int64_t now_ms) {
  auto& row = picture.row;
  row.code = integer_of(answer, "code");
  row.description = text_of(answer, "description");
  row.mj_id = text_of(answer, "result");
  row.action = picture.what.action;
  row.prompt = picture.prompt;
  row.submit_time = now_ms;
  row.progress = "0%";
  if (row.code == kAccepted && row.action == "UPLOAD") {
    row.status = "SUCCESS";
    row.progress = "100%";
    row.start_time = row.finish_time = now_ms;
  }
  const auto* properties = object_of(answer, "properties");
  if (row.code == kExists && properties && properties->contains("imageUrl") && properties->contains("status")) {
    row.image_url = text_of(*properties, "imageUrl");
    row.status = text_of(*properties, "status");
    if (row.status == "SUCCESS") {
      row.progress = "100%";
      row.start_time = row.finish_time = now_ms;
    }
  }
  if (row.code != kAccepted && row.code != kExists && row.code != kQueued) row.fail_reason = row.description;
  if (picture.swap) {
    row.prompt = "InsightFace";
    row.start_time = now_ms;
  }
}

// Clients know 1 alone as taken on.
std::string shown(const Picture& picture, std::string body) {
  const auto code = picture.row.code;
  if (code != kQueued && (code != kExists || is_free(picture.row.action))) return body;
  const auto from = fmt::format("\"code\":{}", code);
  for (auto at = body.find(from); at != std::string::npos; at = body.find(from, at + 1))
    body.replace(at, from.size(), "\"code\":1");
  return body;
}

// Stores the row, charges what is to be charged; false: answered with an error.
net::awaitable<bool> keep(Request& request, Picture& picture, bool charged) {
  auto& row = picture.row;
  row.user = request.identity->user;
  row.channel = request.channel->id;
  // What was not charged is never given back.
  row.quota = charged ? picture.price.quota : core::Quota{};
  auto stored = co_await on_sql<std::int64_t>(request, [row, id = request.id, now = request.relay.clock.unix_millis()](
                                                           sql::Connection& db) { return store(db, row, id, now); });
  if (!stored) {
    core::log::error("request {}: picture {} could not be stored: {}", request.id, row.mj_id, stored.error().message);
    request.reservation.reset();
    co_await answer_midjourney_error(request, "insert_midjourney_task_failed");
    co_return false;
  }
  if (row.quota.units == 0) {
    request.reservation.reset();
    co_return true;
  }
  auto content = fmt::format("模型固定价格 {:.2f}，分组倍率 {:.2f}，操作 {}，ID {}", picture.price.model_price,
                             picture.price.group_ratio, row.action, row.mj_id);
  co_await charge_refundable(request, charge_record(request, picture.price, std::move(content)));
  co_return true;
}

// Price and balance, then the call; status 0: answered.
net::awaitable<Answer> send(Request& request, Picture& picture) {
  Answer none;
  if (auto wrong = relay::prepare_channel(request)) {
    co_await answer_midjourney_error(request, wrong->message);
    co_return none;
  }
  picture.price = price_of(*request.snapshot->prices, {.model = request.openai.model,
                                                       .user_group = request.identity->user_group,
                                                       .using_group = request.group,
                                                       .unknown_price = kUnknownPrice});
  if (is_free(picture.what.action)) picture.price.quota = {};
  if (auto lack = co_await hold(request, picture.price.quota)) {
    co_await answer_midjourney_error(request, *lack == Lack::kUnavailable ? "billing_unavailable" : "quota_not_enough");
    co_return none;
  }
  const auto& head = request.exchange.head();
  Call call;
  call.path = midjourney_path(head.path, head.query);
  call.body = forwarded(*request.snapshot->options, picture.body, picture.prompt);
  call.headers = {{"Content-Type", "application/json"},
                  {"Accept", std::string(request.exchange.header("accept").value_or("application/json"))},
                  midjourney_secret(request.key.text)};
  call.limit = kLimit;
  call.through_proxy = false;
  auto answer =
      co_await call_upstream(*request.channel, std::move(call), {.verify_tls = request.relay.settings.verify_tls});
  if (answer.status == 0) {
    core::log::warn("request {}: channel {}: {}", request.id, request.channel->id.value, answer.failure);
    request.reservation.reset();
    co_await answer_midjourney_error(request, "do_request_failed", 5);
  }
  co_return answer;
}

}  // namespace

net::awaitable<void> answer_midjourney_submit(Request& request) {
  Picture picture;
  if (!co_await begin(request, picture)) co_return;
  const auto value = parsed(picture.body);
  const auto& object = value.get_object();
  picture.prompt = text_of(object, "prompt");
  if (picture.route == "imagine" && picture.prompt.empty())
    co_return co_await answer_midjourney_error(request, "prompt_is_required");
  const auto asked_prompt = picture.prompt;
  auto origin = picture.what.task_id.empty() ? text_of(object, "taskId") : picture.what.task_id;
  if (!begins_anew(picture.route) && !origin.empty())
    if (auto wrong = co_await follow_origin(request, picture, origin); !wrong.empty())
      co_return co_await answer_midjourney_error(request, wrong);
  const auto stored_prompt = std::exchange(picture.prompt, asked_prompt);
  auto answer = co_await send(request, picture);
  if (answer.status == 0) co_return;
  picture.prompt = stored_prompt;
  const auto told_value = parsed(answer.body);
  const auto* told = told_value.if_object();
  if (!told && !answer.body.empty()) {
    request.reservation.reset();
    co_return co_await answer_midjourney_error(request, "unmarshal_response_body_failed", 5);
  }
  read_answer(picture, told ? *told : boost::json::object(), request.relay.clock.unix_millis());
  const auto code = picture.row.code;
  if (code == kNoAccount) report_no_account(request);
  const bool charged = answer.ok() && (code == kAccepted || code == kExists || code == kQueued);
  if (!co_await keep(request, picture, charged)) co_return;
  co_await answer_json(request, answer.status, shown(picture, std::move(answer.body)));
}

net::awaitable<void> answer_face_swap(Request& request) {
  Picture picture;
  picture.swap = true;
  if (!co_await begin(request, picture)) co_return;
  const auto value = parsed(picture.body);
  const auto& object = value.get_object();
  if (text_of(object, "sourceBase64").empty() || text_of(object, "targetBase64").empty())
    co_return co_await answer_midjourney_error(request, "sour_base64_and_target_base64_is_required");
  auto answer = co_await send(request, picture);
  if (answer.status == 0) co_return;
  const auto told_value = parsed(answer.body);
  const auto* told = told_value.if_object();
  if (!told) {
    request.reservation.reset();
    co_return co_await answer_midjourney_error(request, "unmarshal_response_body_failed", 5);
  }
  read_answer(picture, *told, request.relay.clock.unix_millis());
  if (!co_await keep(request, picture, answer.ok() && picture.row.code == kAccepted)) co_return;
  co_await answer_json(request, answer.status, answer.body);
}

}  // namespace tollgate::tasks
