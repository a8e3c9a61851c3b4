#include "app/redis_services.h"

#include <fmt/core.h>
#include <algorithm>
#include <ctime>

#include "app/node_name.h"
#include "core/json_text.h"
#include "core/log.h"
#include "redis/rate_limits.h"
#include "relay/affinity_redis.h"

namespace tollgate::app {
namespace {

using core::Errc;
using core::Result;

constexpr auto kFirstWait = std::chrono::seconds(3);

// What CLIENT LIST shows: names there hold no blanks.
std::string client_name(const core::Config& config) {
  auto node = printable_node_name(config);
  std::ranges::replace(node, ' ', '-');
  return "tollgate:" + node;
}

// A variable completes the URL where that says nothing; the URL wins.
void complete(std::string& value, const std::string& variable, std::string_view name) {
  if (value.empty()) {
    value = variable;
  } else if (!variable.empty() && variable != value) {
    core::log::warn("W-REDIS-PW: REDIS_CONN_STRING and {} differ; the former is used", name);
  }
}

// Takes one of what is left in this hour. KEYS[1] the count; ARGV: limit, its life in seconds.
const redis::Script kCountNotification(R"lua(
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken >= tonumber(ARGV[1]) then return 0 end
if taken == 0 then redis.call('SET', KEYS[1], '1', 'EX', ARGV[2]) else redis.call('INCRBY', KEYS[1], 1) end
return 1
)lua");

redis::Mode mode_named(std::string_view name) {
  for (auto mode : {redis::Mode::kStandalone, redis::Mode::kSentinel, redis::Mode::kCluster})
    if (name == redis::to_string(mode)) return mode;
  return redis::Mode::kAuto;
}

}  // namespace

Result<redis::Settings> redis_settings(const core::Config& config) {
  redis::Settings settings;
  const auto& text = config.text("REDIS_CONN_STRING");
  if (text.empty()) return settings;
  auto address = redis::parse_address(text);
  if (!address) return core::error(address.error().code, "REDIS_CONN_STRING: " + address.error().message);
  for (const auto& warning : address->warnings) core::log::warn("REDIS_CONN_STRING: {}", warning);
  complete(address->credentials.password, config.text("REDIS_PASSWORD"), "REDIS_PASSWORD");
  complete(address->credentials.user, config.text("REDIS_USERNAME"), "REDIS_USERNAME");
  complete(address->sentinel.password, config.text("REDIS_SENTINEL_PASSWORD"), "REDIS_SENTINEL_PASSWORD");
  complete(address->sentinel.user, config.text("REDIS_SENTINEL_USERNAME"), "REDIS_SENTINEL_USERNAME");
  complete(address->master_name, config.text("REDIS_MASTER_NAME"), "REDIS_MASTER_NAME");
  if (auto mode = mode_named(config.text("TOLLGATE_REDIS_MODE")); mode != redis::Mode::kAuto) address->mode = mode;
  if (address->mode == redis::Mode::kCluster && address->database > 0)
    return core::error(Errc::kInvalid, "REDIS_CONN_STRING: a cluster has only database 0");

  settings.sentinel_tls = address->tls;
  if (const auto& given = config.text("REDIS_SENTINEL_TLS"); !given.empty()) settings.sentinel_tls = given == "on";
  settings.tls = {.ca = config.text("TOLLGATE_REDIS_CA"),
                  .cert = config.text("TOLLGATE_REDIS_CERT"),
                  .key = config.text("TOLLGATE_REDIS_KEY"),
                  .server_name = config.text("TOLLGATE_REDIS_TLS_SERVER_NAME"),
                  .verify = config.boolean("TOLLGATE_REDIS_TLS_VERIFY")};
  if (!settings.tls.verify && (address->tls || settings.sentinel_tls))
    core::log::warn("TOLLGATE_REDIS_TLS_VERIFY is off: certificates of Redis servers are not verified");
  if (address->connect_timeout) settings.connect_timeout = *address->connect_timeout;
  if (config.is_set("TOLLGATE_REDIS_TIMEOUT") || !address->command_timeout) {
    settings.command_timeout = config.duration("TOLLGATE_REDIS_TIMEOUT");
  } else {
    settings.command_timeout = *address->command_timeout;
  }
  if (settings.command_timeout.count() <= 0)
    return core::error(Errc::kInvalid, "TOLLGATE_REDIS_TIMEOUT: a wait has to be longer than nothing");
  if (config.is_set("REDIS_POOL_SIZE") && config.is_set("REDIS_CONN_POOL_SIZE") &&
      config.integer("REDIS_POOL_SIZE") != config.integer("REDIS_CONN_POOL_SIZE"))
    core::log::warn("REDIS_POOL_SIZE and REDIS_CONN_POOL_SIZE differ; the former is used");
  settings.name = client_name(config);
  settings.prefix = config.text("TOLLGATE_REDIS_PREFIX");
  settings.address = std::move(*address);
  return settings;
}

Result<std::unique_ptr<redis::Client>> start_redis(const core::Config& config) {
  auto settings = redis_settings(config);
  if (!settings) return settings.error();
  if (settings->address.endpoints.empty()) return std::unique_ptr<redis::Client>();
  auto client = redis::Client::start(std::move(*settings));
  if (!client) return core::error(client.error().code, "TOLLGATE_REDIS_CA: " + client.error().message);
  auto first = (*client)->await_first(kFirstWait);
  if (first) return std::move(*client);
  const auto& why = first.error();
  if (why.code == Errc::kDenied || why.code == Errc::kInvalid)
    return core::error(why.code, why.message.starts_with("REDIS_") ? why.message : "REDIS_CONN_STRING: " + why.message);
  if (config.boolean("TOLLGATE_REDIS_REQUIRED"))
    return core::error(Errc::kUnavailable, "REDIS_CONN_STRING: no server answers: " + why.message);
  core::log::warn("Redis is away ({}): limits are counted by this node alone until it comes", why.message);
  return std::move(*client);
}

std::unique_ptr<core::RateLimits> make_rate_limits(redis::Client* redis, const core::Clock& clock,
                                                   std::function<std::int64_t()> ready_nodes) {
  if (!redis) return std::make_unique<core::MemoryRateLimits>(clock);
  return std::make_unique<redis::RedisRateLimits>(*redis, clock, std::move(ready_nodes));
}

std::string redis_health(const redis::Client* redis) {
  if (!redis) return "null";
  auto state = redis->state();
  return fmt::format(
      R"({{"connected":{},"listening":{},"mode":{},"server":{},"error":{},"refused":{},"commands":{},"failed":{},"timed_out":{}}})",
      state.connected, state.listening, core::json_string(redis::to_string(state.mode)),
      core::json_string(state.server), core::json_string(state.error), state.refused, state.commands, state.failed,
      state.timed_out);
}

SharedState::SharedState(redis::Client& redis, const core::Config& config,
                         const std::vector<std::string>& crypto_secrets, const core::Clock& clock)
    : redis_(redis),
      clock_(clock),
      notify_limit_(config.integer("NOTIFY_LIMIT_COUNT")),
      notify_window_(std::chrono::minutes(config.integer("NOTIFICATION_LIMIT_DURATION_MINUTE"))),
      rows_(redis, crypto_secrets.front(), {crypto_secrets.begin() + 1, crypto_secrets.end()},
            std::chrono::seconds(config.integer("SYNC_FREQUENCY"))) {}

void SharedState::connect(billing::Billing& billing, relay::Relay& relay, api::Services& services,
                          Monitoring& monitoring) {
  billing.on_balance_moved([this](billing::AccountId account, core::Quota by) {
    if (account.kind == billing::AccountKind::kWallet) {
      rows_.wallet_moved(core::UserId{account.id}, by);
    } else {
      rows_.key_limit_moved(core::TokenId{account.id}, by);
    }
  });
  relay.share_rows(rows_);
  relay.affinity_channels = std::make_unique<relay::AffinityRedis>(redis_, clock_);
  // Each node takes turns by itself; the count of all of them corrects it a moment later.
  relay.turn_taken = [this](const relay::Channel& channel) {
    redis_.send({"INCR", redis_.key(fmt::format("tg:poll:{}", channel.id.value))},
                [next = channel.next_key, keys = channel.all_keys](const core::Result<redis::Reply>& count) {
                  if (!count || count->integer <= 0 || keys == 0) return;
                  next->store(static_cast<std::uint32_t>(static_cast<std::size_t>(count->integer) % keys),
                              std::memory_order_relaxed);
                });
  };
  services.user_changed = [this, here = services.user_changed](core::UserId user) {
    rows_.drop_user(user);
    if (here) here(user);
  };
  services.token_changed = [this, here = services.token_changed](core::TokenId token, std::string_view key) {
    rows_.drop_token(key);
    if (here) here(token, key);
  };
  monitoring.share_notification_counts([this](core::UserId user, const std::string& type) -> std::optional<bool> {
    auto now = static_cast<std::time_t>(clock_.unix_seconds());
    std::tm local{};
    ::localtime_r(&now, &local);
    auto key = redis_.key(fmt::format("notify_limit:{}:{}:{:04}{:02}{:02}{:02}", user.value, type, local.tm_year + 1900,
                                      local.tm_mon + 1, local.tm_mday, local.tm_hour));
    auto reply = redis_.run_and_wait(kCountNotification, key,
                                     {std::to_string(notify_limit_), std::to_string(notify_window_.count())});
    if (!reply || reply->type != redis::Reply::Type::kInteger) return std::nullopt;
    return reply->integer == 1;
  });
}

}  // namespace tollgate::app
