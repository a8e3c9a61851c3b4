// A request's body that is held whole in memory.
#pragma once
#include <cstdint>
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Bytes of the body as the head announces them; nullopt when it does not, or when they come packed.
std::optional<std::uint64_t> announced_body(const Request& request);
// Room for the body, before anything is spent on it; the error when there is none.
std::optional<dialect::RelayError> find_room(Request& request, std::optional<std::uint64_t> announced);
// Reads it into request.body, or says what is wrong with it.
net::awaitable<std::optional<dialect::RelayError>> read_whole_body(Request& request);

}  // namespace tollgate::relay
