#include "relay/whole_body.h"

#include <fmt/core.h>

#include "net/worker.h"
#include "relay/relay.h"

namespace tollgate::relay {

using dialect::RelayError;

std::optional<std::uint64_t> announced_body(const Request& request) {
  const auto& head = request.exchange.head();
  if (head.framing == net::BodyFraming::kChunked || request.exchange.header("content-encoding")) return std::nullopt;
  return head.content_length;
}

std::optional<RelayError> find_room(Request& request, std::optional<std::uint64_t> announced) {
  auto over = request.relay.admission().admit(request.exchange.worker(), announced, request.ticket);
  if (!over) return std::nullopt;
  return dialect::overloaded(to_string(*over));
}

net::awaitable<std::optional<RelayError>> read_whole_body(Request& request) {
  auto body = co_await request.exchange.read_body(request.relay.settings.max_body_bytes);
  if (!body) {
    switch (body.error().code) {
      case core::Errc::kTooLarge:
        co_return dialect::gate_error(413, fmt::format("Invalid request, 无效的请求, request body exceeds {} MB: "
                                                       "request body too large",
                                                       request.relay.settings.max_body_bytes >> 20U));
      case core::Errc::kUnsupported:
        co_return dialect::gate_error(415, "Invalid request, 无效的请求, " + body.error().message);
      case core::Errc::kTimeout: co_return dialect::gate_error(408, "the request body takes too long");
      default: co_return dialect::gate_error(400, "Invalid request, 无效的请求, " + body.error().message);
    }
  }
  request.body = *body;
  request.ticket.body_arrived();
  co_return std::nullopt;
}

}  // namespace tollgate::relay
