// Money that is set aside for a request before anything is spent on it.
#pragma once
#include <cstdint>
#include <optional>

#include "billing/ledger.h"
#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Tokens that an answer may have, as far as the request says.
inline std::int64_t output_limit(const dialect::OpenAiRequest& request) {
  return request.max_output_tokens * request.choices;
}

// Waits until the request's accounts give so much, or what they lack is known.
net::awaitable<billing::AcquireResult> acquire(const Request& request, core::Quota amount);

// An amount as people read it, by the display type of the options.
std::string amount_text(const Snapshot& snapshot, core::Quota quota);

// Sets aside what the request may cost, or says what lacks. While the slice has room the bound by size is enough and
// nothing is counted.
net::awaitable<std::optional<dialect::RelayError>> reserve(Request& request);

// Raises what is set aside to what the request may cost by now: the price is another group's, or the channel lets the
// answer have more tokens.
net::awaitable<std::optional<dialect::RelayError>> reserve_more(Request& request, std::int64_t output);

}  // namespace tollgate::relay
