// GET /v1/realtime: a WebSocket of the client, and one of an upstream behind it. docs/realtime.md is the operator's
// view.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

bool is_realtime(const net::RequestHead& head);

// Before the gate: a request that asks for no WebSocket, or is not allowed to, gets an answer that says what is
// missing.
std::optional<dialect::RelayError> check_realtime(Request& request);
// In place of a body: the model stands in the address.
void read_realtime(Request& request);
// Behind the gate: the client's WebSocket opens. False: it left.
net::awaitable<bool> open_realtime(Request& request);

// As attempt(), for a client that was upgraded: another attempt may follow until an upstream has opened its side.
net::awaitable<std::optional<dialect::RelayError>> attempt_realtime(Request& request);

// The client's query with the model as the upstream knows it.
std::string realtime_query(std::string_view query, std::string_view model);
// Models and clients of the time before general availability: their upstreams want to be told.
bool speaks_realtime_beta(std::string_view model, std::string_view protocols, std::string_view beta_header);

}  // namespace tollgate::relay
