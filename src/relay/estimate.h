// How many tokens a prompt has: a cheap bound while there is room, the count where the figure matters.
#pragma once
#include <cstdint>

#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Never below the count of estimate_prompt(); never charged.
std::int64_t prompt_bound(const Request& request);
// The exact estimate, kept in the request. Long prompts are counted on the computing threads.
net::awaitable<std::int64_t> estimate_prompt(Request& request);

}  // namespace tollgate::relay
