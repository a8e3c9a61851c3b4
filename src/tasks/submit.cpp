#include "tasks/submit.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>

#include "billing/price_book.h"
#include "billing/refunds.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/mask.h"
#include "relay/routing.h"
#include "relay/secrets.h"
#include "sql/transaction.h"
#include "tasks/on_sql.h"
#include "tasks/pay.h"

namespace tollgate::tasks {
namespace {

using relay::Request;

TaskError of_relay(const dialect::RelayError& error) {
  std::string code = error.code;
  if (code.size() >= 2 && code.front() == '"') code = code.substr(1, code.size() - 2);
  return {.status = error.status, .code = code, .message = error.message, .local = !error.channel_fault};
}

// A task that goes on from another one stays with that one's channel: the upstream knows it by its own account.
std::optional<TaskError> take_origin_channel(Request& request, const TaskRow& origin) {
  const auto* channel = request.snapshot->channel(origin.channel);
  if (!channel) return TaskError{.code = "channel_not_found", .message = "the channel of the origin task is missing"};
  if (!channel->enabled)
    return TaskError{.code = "task_channel_disable", .message = "the channel of the origin task is disabled"};
  request.channel = channel;
  return std::nullopt;
}

std::optional<dialect::RelayError> refused_by_key(const Request& request) {
  const auto& identity = *request.identity;
  if (!identity.token.model_limits_enabled) return std::nullopt;
  if (identity.model_limits.contains(billing::matching_name(request.openai.model))) return std::nullopt;
  return dialect::gate_error(403, "该令牌无权访问模型 " + request.openai.model);
}

std::optional<TaskError> refused_for(std::optional<Lack> lack) {
  if (!lack) return std::nullopt;
  switch (*lack) {
    case Lack::kUser:
      return TaskError{.status = 403, .code = "quota_not_enough", .message = "user quota is not enough"};
    case Lack::kKey:
      return TaskError{.status = 403, .code = "quota_not_enough", .message = "token quota is not enough"};
    case Lack::kUnavailable: break;
  }
  return TaskError{
      .status = 503, .code = "billing_unavailable", .message = "the balance cannot be checked: the database is away"};
}

bool costs_a_call(const Request& request) {
  const auto& models = request.relay.settings.tasks_per_call;
  return std::ranges::find(models, request.openai.model) != models.end();
}

TaskPrice price_for(const Request& request, const Work& work) {
  const bool per_call = costs_a_call(request);
  return price_of(*request.snapshot->prices,
                  {.model = request.openai.model,
                   .user_group = request.identity->user_group,
                   .using_group = request.group,
                   .unknown_units = request.snapshot->options->integer("PreConsumedQuota"),
                   .ratios = per_call ? std::span<const ExtraRatio>() : std::span<const ExtraRatio>(work.ratios)});
}

TaskError refused_upstream(const Request& request, const Answer& answer) {
  const auto secrets = relay::secrets_of(request);
  std::string text = core::scrub(answer.body, secrets);
  // The texts of these two often name the key or its owner.
  if (answer.status == 401 || answer.status == 403)
    text = dialect::read_upstream_error(answer.status, answer.body, secrets, request.relay.settings.auth_text).message;
  return {.status = answer.status, .code = "fail_to_fetch_task", .message = std::move(text), .local = false};
}

// One attempt with the channel that was chosen: nullopt when its upstream took the work on.
net::awaitable<std::optional<TaskError>> attempt(Request& request, Work& work, const std::string& platform,
                                                 TaskPrice& price) {
  const auto used = platform.empty() ? std::to_string(request.channel->provider->type) : platform;
  const auto* provider = find_task_provider(used);
  if (!provider) co_return TaskError{.code = "invalid_api_platform", .message = "invalid api platform: " + used};
  if (auto wrong = relay::prepare_channel(request)) co_return of_relay(*wrong);
  if (auto wrong = provider->read(work)) co_return wrong;
  price = price_for(request, work);
  if (auto lack = refused_for(co_await hold(request, price.quota))) co_return lack;
  const auto& settings = request.relay.settings;
  auto answer =
      co_await call_upstream(*request.channel, provider->submit(work, request.key.text, request.upstream_model),
                             {.verify_tls = settings.verify_tls,
                              .max_bytes = settings.max_answer_bytes,
                              .pass_upstream_id = settings.pass_upstream_id});
  if (answer.status == 0) {
    core::log::warn("request {}: channel {}: {}", request.id, request.channel->id.value, answer.failure);
    co_return TaskError{
        .status = 500, .code = "do_request_failed", .message = "upstream error: do request failed", .local = false};
  }
  if (!answer.ok()) co_return refused_upstream(request, answer);
  co_return provider->accept(work, answer, request.upstream_model);
}

sql::Result<std::int64_t> store(sql::Connection& connection, const TaskRow& row, const std::string& request_id,
                                std::int64_t now_ms) {
  return sql::with_transaction(connection, [&](sql::Connection& db) -> sql::Result<std::int64_t> {
    auto id = insert_task(db, row, now_ms / 1000);
    if (!id) return id;
    if (row.quota.units != 0)
      if (auto told = billing::expect_charge(db, fmt::format("task:{}", *id), request_id, now_ms); !told)
        return told.error();
    return id;
  });
}

TaskRow row_of(const Request& request, const Work& work, const std::string& platform, const TaskPrice& price) {
  TaskRow row;
  row.task_id = work.task_id;
  row.platform = platform.empty() ? std::to_string(request.channel->provider->type) : platform;
  row.user = request.identity->user;
  row.group = request.group;
  row.channel = request.channel->id;
  row.quota = price.quota;
  row.action = work.action;
  row.status = "NOT_START";
  row.submit_time = request.relay.clock.unix_seconds();
  row.progress = "0%";
  row.properties = "{\"input\":\"\",\"upstream_model_name\":" + core::json_string(request.upstream_model) +
                   ",\"origin_model_name\":" + core::json_string(request.openai.model) + "}";
  // One of several keys took the work: the upstream knows it by that one.
  if (request.channel->several_keys) row.private_data = "{\"key\":" + core::json_string(request.key.text) + "}";
  row.data = work.data;
  return row;
}

net::awaitable<void> finish(Request& request, const Work& work, const std::string& platform, const TaskPrice& price) {
  const auto row = row_of(request, work, platform, price);
  const auto now = request.relay.clock.unix_millis();
  auto stored = co_await on_sql<std::int64_t>(
      request, [row, id = request.id, now](sql::Connection& db) { return store(db, row, id, now); });
  if (!stored) {
    core::log::error("request {}: task {} of channel {} could not be stored: {}", request.id, work.task_id,
                     request.channel->id.value, stored.error().message);
    request.reservation.reset();
    co_return co_await answer_error(
        request, {.status = 500, .code = "insert_task_failed", .message = "the task could not be stored"});
  }
  if (price.quota.units != 0) {
    std::string content = "操作 " + work.action;
    content += costs_a_call(request) ? "，按次计费" : ratios_text(work.ratios);
    co_await charge_refundable(request, charge_record(request, price, std::move(content)));
  }
  const net::Header headers[] = {{"Content-Type", work.answer_type}};
  (void)co_await request.exchange.answer(200, headers, work.answer);
}

}  // namespace

net::awaitable<std::optional<TaskError>> find_origin(Request& request, const std::string& task_id, Work& work) {
  using Found = std::optional<TaskRow>;
  auto found = co_await on_sql<Found>(
      request, [user = request.identity->user, task_id](sql::Connection& db) { return find_task(db, user, task_id); });
  if (!found)
    co_return TaskError{.status = 500, .code = "get_origin_task_failed", .message = "the origin task cannot be read"};
  if (!*found) co_return TaskError{.code = "task_not_exist", .message = "task_origin_not_exist"};
  work.origin = std::move(**found);
  co_return std::nullopt;
}

net::awaitable<void> submit(Request& request, Work work, std::string platform) {
  request.openai.model = work.model;
  if (work.origin) {
    request.asked_group = request.group;
    if (auto refused = refused_by_key(request)) co_return co_await answer_refusal(request, *refused);
    if (auto wrong = take_origin_channel(request, *work.origin)) co_return co_await answer_error(request, *wrong);
    if (request.group == "auto") request.group = work.origin->group;
    if (platform.empty()) platform = work.origin->platform;
  } else if (auto refused = relay::choose_first_channel(request)) {
    co_return co_await answer_refusal(request, *refused);
  }
  request.started = request.relay.clock.steady();
  TaskPrice price;
  auto& counter = request.counter;
  for (;;) {
    request.attempts.push_back({request.channel->id, 200});
    auto failed = co_await attempt(request, work, platform, price);
    if (!failed) break;
    request.attempts.back().status = failed->status;
    request.reservation.reset();
    core::log::info("request {}: channel {}: {} {}", request.id, request.channel->id.value, failed->code,
                    core::mask_sensitive(failed->message));
    const bool again = !work.origin && !request.pinned && !request.relay.shutting_down() &&
                       counter.retry < request.snapshot->relay.retry_times && may_retry(*failed);
    if (!again) co_return co_await answer_error(request, *failed);
    // The first retry looks at the highest priority once more.
    if (auto none = relay::choose_next_channel(request)) co_return co_await answer_error(request, of_relay(*none));
    relay::count_attempt(request);
  }
  co_await finish(request, work, platform, price);
}

}  // namespace tollgate::tasks
