#include "relay/reserve.h"

#include <fmt/core.h>

#include "net/suspend.h"
#include "relay/estimate.h"

namespace tollgate::relay {
namespace {

using dialect::gateway_error;
using dialect::RelayError;

RelayError refused_for_money(const Request& request, const billing::AcquireResult& result, core::Quota needed) {
  const auto& snapshot = *request.snapshot;
  RelayError error;
  if (result.outcome == billing::AcquireOutcome::kUnavailable) {
    error = gateway_error(503, "billing_unavailable", "the balance cannot be checked: the database is away");
    error.retry_after = "5";
  } else if (result.account == billing::AccountKind::kToken) {
    error = gateway_error(403, "pre_consume_token_quota_failed",
                          "token quota is not enough, token remain quota: " + amount_text(snapshot, result.balance) +
                              ", need quota: " + amount_text(snapshot, needed));
  } else if (result.balance.units <= 0) {
    error = gateway_error(403, "insufficient_user_quota",
                          "用户额度不足, 剩余额度: " + amount_text(snapshot, result.balance));
  } else {
    error = gateway_error(403, "insufficient_user_quota",
                          "预扣费额度失败, 用户剩余额度: " + amount_text(snapshot, result.balance) +
                              ", 需要预扣费额度: " + amount_text(snapshot, needed));
  }
  error.no_retry = true;
  return error;
}

// Takes `amount` besides what is held; `needed` is what the request needs in all.
net::awaitable<std::optional<RelayError>> take(Request& request, core::Quota amount, core::Quota needed) {
  auto& billing = request.relay.billing;
  const auto& identity = *request.identity;
  auto keep = [&](billing::Reservation more) {
    if (!request.reservation) request.reservation.emplace();
    request.reservation->merge(std::move(more));
  };
  if (auto held = billing.try_reserve(identity.wallet, identity.key_limit, amount)) {
    keep(std::move(*held));
    co_return std::nullopt;
  }
  request.waited = true;
  using Answer = std::shared_ptr<billing::AcquireResult>;
  auto acquired = co_await net::suspend<Answer>([&](auto done) {
    billing.acquire(identity.wallet, identity.key_limit, amount, [done](billing::AcquireResult result) {
      done(std::make_shared<billing::AcquireResult>(std::move(result)));
    });
  });
  if (acquired->outcome != billing::AcquireOutcome::kReserved) co_return refused_for_money(request, *acquired, needed);
  keep(std::move(acquired->reservation));
  co_return std::nullopt;
}

}  // namespace

std::string amount_text(const Snapshot& snapshot, core::Quota quota) {
  const auto& options = snapshot.relay;
  auto dollars = static_cast<double>(quota.units) / snapshot.prices->quota_per_unit();
  if (options.quota_display == "TOKENS") return std::to_string(quota.units);
  if (options.quota_display == "CNY") return fmt::format("¥{:.6f}", dollars * options.usd_exchange_rate);
  if (options.quota_display == "CUSTOM")
    return fmt::format("{}{:.6f}", options.currency_symbol, dollars * options.currency_rate);
  return fmt::format("＄{:.6f}", dollars);
}

net::awaitable<std::optional<RelayError>> reserve(Request& request) {
  auto& billing = request.relay.billing;
  const auto& identity = *request.identity;
  if (request.price.free) {
    request.reservation.emplace();
    co_return std::nullopt;
  }
  if (!billing.can_charge()) {
    auto error = gateway_error(503, "billing_unavailable", "charges cannot be kept: disk and database take nothing");
    error.retry_after = "5";
    error.no_retry = true;
    co_return error;
  }
  const auto output = output_limit(request.openai);
  auto bound = billing::reservation(request.price, prompt_bound(request), output);
  request.reservation = billing.try_reserve(identity.wallet, identity.key_limit, bound);
  if (request.reservation) co_return std::nullopt;
  auto estimate = co_await estimate_prompt(request);
  auto needed = billing::reservation(request.price, estimate, output);
  auto refused = co_await take(request, needed, needed);
  co_return refused;
}

net::awaitable<std::optional<RelayError>> reserve_more(Request& request, std::int64_t output) {
  if (request.price.free) co_return std::nullopt;
  if (!request.reservation || !request.reservation->held()) {  // it was free until now
    auto refused = co_await reserve(request);
    if (refused) co_return refused;
  }
  auto& billing = request.relay.billing;
  const auto& identity = *request.identity;
  auto missing = [&](core::Quota needed) { return needed - request.reservation->amount(); };
  const auto bound = missing(billing::reservation(request.price, prompt_bound(request), output));
  if (bound.units <= 0) co_return std::nullopt;
  if (auto more = billing.try_reserve(identity.wallet, identity.key_limit, bound)) {
    request.reservation->merge(std::move(*more));
    co_return std::nullopt;
  }
  const auto needed = billing::reservation(request.price, co_await estimate_prompt(request), output);
  if (missing(needed).units <= 0) co_return std::nullopt;
  auto refused = co_await take(request, missing(needed), needed);
  co_return refused;
}

}  // namespace tollgate::relay
