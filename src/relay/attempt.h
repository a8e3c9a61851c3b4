// One upstream call: send the patched body, judge the head of the answer, pass the answer on, settle at its end.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// nullopt: the request is over, answered and settled. An error: nothing of an answer has left and nothing is charged;
// another attempt may follow.
net::awaitable<std::optional<dialect::RelayError>> attempt(Request& request);

}  // namespace tollgate::relay
