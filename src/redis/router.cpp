#include "redis/router.h"

namespace tollgate::redis {

using core::Errc;
using core::Result;
using net::awaitable;
using std::chrono::steady_clock;

SingleRouter::SingleRouter(Network& network, Open open, Backoff backoff) : open_(std::move(open)) {
  link_ = std::make_shared<Link>(
      network.io, network.counters, [this] { return open_(&server_); },
      Link::Events{.up = [this, &network](std::string_view run_id) { network.on_up(server_, run_id); },
                   .down = [&network](const core::Error& why) { network.on_down(why); }},
      backoff);
}

void SingleRouter::send(Command command, Time due, Done done) {
  link_->send(command, due, [this, done = std::move(done)](Result<Reply> reply) {
    // No master any more, or one without its data: there may be a better one by now.
    if (reply && (reply->is_error("READONLY") || reply->is_error("MASTERDOWN") || reply->is_error("LOADING"))) {
      link_->renew("the server takes no commands: " + reply->text);
      return done(core::error(Errc::kUnavailable, "the server takes no commands now"));
    }
    if (reply && reply->is_error("NOAUTH")) link_->renew("the server demands a password");
    done(std::move(reply));
  });
}

awaitable<bool> is_master(std::shared_ptr<Connection> connection, Connection::Time due) {
  Command role{"ROLE"};
  auto answer = co_await connection->ask(std::move(role), due);
  if (!answer) co_return false;
  if (answer->is_error()) co_return true;
  co_return answer->type == Reply::Type::kArray && !answer->items.empty() && answer->items[0].text == "master";
}

SingleRouter::Open open_first_master(Network& network, std::vector<Endpoint> endpoints, Access access) {
  return [&network, endpoints = std::move(endpoints),
          access = std::move(access)](std::string* server) -> awaitable<Router::Opened> {
    Router::Opened opened = core::error(Errc::kUnavailable, "no address to connect to");
    for (const auto& endpoint : endpoints) {
      auto due = steady_clock::now() + network.connect_timeout;
      opened = co_await Connection::open(network.io, endpoint, access, due);
      if (!opened) continue;
      bool master = endpoints.size() == 1;
      if (!master) master = co_await is_master(*opened, due);
      if (master) {
        if (server) *server = endpoint.text();
        break;
      }
      auto why = core::error(Errc::kUnavailable, "none of the servers is a master");
      (*opened)->close(why);
      opened = why;
    }
    co_return opened;
  };
}

}  // namespace tollgate::redis
