// What a request costs that an upstream refused as a violation for which it fines the account.
#pragma once
#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Recognises the upstream's words for it: the error gets a type and code of its own, and no other channel is tried.
void mark_violation(dialect::RelayError& error);

// Charges the fee in place of what the request had reserved, with a log row. Does nothing for other errors, and where
// the options charge none.
net::awaitable<void> charge_violation(Request& request, const dialect::RelayError& error);

}  // namespace tollgate::relay
