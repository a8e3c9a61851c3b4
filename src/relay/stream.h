// A streamed answer, passed on event by event while its usage and its end are watched.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "billing/usage.h"
#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "net/http_client.h"
#include "relay/request.h"

namespace tollgate::relay {

class ClientSide;

// As attempt(): an error only while nothing of the answer has left.
net::awaitable<std::optional<dialect::RelayError>> relay_stream(Request& request,
                                                                std::unique_ptr<net::UpstreamCall> call,
                                                                ClientSide& client);

}  // namespace tollgate::relay
