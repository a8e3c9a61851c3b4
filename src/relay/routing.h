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
// The name under which the channel's upstream knows the model. kInvalid: the mapping is no such map, or goes in a
// circle.
core::Result<std::string> mapped_model(const Channel& channel, std::string_view model);
// Picks a key and follows the channel's model mapping: what can be wrong with a chosen channel.
std::optional<dialect::RelayError> prepare_channel(Request& request);

// Whether another attempt follows a failed one; `left` are those the options still allow. A key pinned to its channel
// never goes to another one.
bool should_retry(const Request& request, const dialect::RelayError& error, int left);

}  // namespace tollgate::relay
