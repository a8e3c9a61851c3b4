// Prompts that hold a word of the operator's list are refused before anything is spent.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Searches the texts that the estimate counts (estimate.h), which includes roles and tools but no files. Long prompts
// are searched on the computing threads. The word itself stands in the server's log only.
net::awaitable<std::optional<dialect::RelayError>> check_words(Request& request);

}  // namespace tollgate::relay
