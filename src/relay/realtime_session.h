// A realtime session from both handshakes to its end: events both ways, charged as they pass.
#pragma once
#include <memory>

#include "net/awaitable.h"
#include "net/websocket.h"
#include "relay/client_side.h"
#include "relay/request.h"

namespace tollgate::relay {

// Runs until either side ends it, money or time is over, or the gateway stops; charged and logged when it returns.
net::awaitable<void> run_realtime_session(Request& request, std::unique_ptr<net::WebSocket> upstream,
                                          ClientSide& client);

// Of a client that was upgraded: the error as an event, then the close frame.
net::awaitable<void> refuse_realtime(Request& request, const dialect::RelayError& error);

}  // namespace tollgate::relay
