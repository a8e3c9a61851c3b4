// May this key do this: the checks of the key, its owner and its groups, in the order in which they are spoken.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Finds the identity of the request's key and checks it; on success request.identity, group and pinned are set.
net::awaitable<std::optional<dialect::RelayError>> pass_gate(Request& request);

}  // namespace tollgate::relay
