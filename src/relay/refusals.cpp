#include "relay/refusals.h"

#include <utility>

namespace tollgate::relay {
namespace {

constexpr auto kLinePause = std::chrono::seconds(10);

Refusal of_gate(int status, std::string_view code) {
  if (code == "\"model_not_found\"") return Refusal::kNoChannel;
  if (code == "\"auth_backend_unavailable\"") return Refusal::kDatabaseAway;
  switch (status) {
    case 401: return Refusal::kKey;
    case 403: return Refusal::kRights;
    case 429: return Refusal::kLimit;
    case 500: return Refusal::kKey;  // its user is gone
    default: return status >= 400 && status < 500 ? Refusal::kRequest : Refusal::kOther;
  }
}

}  // namespace

std::string_view to_string(Refusal reason) {
  constexpr std::array<std::string_view, kRefusals> kNames{
      "key",        "rights",        "limit",   "request",     "no_channel",       "no_money",          "no_price",
      "overloaded", "database_away", "channel", "unreachable", "upstream_refused", "upstream_unusable", "other"};
  return kNames[static_cast<std::size_t>(reason)];
}

Refusal refusal_of(const dialect::RelayError& error) {
  const std::string_view code = error.code;
  if (error.channel_fault) return Refusal::kChannel;
  if (error.before_gates) return of_gate(error.status, code);
  if (code == "\"do_request_failed\"") return Refusal::kUnreachable;
  if (code == "\"bad_response_body\"" || code == "\"empty_response\"") return Refusal::kUpstreamUnusable;
  if (error.kind == dialect::ErrorKind::kUpstream) return Refusal::kUpstreamRefused;
  if (code == "\"insufficient_user_quota\"" || code == "\"pre_consume_token_quota_failed\"") return Refusal::kNoMoney;
  if (code == "\"billing_unavailable\"") return Refusal::kDatabaseAway;
  if (code == "\"overloaded\"") return Refusal::kOverloaded;
  if (code == "\"model_price_error\"") return Refusal::kNoPrice;
  if (code == "\"get_channel_failed\"") return Refusal::kNoChannel;
  if (code == "\"invalid_request\"" || code == "\"sensitive_words_detected\"") return Refusal::kRequest;
  return Refusal::kOther;
}

std::uint64_t RefusalCounts::count(Refusal reason, core::SteadyTime now) {
  const auto at = static_cast<std::size_t>(reason);
  counts_[at].fetch_add(1, std::memory_order_relaxed);
  auto& told = told_[at];
  ++told.count;
  if (now < told.next) return 0;
  told.next = now + kLinePause;
  return std::exchange(told.count, 0);
}

}  // namespace tollgate::relay
