// Tokens of the files in a prompt: images by their size, the others flat (docs/billing.md).
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Sets request.media_tokens. In streams (or always, by GET_MEDIA_TOKEN_NOT_STREAM) linked files are called for to learn
// what they are. Refuses what cannot be fetched or measured, with code count_token_failed. 20 s at most.
net::awaitable<std::optional<dialect::RelayError>> count_media(Request& request);

}  // namespace tollgate::relay
