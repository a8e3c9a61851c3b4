#include "relay/settle.h"

#include <fmt/core.h>

#include <charconv>
#include <utility>

#include "core/fault_point.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/mask.h"
#include "net/suspend.h"
#include "net/worker.h"
#include "relay/estimate.h"
#include "relay/low_balance.h"
#include "relay/media_charge.h"
#include "relay/model_limit.h"

namespace tollgate::relay {

std::string_view to_string(End end) {
  switch (end) {
    case End::kFinished: return "finished";
    case End::kClientGone: return "client_gone";
    case End::kUpstreamReset: return "upstream_reset";
    case End::kUpstreamErrorEvent: return "upstream_error_event";
    case End::kIdleTimeout: return "idle_timeout";
    case End::kEmpty: return "empty";
    case End::kGatewayShutdown: return "gateway_shutdown";
    case End::kExhausted: return "exhausted";
    case End::kRevoked: return "revoked";
  }
  return "";
}

bool needs_estimate(const EndOfRequest& end) {
  if (end.whole) return !end.unreported && (!end.usage || end.usage->prompt_tokens == 0);
  if (end.end == End::kClientGone)
    return (end.taken || end.output_seen) && (!end.usage || end.usage->prompt_tokens == 0);
  return end.output_seen && (!end.usage || end.usage->prompt_tokens == 0);
}

Billed rule_of(const EndOfRequest& end, std::int64_t prompt_estimate) {
  billing::Usage seen = end.usage.value_or(billing::Usage{});
  bool usable = seen.usable();
  // The figure of the upstream where it gave one, our own where it did not.
  auto with_counts = [&](std::int64_t completion) {
    auto usage = seen;
    if (usage.prompt_tokens == 0) usage.prompt_tokens = prompt_estimate;
    usage.completion_tokens = completion;
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
    return usage;
  };
  if (end.whole && end.unreported) {
    if (!usable) return {*end.unreported, "counted"};
    if (seen.prompt_tokens == 0) seen.prompt_tokens = end.unreported->prompt_tokens;
    return {seen, "upstream"};
  }
  if (end.whole) {
    if (usable && seen.prompt_tokens != 0) return {seen, "upstream"};
    return {with_counts(seen.completion_tokens != 0 ? seen.completion_tokens : end.counted_output), "counted"};
  }
  if (end.end == End::kClientGone) {
    if (!end.output_seen && !end.taken) return {{}, "nothing"};
    if (!end.output_seen)
      return usable ? Billed{with_counts(seen.completion_tokens), "upstream"}
                    : Billed{with_counts(end.abandoned_output), "prompt"};
    return {with_counts(std::max(seen.completion_tokens, end.counted_output)), "counted"};
  }
  if (!end.output_seen) return {{}, "nothing"};
  return {with_counts(std::max(seen.completion_tokens, end.counted_output)), "counted"};
}

namespace {

std::int64_t millis(std::chrono::steady_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

// What a failed attempt cost us by the price book, before any group's discount: a figure for operators, never charged.
std::int64_t cost(const Request& request, const billing::Usage& usage) {
  auto price = request.price;
  price.group_ratio = 1;
  billing::ChargeInput input;
  input.usage = usage;
  input.model = request.openai.model;
  return billing::charge_amount(input, price).units;
}

void append(std::string& out, std::int64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_text_member(std::string& out, std::string_view name, std::string_view word) {
  out.append(",\"").append(name).append("\":\"").append(word).append("\"");
}

void append_attempt(std::string& out, const Request& request, const Attempt& attempt) {
  append(out += "{\"channel\":", attempt.channel.value);
  append(out += ",\"status\":", attempt.status);
  if (attempt.limit != net::TimeLimit::kNone) append_text_member(out, "time_limit", net::to_string(attempt.limit));
  if (attempt.billed) append(out += ",\"cost\":", cost(request, *attempt.billed));
  out += '}';
}

// Without its closing brace.
void append_admin_info(std::string& out, const Request& request) {
  out += "{\"use_channel\":[";
  for (std::size_t i = 0; i < request.attempts.size(); ++i) {
    append(out += i ? ",\"" : "\"", request.attempts[i].channel.value);
    out += '"';
  }
  out += ']';
  if (request.channel && request.channel->several_keys)
    append(out += ",\"is_multi_key\":true,\"multi_key_index\":", request.key.index);
  if (request.affinity && request.affinity->used()) out.append(",\"channel_affinity\":").append(affinity_json(request));
  out += ",\"attempts\":[";
  for (std::size_t i = 0; i < request.attempts.size(); ++i) {
    if (i) out += ',';
    append_attempt(out, request, request.attempts[i]);
  }
  out += ']';
}

}  // namespace

std::string other_json(const Request& request, const EndOfRequest& end, const Billed& billed,
                       const billing::Charge& charge) {
  std::string out;
  out.reserve(charge.other.size() + 512);
  out.append("{").append(charge.other);
  // −1000 is what readers of the log know as "no stream".
  append(out += ",\"frt\":", request.first_event ? millis(*request.first_event - request.started) : -1000);
  if (request.mapped) {
    out += ",\"is_model_mapped\":true,\"upstream_model_name\":";
    core::append_json_string(out, request.upstream_model);
  }
  if (request.system_prompt_changed) out += ",\"is_system_prompt_overwritten\":true";
  append_admin_info(out += ",\"admin_info\":", request);
  if (billed.settled_by == "counted" && end.whole) out += ",\"local_count_tokens\":true";
  core::append_json_string(out += "},\"request_path\":", request.exchange.head().path);
  out.append(",\"request_conversion\":[\"").append(format_name(request.route)).append("\"]");
  if (!request.price.free) out += ",\"billing_source\":\"wallet\"";
  if (end.usage_refused) out += ",\"usage_refused\":true";
  if (end.content_filtered) out += ",\"reject_reason\":\"openai_finish_reason=content_filter\"";
  append_text_member(out, "settled_by", billed.settled_by);
  if (const auto& region = request.relay.settings.region; !region.empty())
    core::append_json_string(out += ",\"region\":", region);
  append_text_member(out, "end", to_string(end.end));
  if (end.limit != net::TimeLimit::kNone) append_text_member(out, "time_limit", net::to_string(end.limit));
  out.append(",\"kinds\":").append(billing::kinds_json(billing::split_kinds(billed.usage))).append("}");
  return out;
}

model::LogRow log_row_of(const Request& request, model::LogType type) {
  const auto& identity = *request.identity;
  model::LogRow row;
  row.user_id = identity.user;
  row.username = identity.username;
  row.created_at = request.relay.clock.unix_seconds();
  row.type = static_cast<std::int64_t>(type);
  row.token_name = identity.token.name;
  row.token_id = identity.token.id;
  row.model_name = request.openai.model;
  row.use_time =
      row.created_at - std::chrono::duration_cast<std::chrono::seconds>(request.received.time_since_epoch()).count();
  row.channel_id = request.channel ? request.channel->id : core::ChannelId{};
  row.group = request.group;
  if (identity.record_ip) row.ip = request.exchange.client_ip();
  row.request_id = request.id;
  return row;
}

billing::SettleRecord make_record(const Request& request, const EndOfRequest& end, std::int64_t prompt_estimate,
                                  billing::Usage* charged_for) {
  auto billed = rule_of(end, prompt_estimate);
  if (billed.settled_by != "upstream" && counts_audio(request.route))
    billed.usage.completion_audio_tokens = billed.usage.completion_tokens;
  if (charged_for) *charged_for = billed.usage;

  billing::ChargeInput input;
  input.usage = billed.usage;
  input.model = request.openai.model;
  input.formula = formula_for_route(request.route, billed.usage, request.price);
  const bool write_log = request.snapshot->relay.log_consume;
  auto charge = billing::charge(input, request.price, write_log);
  // A request of a call price that ended before anything came costs nothing.
  if (billed.settled_by == "nothing") charge.quota = {};

  billing::SettleRecord record;
  record.user = request.identity->user;
  record.token = request.identity->token.id;
  record.channel = request.channel ? request.channel->id : core::ChannelId{};
  record.charge = charge.quota;
  record.counts_use = charge.prompt_tokens + charge.completion_tokens != 0;
  record.write_log = write_log;
  record.export_data = request.snapshot->relay.data_export && record.write_log;
  record.log = log_row_of(request, model::LogType::kConsume);
  record.log.quota = charge.quota;
  record.log.prompt_tokens = charge.prompt_tokens;
  record.log.completion_tokens = charge.completion_tokens;
  record.log.is_stream = request.answered_as_stream;
  if (write_log) {
    record.log.content = log_content(request.openai, std::move(charge.content));
    record.log.other = other_json(request, end, billed, charge);
  }
  return record;
}

net::awaitable<void> charge(Request& request, billing::SettleRecord record) {
  const auto charged = record.charge;
  auto reservation = std::move(*request.reservation);
  request.reservation.reset();
  auto committed = co_await net::suspend<billing::Committed>([&](auto done) {
    request.relay.billing.settle(std::move(reservation), std::move(record), done);
    // Behind everything else that is ready in this turn: its charges go into the same group.
    if (std::exchange(request.local.journal_told, true)) return;
    request.exchange.worker().post([&local = request.local, &billing = request.relay.billing] {
      local.journal_told = false;
      billing.wake_journal();
    });
  });
  core::fault_point("settle.journaled");
  warn_if_low(request, charged);
  if (committed == billing::Committed::kRefused)
    core::log::error("request {}: its charge could not be journaled", request.id);
}

net::awaitable<void> settle(Request& request, const EndOfRequest& end) {
  request.local.metrics->attempt_ends(request, end.end == End::kClientGone);
  record_model_success(request);  // before the client can ask again
  std::int64_t estimate = 0;
  if (needs_estimate(end)) estimate = co_await estimate_prompt(request);
  billing::Usage charged_for;
  auto record = make_record(request, end, estimate, &charged_for);
  request.local.metrics->settled(request, end, charged_for, record.charge);
  core::fault_point("settle.priced");
  if (request.affinity && end.usage && end.usage->usable() &&
      formula_for_route(request.route, *end.usage, request.price) == billing::Formula::kDecimal)
    count_affinity_usage(request, *end.usage);
  co_await charge(request, std::move(record));
}

void log_failure(Request& request, const dialect::RelayError& error) {
  if (!request.relay.settings.error_log || !request.identity) return;
  billing::LogRecord record;
  record.log = log_row_of(request, model::LogType::kError);
  // Of the attempts alone, and the group as the key has it: "auto" stays "auto".
  record.log.use_time = millis(request.relay.clock.steady() - request.started) / 1000;
  const auto& asked = request.identity->token.group;
  record.log.group = asked.empty() ? request.identity->user_group : asked;
  record.log.content = fmt::format("status_code={}, {}", error.status, core::mask_sensitive(error.log_text()));
  record.log.other = "{\"request_path\":" + core::json_string(request.exchange.head().path) + ",\"error_type\":" +
                     core::json_string(error.kind == dialect::ErrorKind::kGateway ? "new_api_error" : "openai_error") +
                     ",\"error_code\":" + (error.code.empty() ? "\"\"" : error.code) +
                     fmt::format(",\"status_code\":{}", error.status);
  if (request.channel)
    record.log.other +=
        fmt::format(",\"channel_id\":{},\"channel_name\":{},\"channel_type\":{}", request.channel->id.value,
                    core::json_string(request.channel->name), request.channel->provider->type);
  if (!request.attempts.empty() && request.attempts.back().limit != net::TimeLimit::kNone)
    record.log.other += fmt::format(",\"time_limit\":\"{}\"", net::to_string(request.attempts.back().limit));
  append_admin_info(record.log.other += ",\"admin_info\":", request);
  record.log.other += "}}";
  request.relay.billing.log(std::move(record));
}

}  // namespace tollgate::relay
