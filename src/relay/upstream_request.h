// One upstream call as it goes out: what the channel makes of the client's body, the address, the headers. For relayed
// requests and for tests of channels alike.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json_edit.h"
#include "dialect/openai_error.h"
#include "dialect/openai_request.h"
#include "net/http_client.h"
#include "relay/snapshot.h"

namespace tollgate::relay {

// Who is called, for what.
struct UpstreamTarget {
  const Channel& channel;
  std::string_view key;
  dialect::OpenAiRoute route = dialect::OpenAiRoute::kChatCompletions;
  std::string_view upstream_model;
  bool stream = false;
  std::string_view accept = {};  // the client's; empty: by `stream`
  std::string_view query = {};   // the client's, without '?'
  std::string_view content_type = "application/json";
  std::span<const net::Header> client_headers = {};  // some may be passed on
  // Of a WebSocket's handshake, in place of Content-Type and Accept.
  std::span<const net::Header> handshake = {};
  bool key_in_handshake = false;  // it has the key: no Authorization is sent
};

// Adds what the channel changes of an OpenAI body to `editor`, whose text is `body`; a suffix of the model's name may
// become a member. True when a system prompt of the client was changed. `without_stream_options`: the channel refused
// them.
bool rewrite_openai_body(const Channel& channel, dialect::OpenAiRoute route, std::string& upstream_model,
                         const dialect::OpenAiRequest& request, bool force_stream_option, core::JsonEditor& editor,
                         std::string_view body, bool without_stream_options = false);

// The texts that a net::UpstreamRequest views. Stays where it is while the call is sent.
class UpstreamRequestHead {
 public:
  UpstreamRequestHead() = default;
  UpstreamRequestHead(const UpstreamRequestHead&) = delete;
  UpstreamRequestHead& operator=(const UpstreamRequestHead&) = delete;

  // Address and headers of the target. The error is the channel's: a route it does not serve, no usable address, key,
  // organization or header override.
  std::optional<dialect::RelayError> build(const UpstreamTarget& target);
  // Without a body: the caller's pieces are added to it. Views this object and the channel.
  net::UpstreamRequest request() const;

 private:
  std::optional<dialect::RelayError> override_headers(const UpstreamTarget& target);

  const Channel* channel_ = nullptr;
  const net::Url* url_ = nullptr;  // the channel's, or own_url_
  net::Url own_url_;
  provider::CallerHeaders caller_;
  std::vector<net::Header> headers_;
  std::vector<std::pair<std::string, std::string>> overridden_;
  std::string_view host_;
};

}  // namespace tollgate::relay
