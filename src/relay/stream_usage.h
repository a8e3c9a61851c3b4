// Asking for usage in streams of servers of which it is not known whether they take stream_options.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Whether the request's channel has refused stream_options before; each worker learns it by itself.
bool goes_without_stream_options(const Request& request);

// attempt(), and once more without stream_options when the upstream's refusal names them.
net::awaitable<std::optional<dialect::RelayError>> attempt_with_usage(Request& request);

}  // namespace tollgate::relay
