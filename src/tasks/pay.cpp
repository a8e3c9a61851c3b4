#include "tasks/pay.h"

#include "core/log.h"
#include "net/suspend.h"
#include "relay/low_balance.h"
#include "relay/reserve.h"
#include "relay/settle.h"

namespace tollgate::tasks {

net::awaitable<std::optional<Lack>> hold(relay::Request& request, core::Quota amount) {
  request.reservation.reset();
  if (amount.units == 0) co_return std::nullopt;
  auto& billing = request.relay.billing;
  const auto& identity = *request.identity;
  if (!billing.can_charge()) co_return Lack::kUnavailable;
  request.reservation = billing.try_reserve(identity.wallet, identity.key_limit, amount);
  if (request.reservation) co_return std::nullopt;
  auto acquired = co_await relay::acquire(request, amount);
  if (acquired.outcome == billing::AcquireOutcome::kUnavailable) co_return Lack::kUnavailable;
  if (acquired.outcome != billing::AcquireOutcome::kReserved)
    co_return acquired.account == billing::AccountKind::kToken ? Lack::kKey : Lack::kUser;
  // Rich accounts may be granted less than was asked for; the price of a task is known beforehand.
  if (acquired.reservation.amount() < amount) co_return Lack::kUser;
  request.reservation = std::move(acquired.reservation);
  co_return std::nullopt;
}

billing::SettleRecord charge_record(const relay::Request& request, const TaskPrice& price, std::string content) {
  const auto& options = request.snapshot->relay;
  billing::SettleRecord record;
  record.user = request.identity->user;
  record.token = request.identity->token.id;
  record.channel = request.channel->id;
  record.charge = price.quota;
  record.counts_use = true;
  record.write_log = options.log_consume;
  record.export_data = options.log_consume && options.data_export;
  record.log = relay::log_row_of(request, model::LogType::kConsume);
  record.log.quota = price.quota;
  record.log.content = std::move(content);
  record.log.other = price_json(price, request.exchange.head().path);
  return record;
}

net::awaitable<void> charge_refundable(relay::Request& request, billing::SettleRecord record) {
  const auto charged = record.charge;
  auto reservation = std::move(*request.reservation);
  request.reservation.reset();
  auto committed = co_await net::suspend<billing::Committed>(
      [&](auto done) { request.relay.billing.settle_refundable(std::move(reservation), std::move(record), done); });
  relay::warn_if_low(request, charged);
  if (committed == billing::Committed::kRefused)
    core::log::error("request {}: its charge could not be journaled", request.id);
}

}  // namespace tollgate::tasks
