#include "tasks/task_error.h"

#include "core/ascii.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/mask.h"

namespace tollgate::tasks {
namespace {

std::string shown(const TaskError& error) {
  if (error.status == 429) return "当前分组上游负载已饱和，请稍后再试";
  const auto lower = core::ascii_lower(error.message);
  for (std::string_view mark : {"post", "dial", "http"})
    if (lower.find(mark) != std::string::npos) return core::mask_sensitive(error.message);
  return error.message;
}

}  // namespace

net::awaitable<void> answer_json(relay::Request& request, int status, std::string_view body) {
  static constexpr net::Header kHeaders[] = {{"Content-Type", "application/json; charset=utf-8"}};
  (void)co_await request.exchange.answer(status, kHeaders, body);
}

net::awaitable<void> answer_error(relay::Request& request, const TaskError& error) {
  const int status = error.status < 200 || error.status > 599 ? 500 : error.status;
  const auto text = shown(error);
  core::log::info("request {}: task refused with {}: {}: {}", request.id, status, error.code,
                  core::mask_sensitive(error.message));
  co_await answer_json(
      request, status,
      "{\"code\":" + core::json_string(error.code) + ",\"message\":" + core::json_string(text) + ",\"data\":null}");
}

net::awaitable<void> answer_refusal(relay::Request& request, const dialect::RelayError& error) {
  request.local.counters.refused.count(relay::refusal_of(error), request.relay.clock.steady());
  std::vector<net::Header> headers{{"Content-Type", "application/json; charset=utf-8"}};
  if (!error.retry_after.empty()) headers.push_back({"Retry-After", error.retry_after});
  (void)co_await request.exchange.answer(error.status, headers, dialect::error_body(error, request.id));
}

bool may_retry(const TaskError& error) {
  const auto status = error.status;
  if (status == 429 || status == 307) return true;
  if (status / 100 == 5 && status != 504 && status != 524) return !error.local;
  if (status == 400 || status == 408 || status == 504 || status == 524 || status / 100 == 2) return false;
  return !error.local;
}

}  // namespace tollgate::tasks
