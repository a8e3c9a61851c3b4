// One upstream call as it goes out: what the channel makes of the client's body, the address, the headers. For relayed
// requests and for tests of channels alike.
#pragma once
#include <optional>
#include <string>
#include <string_view>
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
  std::string_view content_type = "application/json";
};

// Adds what the channel changes of an OpenAI body to `editor`, whose text is `body`; a suffix of the model's name may
// become a member. True when a system prompt of the client was changed.
bool rewrite_openai_body(const Channel& channel, dialect::OpenAiRoute route, std::string& upstream_model,
                         const dialect::OpenAiRequest& request, bool force_stream_option, core::JsonEditor& editor,
                         std::string_view body);

// The texts that a net::UpstreamRequest views. Stays where it is while the call is sent.
class UpstreamRequestHead {
 public:
  UpstreamRequestHead() = default;
  UpstreamRequestHead(const UpstreamRequestHead&) = delete;
  UpstreamRequestHead& operator=(const UpstreamRequestHead&) = delete;

  // Address and headers of the target. The error is the channel's: no usable address, key or organization.
  std::optional<dialect::RelayError> build(const UpstreamTarget& target);
  // Without a body: the caller's pieces are added to it. Views this object and the channel.
  net::UpstreamRequest request() const;

 private:
  const Channel* channel_ = nullptr;
  net::Url url_;
  std::string bearer_;
  std::vector<net::Header> headers_;
};

}  // namespace tollgate::relay
