// Where a route is at a channel: the path of each route, and the rules of those providers whose addresses are their
// own.
#pragma once
#include <string>
#include <string_view>

#include "core/result.h"
#include "dialect/openai_request.h"

namespace tollgate::provider {

// What an address is made of.
struct Call {
  std::string_view base_url;  // the channel's, may be empty
  dialect::OpenAiRoute route = dialect::OpenAiRoute::kChatCompletions;
  std::string_view model;           // as the upstream knows it
  std::string_view query = {};      // the client's, without '?'
  std::string_view other = {};      // the channel's column: API version of Azure, account of Cloudflare
  bool dotless_deployment = false;  // Azure: names of deployments go without dots
};

// `base` has no slash at its end.
using AddressRule = core::Result<std::string> (*)(const Call& call, std::string_view base);

// "/chat/completions": what follows the version.
std::string_view route_path(dialect::OpenAiRoute route);

// The OpenAI base of a subscription plan that stands in a channel in place of an address ("glm-coding-plan"); version
// included. "" when the text is no plan.
std::string_view plan_base(std::string_view base_url);

core::Result<std::string> openai_address(const Call& call, std::string_view base);
core::Result<std::string> azure_address(const Call& call, std::string_view base);
core::Result<std::string> custom_address(const Call& call, std::string_view base);
core::Result<std::string> deepseek_address(const Call& call, std::string_view base);
core::Result<std::string> minimax_address(const Call& call, std::string_view base);
core::Result<std::string> cloudflare_address(const Call& call, std::string_view base);
core::Result<std::string> mokaai_address(const Call& call, std::string_view base);
core::Result<std::string> volcengine_address(const Call& call, std::string_view base);

}  // namespace tollgate::provider
