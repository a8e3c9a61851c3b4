#include "relay/routing.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tollgate::relay {
namespace {

using dialect::gate_error;
using dialect::gateway_error;
using dialect::RelayError;

const Channel* select(Request& request, AttemptCounter& counter) {
  const auto& snapshot = *request.snapshot;
  const auto& model = request.openai.model;
  if (request.asked_group != "auto")
    return select_channel(snapshot.find(request.group, model), counter.retry, request.local.random);
  const auto& identity = *request.identity;
  return select_among_auto_groups(snapshot, {identity.user_group, identity.token.cross_group_retry}, model, counter,
                                  request.local.random, request.group);
}

bool without_auto_groups(const Request& request) {
  return request.asked_group == "auto" && request.snapshot->relay.auto_groups.empty();
}

std::optional<RelayError> map_model(Request& request) {
  auto name = mapped_model(*request.channel, request.openai.model);
  request.upstream_model = name ? *name : request.openai.model;
  request.mapped = request.upstream_model != request.openai.model;
  if (name) return std::nullopt;
  auto error = gateway_error(500, "channel:model_mapped_error", name.error().message);
  error.no_retry = true;
  return error;
}

std::optional<RelayError> pick_key(Request& request) {
  const auto& channel = *request.channel;
  if (channel.keys.empty())
    return gateway_error(500, "channel:no_available_key",
                         channel.all_keys == 0 ? "no keys available" : "no enabled keys");
  request.key = pick_key(channel, request.local.random);
  if (channel.key_choice == KeyChoice::kPolling && request.relay.turn_taken) request.relay.turn_taken(channel);
  return std::nullopt;
}

}  // namespace

const ChannelKey& pick_key(const Channel& channel, core::FastRandom& random) {
  const auto& keys = channel.keys;
  switch (channel.key_choice) {
    case KeyChoice::kFirst: break;
    case KeyChoice::kRandom: return keys[random.below(keys.size())];
    case KeyChoice::kPolling: {
      auto next = channel.next_key->load(std::memory_order_relaxed);
      for (;;) {
        auto key = std::ranges::lower_bound(keys, static_cast<int>(next), {}, &ChannelKey::index);
        if (key == keys.end()) key = keys.begin();
        const auto after = static_cast<std::uint32_t>((static_cast<std::size_t>(key->index) + 1) % channel.all_keys);
        if (channel.next_key->compare_exchange_weak(next, after, std::memory_order_relaxed)) return *key;
      }
    }
  }
  return keys.front();
}

core::Result<std::string> mapped_model(const Channel& channel, std::string_view model) {
  if (channel.mapping_broken) return core::error(core::Errc::kInvalid, "unmarshal_model_mapping_failed");
  std::string name(model);
  std::set<std::string, std::less<>> visited{name};
  for (;;) {
    auto next = channel.model_mapping.find(name);
    if (next == channel.model_mapping.end() || next->second == name) return name;
    if (!visited.insert(next->second).second) return core::error(core::Errc::kInvalid, "model_mapping_contains_cycle");
    name = next->second;
  }
}

std::optional<RelayError> prepare_channel(Request& request) {
  request.key = {};
  if (auto wrong = pick_key(request)) return wrong;
  if (auto wrong = map_model(request)) return wrong;
  if (!request.channel->bad_proxy.empty()) {
    auto error = gateway_error(500, "do_request_failed", "the channel's proxy cannot be used");
    error.internal = request.channel->bad_proxy;
    return error;
  }
  return std::nullopt;
}

std::optional<RelayError> choose_first_channel(Request& request) {
  const auto& token = request.identity->token;
  const auto& model = request.openai.model;
  request.asked_group = request.group;
  if (request.pinned) {
    request.channel = request.snapshot->channel(*request.pinned);
    if (!request.channel) return gate_error(400, "无效的渠道 Id");
    if (!request.channel->enabled) return gate_error(403, "该渠道已被禁用");
    return std::nullopt;
  }
  if (token.model_limits_enabled) {
    if (request.identity->model_limits.empty()) return gate_error(403, "该令牌无权访问任何模型");
    if (!request.identity->model_limits.contains(billing::matching_name(model)))
      return gate_error(403, "该令牌无权访问模型 " + model);
  }
  if (model.empty()) return gate_error(400, "未指定模型名称，模型名称不能为空");
  if (use_affinity(request)) return std::nullopt;
  if (without_auto_groups(request))
    return gate_error(
        503, "获取分组 auto(auto) 下模型 " + model + " 的可用渠道失败（distributor）: auto groups is not enabled",
        "model_not_found");
  // The counter of the attempts begins with the first of them: only the place among the groups is kept.
  AttemptCounter first;
  request.channel = select(request, first);
  request.counter.group = first.group;
  if (!request.channel)
    return gate_error(503, "分组 " + request.asked_group + " 下模型 " + model + " 无可用渠道（distributor）",
                      "model_not_found");
  return std::nullopt;
}

bool count_attempt(Request& request) {
  auto& counter = request.counter;
  if (!std::exchange(counter.hold, false)) ++counter.retry;
  return counter.retry <= request.snapshot->relay.retry_times;
}

std::optional<RelayError> choose_next_channel(Request& request) {
  const auto where = "分组 " + request.asked_group + " 下模型 " + request.openai.model;
  if (without_auto_groups(request))
    return gateway_error(500, "get_channel_failed",
                         "获取" + where + " 的可用渠道失败（retry）: auto groups is not enabled");
  request.channel = select(request, request.counter);
  if (request.channel) return std::nullopt;
  return gateway_error(500, "get_channel_failed", where + " 的可用渠道不存在（retry）");
}

// The order of these is that of docs/channels.md.
bool should_retry(const Request& request, const RelayError& error) {
  if (request.affinity && request.affinity->used() && request.affinity->rule->skip_retry) return false;
  if (request.pinned) return false;
  if (error.channel_fault) return true;
  if (request.counter.retry >= request.snapshot->relay.retry_times) return false;
  if (error.no_retry) return false;
  if (error.status >= 200 && error.status <= 299) return false;
  if (error.status < 100 || error.status > 599) return true;
  return request.snapshot->relay.retry_statuses.contains(error.status);
}

}  // namespace tollgate::relay
