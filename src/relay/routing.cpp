#include "relay/routing.h"

#include <set>

namespace tollgate::relay {
namespace {

using dialect::gate_error;
using dialect::gateway_error;
using dialect::RelayError;

const Channel* select(Request& request, int retry) {
  const auto& snapshot = *request.snapshot;
  const auto& model = request.openai.model;
  if (request.group != "auto") return select_channel(snapshot.find(request.group, model), retry, request.local.random);
  // The first of the groups this user may use that serves the model.
  for (const auto& group : snapshot.relay.auto_groups) {
    if (!snapshot.group_usable(request.identity->user_group, group)) continue;
    if (const auto* channel = select_channel(snapshot.find(group, model), retry, request.local.random)) {
      request.group = group;
      return channel;
    }
  }
  return nullptr;
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
  if (channel.keys.empty()) return gateway_error(500, "channel:no_available_key", "no enabled keys");
  if (!channel.several_keys || channel.keys.size() == 1) {
    request.key = channel.keys.front();
  } else if (channel.polling) {
    auto& next = request.local.polling[channel.id.value];
    request.key = channel.keys[next++ % channel.keys.size()];
  } else {
    request.key = channel.keys[request.local.random.below(channel.keys.size())];
  }
  return std::nullopt;
}

}  // namespace

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
  auto asked = request.group;
  request.channel = select(request, 0);
  if (!request.channel)
    return gate_error(503, "分组 " + asked + " 下模型 " + model + " 无可用渠道（distributor）", "model_not_found");
  return std::nullopt;
}

std::optional<RelayError> choose_next_channel(Request& request, int retry) {
  request.channel = select(request, retry);
  if (request.channel) return std::nullopt;
  return gateway_error(500, "get_channel_failed",
                       "分组 " + request.group + " 下模型 " + request.openai.model + " 的可用渠道不存在（retry）");
}

// The order of these is that of docs/channels.md.
bool should_retry(const Request& request, const RelayError& error, int left) {
  if (left <= 0 || request.pinned) return false;
  if (error.channel_fault) return true;
  if (error.no_retry) return false;
  if (error.status >= 200 && error.status <= 299) return false;
  if (error.status < 100 || error.status > 599) return true;
  return request.snapshot->relay.retry_statuses.contains(error.status);
}

}  // namespace tollgate::relay
