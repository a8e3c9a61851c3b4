#include "relay/realtime_bill.h"

#include <algorithm>
#include <utility>

#include "core/fault_point.h"
#include "core/log.h"
#include "net/suspend.h"
#include "net/worker.h"
#include "relay/model_limit.h"
#include "relay/relay_metrics.h"
#include "relay/reserve.h"
#include "relay/settle.h"

namespace tollgate::relay {
namespace {

billing::ChargeInput input_of(const Request& request, const billing::Usage& usage) {
  billing::ChargeInput input;
  input.formula = billing::Formula::kRealtime;
  input.usage = usage;
  input.model = request.openai.model;
  return input;
}

billing::Usage without(billing::Usage usage, const billing::Usage& before) {
  usage.prompt_tokens -= before.prompt_tokens;
  usage.completion_tokens -= before.completion_tokens;
  usage.total_tokens -= before.total_tokens;
  usage.prompt_text_tokens -= before.prompt_text_tokens;
  usage.prompt_audio_tokens -= before.prompt_audio_tokens;
  usage.completion_text_tokens -= before.completion_text_tokens;
  usage.completion_audio_tokens -= before.completion_audio_tokens;
  return usage;
}

bool same_cost(const billing::Price& a, const billing::Price& b) {
  return a.model_ratio == b.model_ratio && a.completion_ratio == b.completion_ratio && a.audio_ratio == b.audio_ratio &&
         a.audio_completion_ratio == b.audio_completion_ratio && a.group_ratio == b.group_ratio;
}

}  // namespace

core::Quota RealtimeBill::cost_of(const billing::Usage& all) const {
  return owed_before_ + billing::charge_amount(input_of(request_, without(all, used_before_)), request_.price);
}

core::Quota RealtimeBill::owed() const { return cost_of(meter_.total()); }

billing::SettleRecord RealtimeBill::record_of(const EndOfRequest& end) const {
  const auto usage = meter_.total();
  const auto total = owed();
  const bool write_log = request_.snapshot->relay.log_consume;
  auto charge = billing::charge(input_of(request_, usage), request_.price, write_log);
  std::string_view by = meter_.counted() ? "counted" : usage.total_tokens > 0 ? "upstream" : "nothing";

  billing::SettleRecord record;
  record.user = request_.identity->user;
  record.token = request_.identity->token.id;
  record.channel = request_.channel ? request_.channel->id : core::ChannelId{};
  record.charge.units = total.units - charged_.units;
  record.counts_use = usage.total_tokens != 0;
  record.write_log = write_log;
  record.export_data = write_log && request_.snapshot->relay.data_export;
  record.token_limited = request_.reservation && request_.reservation->token() != nullptr;
  record.log = log_row_of(request_, model::LogType::kConsume);
  record.log.model_name = request_.upstream_model;
  record.log.quota = total;
  record.log.prompt_tokens = charge.prompt_tokens;
  record.log.completion_tokens = charge.completion_tokens;
  if (write_log) {
    record.log.content = charge.content;
    record.log.other = other_json(request_, end, {usage, by}, charge);
  }
  return record;
}

net::awaitable<void> RealtimeBill::settle_part() {
  const core::Quota due{owed().units - charged_.units};
  if (due.units == 0 || !request_.reservation) co_return;
  billing::SettleRecord part;
  part.user = request_.identity->user;
  part.token = request_.identity->token.id;
  part.channel = request_.channel->id;
  part.charge = due;
  part.counts_use = true;
  part.part = true;
  part.write_log = false;
  part.log = log_row_of(request_, model::LogType::kConsume);
  charged_.units += due.units;
  EndOfRequest cut;
  cut.end = End::kGatewayShutdown;
  cut.usage_refused = meter_.usage_refused();
  const billing::InflightRecord next{.settle = record_of(cut), .begun = true};
  noted_ = next.settle.log.quota;
  auto& billing = request_.relay.billing;
  auto committed = co_await net::suspend<billing::Committed>([&](auto done) {
    billing.settle(request_.reservation->split(due), std::move(part), done, &next);
    billing.wake_journal();
  });
  core::fault_point("realtime.settled");
  if (committed == billing::Committed::kRefused)
    core::log::error("request {}: a part of its charge could not be journaled", request_.id);
}

void RealtimeBill::look_up_price() {
  const auto version = request_.relay.snapshots.version();
  if (std::exchange(price_version_, version) == version) return;
  const auto snapshot = request_.relay.snapshots.get();
  auto price = snapshot->prices->resolve({.model = request_.openai.model,
                                          .user_group = request_.identity->user_group,
                                          .using_group = request_.group,
                                          .accept_unset_ratio = request_.identity->accept_unset_ratio,
                                          .by_tokens = true});
  if (!price || same_cost(*price, request_.price)) return;
  owed_before_ = cost_of(meter_.responded());
  used_before_ = meter_.responded();
  request_.price = *price;
}

net::awaitable<RealtimeBill::Room> RealtimeBill::make_room() {
  if (request_.price.free || asking_ || !request_.reservation) co_return Room::kEnough;
  const auto base = billing::reservation(request_.price, 0, 0);
  const auto open = std::max<std::int64_t>(owed().units - charged_.units, 0);
  const core::Quota missing{base.units + open - request_.reservation->amount().units};
  if (missing.units <= 0) co_return Room::kEnough;
  auto& billing = request_.relay.billing;
  const auto& identity = *request_.identity;
  if (auto more = billing.try_reserve(identity.wallet, identity.key_limit, missing)) {
    request_.reservation->merge(std::move(*more));
    co_return Room::kEnough;
  }
  asking_ = true;
  auto acquired = co_await acquire(request_, missing);
  asking_ = false;
  if (acquired.outcome == billing::AcquireOutcome::kUnavailable) co_return Room::kUnknown;
  if (acquired.outcome != billing::AcquireOutcome::kReserved) co_return Room::kNone;
  // The session may have ended meanwhile: then it goes back by itself.
  if (request_.reservation) request_.reservation->merge(std::move(acquired.reservation));
  co_return Room::kEnough;
}

void RealtimeBill::note_for_recovery() {
  if (!request_.reservation) return;
  const auto total = owed();
  if (total == noted_ || total.units == 0) return;
  noted_ = total;
  EndOfRequest cut;
  cut.end = End::kGatewayShutdown;
  cut.usage_refused = meter_.usage_refused();
  request_.relay.billing.inflight_put({.settle = record_of(cut), .begun = true});
}

net::awaitable<void> RealtimeBill::settle_last(const EndOfRequest& end) {
  record_model_success(request_);
  auto record = record_of(end);
  request_.local.metrics->settled(request_, end, meter_.total(), record.log.quota);
  co_await charge(request_, std::move(record));
}

}  // namespace tollgate::relay
