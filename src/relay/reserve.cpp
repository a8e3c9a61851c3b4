#include "relay/reserve.h"

#include <fmt/core.h>

#include <memory>
#include <utility>

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

// What a request sets aside: `whole` where there is as much, else all there is, if that is `least` or more.
struct Amounts {
  core::Quota whole, least;
  Amounts operator-(core::Quota held) const { return {whole - held, least - held}; }
};

Amounts amounts(const Request& request, std::int64_t prompt, std::int64_t output) {
  return {billing::worst_case(request.price, prompt, output), billing::reservation(request.price, prompt, output)};
}

void keep(Request& request, billing::Reservation more) {
  if (!request.reservation) request.reservation.emplace();
  request.reservation->merge(std::move(more));
}

bool take_at_once(Request& request, core::Quota amount) {
  const auto& identity = *request.identity;
  auto held = request.relay.billing.try_reserve(identity.wallet, identity.key_limit, amount);
  if (held) keep(request, std::move(*held));
  return held.has_value();
}

// Takes `more` besides what is held; `needed` is what the request needs in all.
net::awaitable<std::optional<RelayError>> take(Request& request, Amounts more, Amounts needed) {
  if (take_at_once(request, more.whole)) co_return std::nullopt;
  request.waited = true;
  auto acquired = co_await acquire(request, more.whole);
  const auto outcome = acquired.outcome;
  const auto seen = acquired.balance;
  if (outcome == billing::AcquireOutcome::kUnavailable)
    acquired = co_await acquire(request, more.least);  // beyond the database's word: no more of that than has to be
  else if (outcome == billing::AcquireOutcome::kRefused && seen >= more.least && seen < more.whole)
    acquired = co_await acquire(request, seen);  // all there is, on whichever node: it serves one request
  if (acquired.outcome == billing::AcquireOutcome::kReserved) {
    keep(request, std::move(acquired.reservation));
    co_return std::nullopt;
  }
  co_return refused_for_money(request, acquired, seen < more.least ? needed.least : needed.whole);
}

}  // namespace

net::awaitable<billing::AcquireResult> acquire(const Request& request, core::Quota amount) {
  auto& billing = request.relay.billing;
  const auto& identity = *request.identity;
  using Answer = std::shared_ptr<billing::AcquireResult>;
  auto answer = co_await net::suspend<Answer>([&](auto done) {
    billing.acquire(identity.wallet, identity.key_limit, amount, [done](billing::AcquireResult result) {
      done(std::make_shared<billing::AcquireResult>(std::move(result)));
    });
  });
  co_return std::move(*answer);
}

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
  if (request.price.free) {
    request.reservation.emplace();
    co_return std::nullopt;
  }
  if (!request.relay.billing.can_charge()) {
    auto error = gateway_error(503, "billing_unavailable", "charges cannot be kept: disk and database take nothing");
    error.retry_after = "5";
    error.no_retry = true;
    co_return error;
  }
  const auto output = output_limit(request.openai);
  // While there is room the bound by size is enough, and nothing is counted.
  if (take_at_once(request, billing::worst_case(request.price, prompt_bound(request), output))) co_return std::nullopt;
  const auto needed = amounts(request, co_await estimate_prompt(request), output);
  auto refused = co_await take(request, needed, needed);
  co_return refused;
}

net::awaitable<std::optional<RelayError>> reserve_more(Request& request, std::int64_t output) {
  if (request.price.free) co_return std::nullopt;
  if (!request.reservation || !request.reservation->held()) {  // it was free until now
    auto refused = co_await reserve(request);
    if (refused) co_return refused;
  }
  const auto held = request.reservation->amount();
  const auto bound = billing::worst_case(request.price, prompt_bound(request), output) - held;
  if (bound.units <= 0 || take_at_once(request, bound)) co_return std::nullopt;
  const auto needed = amounts(request, co_await estimate_prompt(request), output);
  const auto more = needed - held;
  if (more.least.units <= 0) {
    if (more.whole.units > 0) take_at_once(request, more.whole);
    co_return std::nullopt;
  }
  auto refused = co_await take(request, more, needed);
  co_return refused;
}

}  // namespace tollgate::relay
