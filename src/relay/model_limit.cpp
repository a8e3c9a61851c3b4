#include "relay/model_limit.h"

#include <fmt/core.h>
#include <boost/json.hpp>

#include "core/rate_limit.h"
#include "net/suspend.h"
#include "relay/request.h"

namespace tollgate::relay {
namespace {

using core::RateAnswer;
using core::RateRule;
using core::RateStep;
using dialect::RelayError;

std::string total_key(const Request& request) { return fmt::format("MRRL{}", request.identity->user.value); }
std::string success_key(const Request& request) { return fmt::format("MRRLS{}", request.identity->user.value); }

std::string_view group_of(const Request& request) {
  const auto& identity = *request.identity;
  return identity.token.group.empty() ? identity.user_group : identity.token.group;
}

net::awaitable<RateAnswer> ask(Request& request, RateStep step, std::string key, RateRule rule) {
  auto answer =
      co_await net::suspend<RateAnswer>([&](auto done) { request.relay.limits.ask(step, key, rule, std::move(done)); });
  co_return answer;
}

void tell(Request& request, RateRule rule, const RateAnswer& answer) {
  auto& exchange = request.exchange;
  exchange.add_header("x-ratelimit-limit-requests", std::to_string(rule.count));
  exchange.add_header("x-ratelimit-remaining-requests", std::to_string(answer.remaining));
  exchange.add_header("x-ratelimit-reset-requests", std::to_string(answer.reset) + "s");
}

RelayError refuse(Request& request, RateRule rule, const RateAnswer& answer, std::string text) {
  tell(request, rule, answer);
  auto error = dialect::gate_error(429, std::move(text));
  error.retry_after = std::to_string(answer.reset);
  return error;
}

}  // namespace

ModelLimits ModelLimits::of(const core::Options& options) {
  ModelLimits limits;
  limits.enabled = options.boolean("ModelRequestRateLimitEnabled");
  limits.minutes = options.integer("ModelRequestRateLimitDurationMinutes");
  limits.all = {options.integer("ModelRequestRateLimitCount"), options.integer("ModelRequestRateLimitSuccessCount")};
  boost::system::error_code ec;
  auto table = boost::json::parse(options.text("ModelRequestRateLimitGroup"), ec);
  if (ec || !table.is_object()) return limits;
  for (const auto& [group, value] : table.get_object()) {
    const auto* pair = value.if_array();
    if (pair && pair->size() == 2 && pair->at(0).is_int64() && pair->at(1).is_int64())
      limits.groups.insert_or_assign(std::string(group), Counts{pair->at(0).get_int64(), pair->at(1).get_int64()});
  }
  return limits;
}

const ModelLimits::Counts& ModelLimits::of_group(std::string_view group) const {
  auto found = groups.find(group);
  return found == groups.end() ? all : found->second;
}

net::awaitable<std::optional<RelayError>> check_model_limit(Request& request) {
  const auto& limits = request.snapshot->relay.model_limits;
  const auto& counts = limits.of_group(group_of(request));
  const auto seconds = limits.minutes * 60;

  // Both are told by the one of which less is left.
  std::optional<std::pair<RateRule, RateAnswer>> tightest;
  if (counts.success > 0) {
    RateRule rule{counts.success, seconds};
    auto answer = co_await ask(request, RateStep::kLook, success_key(request), rule);
    if (!answer.allowed)
      co_return refuse(request, rule, answer,
                       fmt::format("您已达到请求数限制：{}分钟内最多请求{}次", limits.minutes, counts.success));
    tightest = {rule, answer};
  }
  if (counts.total > 0) {
    RateRule rule{counts.total, seconds};
    auto answer = co_await ask(request, RateStep::kTake, total_key(request), rule);
    if (!answer.allowed)
      co_return refuse(request, rule, answer,
                       fmt::format("您已达到总请求数限制：{}分钟内最多请求{}次，包括失败次数，请检查您的请求是否正确",
                                   limits.minutes, counts.total));
    if (!tightest || answer.remaining < tightest->second.remaining) tightest = {rule, answer};
  }
  if (tightest) tell(request, tightest->first, tightest->second);
  co_return std::nullopt;
}

void record_model_success(Request& request) {
  const auto& limits = request.snapshot->relay.model_limits;
  if (!limits.enabled || request.playground) return;
  const auto& counts = limits.of_group(group_of(request));
  if (counts.success <= 0) return;
  request.relay.limits.ask(RateStep::kRecord, success_key(request), {counts.success, limits.minutes * 60},
                           [](RateAnswer) {});
}

}  // namespace tollgate::relay
