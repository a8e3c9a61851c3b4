// Answers where no route is: the page for people, 404 for programs, the way to the route without its slash.
#pragma once
#include <optional>
#include <string>

#include "net/http_server.h"

namespace tollgate::app {

// Whether a path belongs to programs: what is not there is said in JSON.
bool is_for_programs(std::string_view path);

net::awaitable<void> answer_text(net::Exchange& exchange, int status, std::string_view type, std::string_view body);
net::awaitable<void> answer_not_found(net::Exchange& exchange);
net::awaitable<void> answer_page(net::Exchange& exchange);
// 301 for GET, 307 for other methods, which are repeated with their body.
net::awaitable<void> redirect(net::Exchange& exchange, std::string_view path);

}  // namespace tollgate::app
