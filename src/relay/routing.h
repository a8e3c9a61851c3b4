// Which channel and which of its keys serve an attempt, and under which model name.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "relay/request.h"

namespace tollgate::relay {

// Attempt 0: limits of the key on models, then the choice. Sets channel, key, upstream_model, and the concrete group of
// keys in the group "auto".
std::optional<dialect::RelayError> choose_first_channel(Request& request);
// After a failed attempt: whether the options allow one more. For a key that goes on to further groups the count begins
// anew with each of them.
bool count_attempt(Request& request);
// A later attempt, by the request's counter; the error replaces the one before it.
std::optional<dialect::RelayError> choose_next_channel(Request& request);
// One of the channel's enabled keys, of which there is at least one. Keys that take turns do so for all workers
// together.
const ChannelKey& pick_key(const Channel& channel, core::FastRandom& random);
// The name under which the channel's upstream knows the model. kInvalid: the mapping is no such map, or goes in a
// circle.
core::Result<std::string> mapped_model(const Channel& channel, std::string_view model);
// Picks a key and follows the channel's model mapping: what can be wrong with a chosen channel.
std::optional<dialect::RelayError> prepare_channel(Request& request);

// Whether the failure is one that another attempt may mend; count_attempt() says whether there is one left. A key
// pinned to its channel never goes to another one.
bool should_retry(const Request& request, const dialect::RelayError& error);

}  // namespace tollgate::relay
