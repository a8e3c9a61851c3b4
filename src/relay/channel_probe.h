// One small request to the upstream of one channel, outside of any client's request: whether it works, and how fast.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "billing/usage.h"
#include "dialect/openai_error.h"
#include "dialect/openai_request.h"
#include "net/awaitable.h"
#include "relay/snapshot.h"

namespace tollgate::relay {

struct Probe {
  std::shared_ptr<const Snapshot> snapshot;  // holds the channel
  const Channel* channel = nullptr;
  ChannelKey key;
  dialect::OpenAiRoute route = dialect::OpenAiRoute::kChatCompletions;
  std::string model;           // as clients name it
  std::string upstream_model;  // after the channel's mapping
  bool stream = false;
  bool gemini = false;  // asked for in that format: it thinks before it speaks
  bool verify_tls = true;
};

struct ProbeResult {
  std::optional<dialect::RelayError> error;  // for the rules of relay/channel_health
  std::string message;                       // for the administrator; empty when it went well
  std::chrono::milliseconds time{0};
  billing::Usage usage;  // as the upstream reports it
};

// The route that a model is asked by: the endpoint type's when one is named, else by the model's name and the channel's
// type: rerank, embeddings, pictures, moderations, else chat. kInvalid for routes that are not built.
core::Result<dialect::OpenAiRoute> probe_route(std::string_view endpoint_type, std::string_view model,
                                               std::int64_t channel_type);
// A few tokens' worth of a request.
std::string probe_body(const Probe& probe);

// On the calling worker. Ends within two minutes, whatever the channel's time limits.
net::awaitable<ProbeResult> run_probe(Probe probe);

}  // namespace tollgate::relay
