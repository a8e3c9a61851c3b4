// An answer of audio bytes, passed on as it comes and measured for its charge.
#pragma once
#include <optional>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "net/http_client.h"
#include "relay/request.h"

namespace tollgate::relay {

class ClientSide;

// As attempt(): an error only while nothing of the answer has left. An answer that breaks off ends with the connection:
// nothing is added to audio.
net::awaitable<std::optional<dialect::RelayError>> relay_speech(Request& request, net::UpstreamCall& call,
                                                                ClientSide& client);

}  // namespace tollgate::relay
