// Reaching an upstream through an HTTP (CONNECT) or SOCKS5 proxy.
#pragma once
#include "core/result.h"
#include "net/awaitable.h"
#include "net/stream.h"
#include "net/url.h"

namespace tollgate::net {

// On a stream that is connected to the proxy and has its limit set: makes it lead to `target`. SOCKS5 sends the host
// name for socks5 and socks5h alike, so that names are resolved where the traffic leaves.
awaitable<core::Result<void>> open_tunnel(Stream& stream, const Url& proxy, const Url& target);

}  // namespace tollgate::net
