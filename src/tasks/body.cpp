#include "tasks/body.h"

#include "relay/whole_body.h"

namespace tollgate::tasks {

net::awaitable<std::optional<dialect::RelayError>> read_body(relay::Request& request, std::string& out) {
  if (auto refused = relay::find_room(request, relay::announced_body(request))) co_return refused;
  if (auto wrong = co_await relay::read_whole_body(request)) co_return wrong;
  out.reserve(request.body.size() + 64);
  out = request.body;
  co_return std::nullopt;
}

}  // namespace tollgate::tasks
