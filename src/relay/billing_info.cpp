#include "relay/billing_info.h"

#include <fmt/format.h>

#include "core/json_text.h"
#include "core/log.h"
#include "model/user.h"
#include "net/suspend.h"

namespace tollgate::relay {
namespace {

constexpr double kUnlimited = 100'000'000;

// The custom currency of the options does not count here, as in the compatible product.
double shown(const core::Options& options, core::Quota quota) {
  const auto& type = options.text("general_setting.quota_display_type");
  auto units = static_cast<double>(quota.units);
  if (type == "TOKENS") return units;
  auto per_unit = options.real("QuotaPerUnit");
  auto dollars = per_unit > 0 ? units / per_unit : 0;
  return type == "CNY" ? dollars * options.real("USDExchangeRate") : dollars;
}

bool is_subscription(std::string_view path) { return path.ends_with("/subscription"); }

using Figures = std::shared_ptr<core::Result<GrantedAndUsed>>;

// On a thread of the SQL pool.
core::Result<GrantedAndUsed> load_owner(sql::Pool& pool, billing::Billing& billing, core::UserId id) {
  auto lease = pool.lease();
  if (!lease) return core::error(core::Errc::kUnavailable, "the database is away");
  auto user = model::find_user(**lease, id);
  if (!user) return core::error(core::Errc::kUnavailable, "the database is away");
  if (!*user) return core::error(core::Errc::kNotFound, "record not found");
  *lease = sql::Pool::Lease();
  return GrantedAndUsed{.remaining = billing.shown_user_balance(id, (*user)->quota), .used = (*user)->used_quota};
}

// On a thread of the SQL pool. Read anew: the worker's copy of the key is seconds old.
core::Result<GrantedAndUsed> load_key(sql::Pool& pool, billing::Billing& billing, const std::string& key) {
  auto lease = pool.lease();
  if (!lease) return core::error(core::Errc::kUnavailable, "the database is away");
  auto token = model::find_token_by_key(**lease, key);
  if (!token) return core::error(core::Errc::kUnavailable, "the database is away");
  if (!*token) return core::error(core::Errc::kNotFound, "record not found");
  *lease = sql::Pool::Lease();
  const auto& row = **token;
  return GrantedAndUsed{.remaining = billing.shown_token_balance(row.id, row.remain_quota),
                        .used = row.used_quota,
                        .unlimited = row.unlimited_quota,
                        .access_until = row.expired_time == -1 ? 0 : row.expired_time};
}

}  // namespace

bool is_billing_info(std::string_view path) {
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  return path == "/dashboard/billing/subscription" || path == "/dashboard/billing/usage";
}

std::string subscription_json(const core::Options& options, const GrantedAndUsed& figures) {
  auto granted = figures.unlimited ? kUnlimited : shown(options, figures.remaining + figures.used);
  return fmt::format(
      R"({{"object":"billing_subscription","has_payment_method":true,"soft_limit_usd":{0},"hard_limit_usd":{0},)"
      R"("system_hard_limit_usd":{0},"access_until":{1}}})",
      granted, figures.access_until);
}

std::string usage_json(const core::Options& options, const GrantedAndUsed& figures) {
  return fmt::format(R"({{"object":"list","total_usage":{}}})", shown(options, figures.used) * 100);
}

net::awaitable<void> answer_billing_info(Request& request) {
  const auto& options = *request.snapshot->options;
  const auto& identity = *request.identity;
  auto& relay = request.relay;
  bool of_key = options.boolean("DisplayTokenStatEnabled");
  auto figures = co_await net::suspend<Figures>([&](auto done) {
    bool taken = relay.sql_threads.submit([&relay, &identity, of_key, done] {
      done(std::make_shared<core::Result<GrantedAndUsed>>(of_key
                                                              ? load_key(relay.pool, relay.billing, identity.token.key)
                                                              : load_owner(relay.pool, relay.billing, identity.user)));
    });
    if (!taken)
      done(std::make_shared<core::Result<GrantedAndUsed>>(
          core::error(core::Errc::kUnavailable, "the database is busy")));
  });
  bool subscription = is_subscription(request.exchange.head().path);
  std::string body;
  if (!*figures) {
    core::log::warn("request {}: {}", request.id, figures->error().message);
    body = fmt::format(R"({{"error":{{"message":{},"type":"{}","param":"","code":null}}}})",
                       core::json_string(figures->error().message), subscription ? "upstream_error" : "new_api_error");
  } else {
    body = subscription ? subscription_json(options, **figures) : usage_json(options, **figures);
  }
  net::Header headers[] = {{"Content-Type", "application/json; charset=utf-8"}};
  co_await request.exchange.answer(200, headers, body);
}

}  // namespace tollgate::relay
