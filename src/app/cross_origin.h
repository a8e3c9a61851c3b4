// What browsers are told about pages of other sites (Fetch standard, CORS protocol). API clients in pages may call the
// relay with a key; routes that read a cookie are never opened to them.
#pragma once
#include "net/http_server.h"

namespace tollgate::app {

// Whether answers of this path may be read by pages of other sites: everything but /pg and /api, of which only the two
// routes for holders of a key may.
bool open_to_other_sites(std::string_view path);

// Whether the request comes from a page of another site: it has an Origin that is not its own host under http or https.
bool is_cross_origin(const net::RequestHead& head);

// The answer to a cross-origin OPTIONS.
net::awaitable<void> answer_preflight(net::Exchange& exchange);

}  // namespace tollgate::app
