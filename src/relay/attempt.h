// One upstream call: send the patched body, judge the head of the answer, pass the answer on, settle at its end.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "net/http_client.h"
#include "relay/request.h"

namespace tollgate::relay {

// nullopt: the request is over, answered and settled. An error: nothing of an answer has left and nothing is charged;
// another attempt may follow.
net::awaitable<std::optional<dialect::RelayError>> attempt(Request& request);

// Reads why an upstream refused, from an answer whose status says that it did. Cleaned, its status as the channel maps
// it.
net::awaitable<dialect::RelayError> read_refusal(const Request& request, net::UpstreamCall& call);
// The error of a request that the end of the gateway's drain cuts off.
dialect::RelayError stopped_error();

}  // namespace tollgate::relay
