// Which channel and which of its keys serve an attempt, and under which model name.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "relay/request.h"

namespace tollgate::relay {

// Attempt 0: limits of the key on models, then the choice. Sets channel, key, upstream_model, and the concrete group of
// keys in the group "auto".
std::optional<dialect::RelayError> choose_first_channel(Request& request);
// A later attempt; the error replaces the one before it.
std::optional<dialect::RelayError> choose_next_channel(Request& request, int retry);
// Follows the channel's model mapping and picks a key: what can be wrong with a chosen channel.
std::optional<dialect::RelayError> prepare_channel(Request& request);

// Whether another attempt follows a failed one; `left` are those the options still allow.
bool should_retry(const Request& request, const dialect::RelayError& error, int left);

}  // namespace tollgate::relay
