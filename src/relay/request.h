// One request on its way through the stages: what each stage found out, for those behind it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billing/charge.h"
#include "billing/slices.h"
#include "dialect/openai_error.h"
#include "dialect/openai_request.h"
#include "net/http_server.h"
#include "net/websocket.h"
#include "relay/affinity.h"
#include "relay/auto_groups.h"
#include "relay/form.h"
#include "relay/relay.h"
#include "relay/relay_metrics.h"

namespace tollgate::relay {

// How a request ended; stands in the log row as `end`.
enum class End {
  kFinished,
  kClientGone,
  kUpstreamReset,
  kUpstreamErrorEvent,
  kIdleTimeout,
  kEmpty,
  kGatewayShutdown,
  kExhausted,  // a realtime session without money to go on
  kRevoked,    // a realtime session whose key or user was switched off
};
std::string_view to_string(End end);

// What settle() makes the charge from.
struct EndOfRequest {
  End end = End::kFinished;
  net::TimeLimit limit = net::TimeLimit::kNone;  // the time limit that ended it
  bool taken = true;                             // the upstream had the whole request and did not refuse it
  bool output_seen = false;                      // something of an answer came
  bool whole = false;                            // the answer ended as a whole one does
  std::optional<billing::Usage> usage;
  bool usage_refused = false;         // the upstream gave figures that cannot be
  std::int64_t counted_output = 0;    // our own count of what came
  std::int64_t abandoned_output = 0;  // charged besides the prompt when the client left before anything came
  bool content_filtered = false;
  // What a whole answer without usage counts as, where that is neither estimate nor count: pictures.
  std::optional<billing::Usage> unreported;
};

struct Attempt {
  core::ChannelId channel;
  int status = 0;           // of the upstream or of our error; 200 when it answered
  int upstream_status = 0;  // as it came, before the channel's mapping
  // Of one that failed: the time limit that ended it, and what the upstream says it used all the same.
  net::TimeLimit limit = net::TimeLimit::kNone;
  std::optional<billing::Usage> billed;
};

struct Request {
  Request(Relay& relay_in, net::Exchange& exchange_in, Relay::Local& local_in)
      : relay(relay_in), exchange(exchange_in), local(local_in) {}

  Relay& relay;
  net::Exchange& exchange;
  Relay::Local& local;
  Admission::Ticket ticket;
  std::shared_ptr<const Snapshot> snapshot;
  std::string id;
  core::SystemTime received;
  core::SteadyTime started;  // when the first channel was chosen
  std::optional<core::SteadyTime> first_event;

  std::shared_ptr<const Identity> identity;
  std::optional<core::ChannelId> pinned;
  bool playground = false;  // of a session, not of a key

  dialect::OpenAiRoute route = dialect::OpenAiRoute::kChatCompletions;
  std::string_view body;
  std::unique_ptr<net::WebSocket> socket;  // of a realtime client, once it was upgraded
  std::unique_ptr<Form> form;              // in place of the body, where the request came as one
  dialect::OpenAiRequest openai;
  std::string asked_group;  // of the key or its user; may be "auto"
  std::string group;        // whose channels and price apply
  billing::Price price;
  std::optional<std::int64_t> estimate;  // of the prompt, once somebody needed it
  std::int64_t media_tokens = 0;         // of its files, a part of the estimate
  std::optional<billing::Reservation> reservation;
  bool waited = false;  // for a slice: the client may have left meanwhile

  std::unique_ptr<Affinity> affinity;  // a rule applies
  AttemptCounter counter;
  const Channel* channel = nullptr;
  ChannelKey key;
  std::string upstream_model;  // after mapping
  bool mapped = false;
  bool system_prompt_changed = false;
  bool answered_as_stream = false;
  std::vector<Attempt> attempts;

  // For relay_metrics.
  KeySource key_source = KeySource::kNone;
  std::optional<core::SteadyTime> attempt_began;  // the call that runs
  core::SteadyTime::duration upstream_time{};     // of the calls that are over
  std::optional<Outcome> outcome;                 // once it is settled
  RelayMetrics::ModelSeries* series = nullptr;    // likewise
};

}  // namespace tollgate::relay
