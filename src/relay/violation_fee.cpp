#include "relay/violation_fee.h"

#include <fmt/core.h>

#include <cmath>

#include "core/json_text.h"
#include "relay/settle.h"

namespace tollgate::relay {
namespace {

constexpr std::string_view kMarker = "Failed check: SAFETY_CHECK_TYPE_CSAM";
constexpr std::string_view kCode = "\"violation_fee.grok.csam\"";

std::string number(double value) {
  std::string out;
  billing::append_json_number(out, value);
  return out;
}

}  // namespace

void mark_violation(dialect::RelayError& error) {
  if (error.message.find(kMarker) != std::string::npos || error.internal.find(kMarker) != std::string::npos) {
    error.code = kCode;
    error.type = kCode.substr(1, kCode.size() - 2);
  }
  if (error.code.starts_with("\"violation_fee.")) error.no_retry = true;
}

net::awaitable<void> charge_violation(Request& request, const dialect::RelayError& error) {
  if (error.code != kCode || !request.reservation) co_return;
  const double amount = request.snapshot->relay.violation_fee;
  const auto& price = request.price;
  if (!(amount > 0) || !(price.group_ratio > 0)) co_return;
  const core::Quota fee{static_cast<std::int64_t>(std::round(amount * price.quota_per_unit * price.group_ratio))};

  billing::SettleRecord record;
  record.user = request.identity->user;
  record.token = request.identity->token.id;
  record.channel = request.channel ? request.channel->id : core::ChannelId{};
  record.charge = fee;
  record.counts_use = true;
  record.write_log = request.snapshot->relay.log_consume;
  record.export_data = request.snapshot->relay.data_export && record.write_log;
  record.log = log_row_of(request, model::LogType::kConsume);
  record.log.quota = fee;
  record.log.is_stream = request.openai.stream;
  record.log.content = "Violation fee charged";
  record.log.other = fmt::format(
      "{{\"violation_fee\":true,\"violation_fee_code\":{},\"fee_quota\":{},\"base_amount\":{},\"group_ratio\":{},"
      "\"status_code\":{},\"upstream_error_type\":{},\"upstream_error_code\":{},\"violation_fee_marker\":{}}}",
      kCode, fee.units, number(amount), number(price.group_ratio), error.status, core::json_string(error.type),
      error.code, core::json_string(kMarker));
  co_await charge(request, std::move(record));
}

}  // namespace tollgate::relay
