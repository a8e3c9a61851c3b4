#include "api/routes.h"

#include "api/handlers.h"

namespace tollgate::api {
namespace {

using enum Access;

constexpr Route kRoutes[] = {
    // Public
    {"GET", "/api/setup", kNone, get_setup},
    {"POST", "/api/setup", kNone, post_setup},
    {"GET", "/api/status", kNone, get_status},
    {"GET", "/api/notice", kNone, get_notice},
    {"GET", "/api/about", kNone, get_about},
    {"GET", "/api/home_page_content", kNone, get_home_page_content},
    {"GET", "/api/user-agreement", kNone, get_user_agreement},
    {"GET", "/api/privacy-policy", kNone, get_privacy_policy},
    {"GET", "/api/user/groups", kNone, anonymous_groups},
    {"POST", "/api/user/login", kNone, login, Limit::kCritical},
    {"GET", "/api/user/logout", kNone, logout},

    // The caller's own account
    {"GET", "/api/user/self", kUser, get_self},
    {"PUT", "/api/user/self", kUser, update_self},
    {"GET", "/api/user/self/groups", kUser, self_groups},
    {"GET", "/api/user/models", kUser, user_models},
    {"GET", "/api/user/token", kUser, create_access_token},
    {"PUT", "/api/user/setting", kUser, update_user_setting},
    {"GET", "/api/models", kUser, models_by_type},

    // Users
    {"GET", "/api/user", kAdmin, list_users},
    {"GET", "/api/user/search", kAdmin, search_users},
    {"GET", "/api/user/{id}", kAdmin, get_user, Limit::kNone, Object::kUser},
    {"POST", "/api/user", kAdmin, create_user},
    {"PUT", "/api/user", kAdmin, update_user},
    {"POST", "/api/user/manage", kAdmin, manage_user},
    {"DELETE", "/api/user/{id}", kAdmin, delete_user, Limit::kNone, Object::kUser},

    // API keys of the caller
    {"GET", "/api/token", kUser, list_tokens},
    {"GET", "/api/token/search", kUser, search_tokens, Limit::kSearch},
    {"GET", "/api/token/{id}", kUser, get_token, Limit::kNone, Object::kToken},
    {"POST", "/api/token", kUser, create_token},
    {"PUT", "/api/token", kUser, update_token},
    {"DELETE", "/api/token/{id}", kUser, delete_token, Limit::kNone, Object::kToken},
    {"POST", "/api/token/batch", kUser, delete_tokens},

    // Channels
    {"GET", "/api/channel", kAdmin, list_channels},
    {"GET", "/api/channel/search", kAdmin, search_channels},
    {"GET", "/api/channel/models", kAdmin, channel_models},
    {"GET", "/api/channel/models_enabled", kAdmin, enabled_models},
    {"GET", "/api/channel/{id}", kAdmin, get_channel, Limit::kNone, Object::kChannel},
    {"POST", "/api/channel/{id}/key", kRoot, show_channel_key, Limit::kCritical, Object::kChannel},
    {"GET", "/api/channel/test", kAdmin, test_channels},
    {"GET", "/api/channel/test/{id}", kAdmin, test_channel, Limit::kNone, Object::kChannel},
    {"GET", "/api/channel/update_balance", kAdmin, update_channel_balances},
    {"GET", "/api/channel/update_balance/{id}", kAdmin, update_channel_balance, Limit::kNone, Object::kChannel},
    {"POST", "/api/channel/multi_key/manage", kAdmin, manage_channel_keys},
    {"POST", "/api/channel/{id}/status", kAdmin, set_channel_status, Limit::kNone, Object::kChannel},
    {"POST", "/api/channel", kAdmin, create_channel},
    {"PUT", "/api/channel", kAdmin, update_channel},
    {"DELETE", "/api/channel/disabled", kAdmin, delete_disabled_channels},
    {"DELETE", "/api/channel/{id}", kAdmin, delete_channel, Limit::kNone, Object::kChannel},
    {"POST", "/api/channel/batch", kAdmin, delete_channels},
    {"POST", "/api/channel/fix", kAdmin, fix_abilities},

    // Groups, options
    {"GET", "/api/group", kAdmin, list_groups},
    {"GET", "/api/option", kRoot, list_options},
    {"PUT", "/api/option", kRoot, update_option},
    {"POST", "/api/option/rest_model_ratio", kRoot, reset_model_ratio},

    {"GET", "/api/option/channel_affinity_cache", kRoot, affinity_cache},
    {"DELETE", "/api/option/channel_affinity_cache", kRoot, clear_affinity_cache},

    // Logs
    {"GET", "/api/log", kAdmin, list_logs},
    {"GET", "/api/log/channel_affinity_usage_cache", kAdmin, affinity_usage},
    {"GET", "/api/log/stat", kAdmin, log_stat},
    {"GET", "/api/log/search", kAdmin, retired},
    {"GET", "/api/log/self", kUser, list_own_logs},
    {"GET", "/api/log/self/stat", kUser, own_log_stat},
    {"GET", "/api/log/self/search", kUser, retired, Limit::kSearch},
    {"GET", "/api/data", kAdmin, list_data},
    {"GET", "/api/data/self", kUser, list_own_data},

    // Several options at once
    {"GET", "/api/tollgate/options", kRoot, read_options},
    {"PUT", "/api/tollgate/options", kRoot, update_options},

    // The cluster
    {"GET", "/api/tollgate/cluster", kOperator, show_cluster},
    {"GET", "/api/tollgate/nodes/{id}", kOperator, show_node},
    {"POST", "/api/tollgate/nodes/{id}/drain", kOperator, drain_node},
    {"POST", "/api/tollgate/nodes/{id}/resume", kOperator, resume_node},
    {"POST", "/api/tollgate/nodes/{id}/step-down", kOperator, step_down_node},
    {"DELETE", "/api/tollgate/nodes/{id}", kOperator, forget_node},

    // For holders of an API key
    {"GET", "/api/usage/token", kToken, token_usage, Limit::kCritical},
    {"GET", "/api/log/token", kToken, token_logs, Limit::kCritical},
};

// What {id} stands for, nullopt when the pattern does not fit. Patterns without {id} fit only themselves.
std::optional<std::string_view> fit(std::string_view pattern, std::string_view path) {
  constexpr std::string_view kId = "{id}";
  const auto at = pattern.find(kId);
  if (at == std::string_view::npos) return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  const std::string_view tail = pattern.substr(at + kId.size());
  if (path.size() <= at + tail.size() || path.substr(0, at) != pattern.substr(0, at) || !path.ends_with(tail))
    return std::nullopt;
  const std::string_view value = path.substr(at, path.size() - at - tail.size());
  if (value.find('/') != std::string_view::npos) return std::nullopt;
  return value;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

RouteMatch find_route(std::string_view method, std::string_view path) {
  if (path.ends_with('/') && path != "/api/models/") path.remove_suffix(1);
  RouteMatch found;
  for (const Route& route : kRoutes) {
    if (route.method != method) continue;
    auto value = fit(route.pattern, path);
    if (!value) continue;
    const bool literal = route.pattern.find('{') == std::string_view::npos;
    if (literal) return {&route, {}};
    if (!found.route) found = {&route, std::string(*value)};
  }
  return found;
}

}  // namespace tollgate::api
