#include "relay/upstream_request.h"

#include <algorithm>

#include "dialect/openai_patch.h"

namespace tollgate::relay {

using dialect::OpenAiRoute;
using dialect::RelayError;

bool rewrite_openai_body(const Channel& channel, OpenAiRoute route, std::string& upstream_model,
                         const dialect::OpenAiRequest& request, bool force_stream_option, core::JsonEditor& editor,
                         std::string_view body, bool without_stream_options) {
  const bool has_options = route == OpenAiRoute::kChatCompletions || route == OpenAiRoute::kCompletions;
  const bool asks_usage = has_options && request.stream && !without_stream_options &&
                          channel.provider->stream_options != provider::StreamOptions::kNo;
  dialect::OpenAiPatch patch;
  patch.ask_usage = asks_usage && force_stream_option;
  patch.drop_stream_options = !asks_usage;
  patch.drop_service_tier = !channel.allow_service_tier;
  patch.drop_store = channel.disable_store;
  patch.drop_safety_identifier = !channel.allow_safety_identifier;
  if (channel.provider->body) {
    provider::BodyEdit edit{.route = route,
                            .model = upstream_model,
                            .asked_model = request.model,
                            .editor = editor,
                            .body = body,
                            .keeps_thinking = &channel.keeps_thinking};
    channel.provider->body(edit);
  }
  if (route == OpenAiRoute::kChatCompletions) {
    patch.system_prompt = channel.system_prompt;
    patch.system_prompt_override = channel.system_prompt_override;
  }
  patch.upstream_model = upstream_model;
  return dialect::patch_openai_request(request, patch, editor, body);
}

std::optional<RelayError> UpstreamRequestHead::build(const UpstreamTarget& target) {
  const auto& channel = target.channel;
  const auto& provider = *channel.provider;
  channel_ = &channel;
  if (!provider.serves(target.route))
    return dialect::gateway_error(500, "convert_request_failed", std::string(provider.refusal));
  auto unusable = [](const core::Error& cause) {
    auto error = dialect::bad_answer("do_request_failed", "the channel's address or key cannot be used");
    error.internal = cause.message;
    return error;
  };
  auto known = target.query.empty() ? channel.addresses.find(target.route) : channel.addresses.end();
  if (known != channel.addresses.end()) {
    url_ = &known->second;
  } else {
    auto address = provider::upstream_url(provider, {.base_url = channel.base_url,
                                                     .route = target.route,
                                                     .model = target.upstream_model,
                                                     .query = target.query,
                                                     .other = channel.other,
                                                     .dotless_deployment = channel.dotless_deployment});
    // Operators may write a realtime server as they know it.
    if (address && target.route == OpenAiRoute::kRealtime && address->starts_with("ws")) address->replace(0, 2, "http");
    auto url = address ? net::parse_url(*address) : core::Result<net::Url>(address.error());
    if (!url) return unusable(url.error());
    own_url_ = std::move(*url);
    url_ = &own_url_;
  }

  auto keyed = provider.caller({.key = target.key, .other = channel.other, .stream = target.stream}, caller_);
  if (!keyed) return unusable(keyed.error());
  headers_.reserve(8);
  if (target.handshake.empty()) {
    headers_.push_back({"Content-Type", target.content_type});
    headers_.push_back({"Accept", !target.accept.empty() ? target.accept
                                  : target.stream        ? "text/event-stream"
                                                         : "*/*"});
  } else {
    headers_.insert(headers_.end(), target.handshake.begin(), target.handshake.end());
    if (target.key_in_handshake) caller_.count = 0;
  }
  for (std::size_t i = 0; i < caller_.count; ++i) headers_.push_back({caller_.items[i].name, caller_.items[i].value});
  for (const auto& header : channel.site_headers) headers_.push_back({header.name, header.value});
  if (!channel.organization.empty()) headers_.push_back({"OpenAI-Organization", channel.organization});
  if (channel.header_override)
    if (auto wrong = override_headers(target)) return wrong;
  // A header value with a line break would begin a header of its own.
  for (const auto& header : headers_)
    if (header.value.find_first_of("\r\n") != std::string_view::npos)
      return dialect::gateway_error(500, "channel:invalid_key", "the channel's key or organization is not usable");
  return std::nullopt;
}

std::optional<RelayError> UpstreamRequestHead::override_headers(const UpstreamTarget& target) {
  const auto& rules = *target.channel.header_override;
  auto refused = [](const std::string& text) {
    return dialect::gateway_error(500, "channel:header_override_invalid", text);
  };
  if (!rules.fault().empty()) return refused(rules.fault());
  std::vector<provider::HeaderField> client;
  if (rules.asks_client())
    for (const auto& header : target.client_headers) client.push_back({header.name, header.value});
  auto made = rules.headers(target.key, client);
  if (!made) return refused(made.error().message);
  overridden_ = std::move(*made);
  // Whoever names it says what stands there, also when that comes to nothing.
  if (rules.sets("authorization"))
    std::erase_if(headers_, [](const auto& header) { return header.name == "Authorization"; });
  for (const auto& [name, value] : overridden_) {
    if (net::equals_ignoring_case(name, "host")) {
      host_ = value;
      continue;
    }
    auto same = std::find_if(headers_.begin(), headers_.end(),
                             [&](const auto& header) { return net::equals_ignoring_case(header.name, name); });
    if (same != headers_.end())
      *same = {name, value};
    else
      headers_.push_back({name, value});
  }
  return std::nullopt;
}

net::UpstreamRequest UpstreamRequestHead::request() const {
  net::UpstreamRequest out;
  out.url = url_;
  out.headers = headers_;
  out.host = host_;
  out.proxy = channel_->proxy ? &*channel_->proxy : nullptr;
  out.timeouts = channel_->timeouts;
  return out;
}

}  // namespace tollgate::relay
