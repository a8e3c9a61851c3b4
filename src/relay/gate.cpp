#include "relay/gate.h"

#include <fmt/core.h>

#include <charconv>

#include "model/token.h"
#include "relay/credentials.h"

namespace tollgate::relay {
namespace {

using dialect::gate_error;
using dialect::RelayError;

std::string masked(const std::string& key) {
  if (key.size() < 6) return "sk-***";
  return "sk-" + key.substr(0, 3) + "***" + key.substr(key.size() - 3);
}

// The row keeps what was found out, as the compatible product does on one node; nobody waits for it.
void remember_status(Request& request, model::TokenStatus status) {
  auto id = request.identity->token.id;
  auto& pool = request.relay.pool;
  request.relay.sql_threads.submit([&pool, id, status] {
    if (auto lease = pool.lease()) (void)model::set_token_status(**lease, id, static_cast<std::int64_t>(status));
  });
}

std::optional<RelayError> check_token(Request& request) {
  const auto& identity = *request.identity;
  const auto& token = identity.token;
  if (!identity.found) return gate_error(401, "无效的令牌");
  switch (static_cast<model::TokenStatus>(token.status)) {
    case model::TokenStatus::kExhausted:
      return gate_error(401, "该令牌额度已用尽 TokenStatusExhausted[" + masked(token.key) + "]");
    case model::TokenStatus::kExpired: return gate_error(401, "该令牌已过期");
    case model::TokenStatus::kEnabled: break;
    default: return gate_error(401, "该令牌状态不可用");
  }
  if (token.expired_time != -1 && token.expired_time < request.relay.clock.unix_seconds()) {
    remember_status(request, model::TokenStatus::kExpired);
    return gate_error(401, "该令牌已过期");
  }
  if (!token.unlimited_quota && token.remain_quota.units <= 0) {
    remember_status(request, model::TokenStatus::kExhausted);
    return gate_error(401, fmt::format("[{}] 该令牌额度已用尽 !token.UnlimitedQuota && token.RemainQuota = {}",
                                       masked(token.key), token.remain_quota.units));
  }
  if (identity.allow_ips.restricts()) {
    auto address = core::parse_ip(request.exchange.client_ip());
    if (!address) return gate_error(403, "无法解析客户端 IP 地址");
    if (!identity.allow_ips.admits(*address))
      return gate_error(403, "您的 IP 不在令牌允许访问的列表中", "access_denied");
  }
  return std::nullopt;
}

std::optional<RelayError> check_user_and_group(Request& request) {
  const auto& identity = *request.identity;
  if (!identity.user_found) return gate_error(500, "record not found");
  if (identity.user_status != 1) return gate_error(403, "用户已被封禁");
  const auto& wanted = identity.token.group;
  request.group = wanted.empty() ? identity.user_group : wanted;
  if (wanted.empty()) return std::nullopt;
  if (!request.snapshot->group_usable(identity.user_group, wanted))
    return gate_error(403, "无权访问 " + wanted + " 分组");
  if (wanted != "auto" && !request.snapshot->prices->has_group(wanted))
    return gate_error(403, "分组 " + wanted + " 已被弃用");
  return std::nullopt;
}

}  // namespace

net::awaitable<std::optional<RelayError>> pass_gate(Request& request) {
  const auto& head = request.exchange.head();
  auto credential =
      find_credential(head.path, head.query, [&](std::string_view name) { return request.exchange.header(name); });
  if (credential.key.empty()) co_return gate_error(401, "未提供令牌");
  request.identity = co_await request.local.identities.get(credential.key, request.key_source);
  if (!request.identity) {
    auto error = gate_error(503, "the key cannot be checked: the database is away", "auth_backend_unavailable");
    error.retry_after = "5";
    co_return error;
  }
  if (auto refused = check_token(request)) co_return refused;
  if (auto refused = check_user_and_group(request)) co_return refused;
  if (credential.channel) {
    if (request.identity->user_role < 10) co_return gate_error(403, "普通用户不支持指定渠道");
    std::int64_t id = 0;
    const auto& text = *credential.channel;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (ec != std::errc() || end != text.data() + text.size()) co_return gate_error(400, "无效的渠道 Id");
    request.pinned = core::ChannelId{id};
  }
  co_return std::nullopt;
}

}  // namespace tollgate::relay
