#include "tasks/body.h"

namespace tollgate::tasks {

net::awaitable<std::optional<dialect::RelayError>> read_body(relay::Request& request, std::string& out) {
  auto& exchange = request.exchange;
  const auto& head = exchange.head();
  auto announced = head.framing == net::BodyFraming::kChunked || exchange.header("content-encoding")
                       ? std::nullopt
                       : std::optional(head.content_length);
  if (auto over = request.relay.admission().admit(exchange.worker(), announced, request.ticket))
    co_return dialect::overloaded(to_string(*over));
  auto body = co_await exchange.read_body(request.relay.settings.max_body_bytes);
  if (!body) {
    int status = body.error().code == core::Errc::kTooLarge      ? 413
                 : body.error().code == core::Errc::kUnsupported ? 415
                 : body.error().code == core::Errc::kTimeout     ? 408
                                                                 : 400;
    co_return dialect::gate_error(status, "Invalid request, 无效的请求, " + body.error().message);
  }
  request.ticket.body_arrived();
  out.reserve(body->size() + 64);
  out = *body;
  co_return std::nullopt;
}

}  // namespace tollgate::tasks
