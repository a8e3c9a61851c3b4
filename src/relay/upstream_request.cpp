#include "relay/upstream_request.h"

#include "dialect/openai_patch.h"
#include "dialect/openai_reasoning.h"

namespace tollgate::relay {

using dialect::OpenAiRoute;
using dialect::RelayError;

bool rewrite_openai_body(const Channel& channel, OpenAiRoute route, std::string& upstream_model,
                         const dialect::OpenAiRequest& request, bool force_stream_option, core::JsonEditor& editor,
                         std::string_view body) {
  const bool has_options = route == OpenAiRoute::kChatCompletions || route == OpenAiRoute::kCompletions;
  const bool asks_usage = has_options && request.stream && channel.provider->stream_options;
  dialect::OpenAiPatch patch;
  patch.ask_usage = asks_usage && force_stream_option;
  patch.drop_stream_options = !asks_usage;
  patch.drop_service_tier = !channel.allow_service_tier;
  patch.drop_store = channel.disable_store;
  patch.drop_safety_identifier = !channel.allow_safety_identifier;
  if (route == OpenAiRoute::kChatCompletions) {
    dialect::adapt_to_reasoning_model(upstream_model, editor, body);
    patch.system_prompt = channel.system_prompt;
    patch.system_prompt_override = channel.system_prompt_override;
  }
  patch.upstream_model = upstream_model;
  return dialect::patch_openai_request(request, patch, editor, body);
}

std::optional<RelayError> UpstreamRequestHead::build(const UpstreamTarget& target) {
  const auto& channel = target.channel;
  channel_ = &channel;
  auto address = provider::upstream_url(*channel.provider, channel.base_url, target.route, target.upstream_model);
  auto url = address ? net::parse_url(*address) : core::Result<net::Url>(address.error());
  if (!url) {
    auto error = dialect::bad_answer("do_request_failed", "the channel's address cannot be used");
    error.internal = url.error().message;
    return error;
  }
  url_ = std::move(*url);

  bearer_ = "Bearer ";
  bearer_ += target.key;
  headers_ = {{"Content-Type", target.content_type}, {"Authorization", bearer_}};
  headers_.push_back({"Accept", !target.accept.empty() ? target.accept : target.stream ? "text/event-stream" : "*/*"});
  if (!channel.organization.empty()) headers_.push_back({"OpenAI-Organization", channel.organization});
  // A header value with a line break would begin a header of its own.
  for (const auto& header : headers_)
    if (header.value.find_first_of("\r\n") != std::string_view::npos)
      return dialect::gateway_error(500, "channel:invalid_key", "the channel's key or organization is not usable");
  return std::nullopt;
}

net::UpstreamRequest UpstreamRequestHead::request() const {
  net::UpstreamRequest out;
  out.url = &url_;
  out.headers = headers_;
  out.proxy = channel_->proxy ? &*channel_->proxy : nullptr;
  out.timeouts = channel_->timeouts;
  return out;
}

}  // namespace tollgate::relay
