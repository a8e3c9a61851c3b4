#include "redis/subscriber.h"

#include "core/log.h"
#include "net/suspend.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using core::Errc;
using net::awaitable;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kTurn = milliseconds(500);

}  // namespace

// A third of the silence, give or take two fifths, so that of many nodes one speaks and the others hear it.
milliseconds Subscriber::heartbeat_after() {
  auto third = silence_.count() / 3;
  return milliseconds(std::uniform_int_distribution<std::int64_t>(third * 3 / 5, third * 7 / 5)(random_));
}

Subscriber::Subscriber(asio::io_context& io, std::string name, std::string prefix, milliseconds command_timeout,
                       milliseconds silence, std::function<awaitable<Router::Opened>()> open, Publish publish)
    : io_(io),
      timer_(io),
      name_(std::move(name)),
      prefix_(std::move(prefix)),
      command_timeout_(command_timeout),
      silence_(silence),
      open_(std::move(open)),
      publish_(std::move(publish)) {}

void Subscriber::add(Client::Subscription subscription) {
  subscriptions_.push_back(std::move(subscription));
  healthy_ = false;
  if (connection_) connection_->close(core::error(Errc::kCancelled, "another channel was added"));
  if (running_ || stopped_) return;
  running_ = true;
  asio::co_spawn(io_, [self = shared_from_this()]() -> awaitable<void> { co_await self->run(); }, asio::detached);
}

void Subscriber::renew() {
  if (connection_) connection_->close(core::error(Errc::kCancelled, "the server is another one"));
}

void Subscriber::stop() {
  stopped_ = true;
  timer_.cancel();
  if (connection_) connection_->close(core::error(Errc::kCancelled, "stopping"));
}

awaitable<void> Subscriber::run() {
  while (!stopped_) {
    auto opened = co_await open_();
    if (opened && !stopped_) co_await listen(*opened);
    if (opened) (*opened)->close(core::error(Errc::kCancelled, "stopping"));
    connection_ = nullptr;
    healthy_ = false;
    if (stopped_) break;
    timer_.expires_after(backoff_.next());
    co_await timer_.async_wait(asio::as_tuple(asio::deferred));
  }
}

awaitable<void> Subscriber::listen(std::shared_ptr<Connection> connection) {
  connection_ = connection;
  Command name{"CLIENT", "SETNAME", name_};
  auto named = co_await connection->ask(std::move(name), steady_clock::now() + command_timeout_);
  if (!named || stopped_) co_return;
  heard_ = steady_clock::now();
  next_heartbeat_ = heard_ + heartbeat_after();
  std::size_t awaited = subscriptions_.size();
  connection->listen([self = shared_from_this(), &awaited](Reply reply) {
    if (reply.type == Reply::Type::kArray && reply.items.size() == 3 && reply.items[0].text == "subscribe") {
      self->heard_ = steady_clock::now();
      if (awaited > 0) --awaited;
      if (awaited == 0 && !self->healthy_) {
        self->healthy_ = true;
        self->backoff_.reset();
        for (const auto& one : self->subscriptions_)
          if (one.joined) one.joined();
      }
      return;
    }
    // Without the right to subscribe there is nothing to wait for: the answer is looked at when silence ends this.
    if (reply.is_error()) {
      core::log::warn("Redis: subscribing failed: {}", reply.text);
      if (self->connection_) self->connection_->close(core::error(Errc::kDenied, "subscribing failed"));
      return;
    }
    self->take(reply);
  });
  Command subscribe{"SUBSCRIBE"};
  for (const auto& one : subscriptions_) subscribe.push_back(prefix_ + one.channel);
  connection->push(subscribe);
  bool heartbeats = std::any_of(subscriptions_.begin(), subscriptions_.end(),
                                [](const Client::Subscription& one) { return !one.heartbeat.empty(); });
  auto joined_by = steady_clock::now() + std::max(command_timeout_, milliseconds(1000));
  while (!connection->closed() && !stopped_) {
    timer_.expires_after(std::min(kTurn, silence_ / 10));
    connection->on_closed([this](const core::Error&) { timer_.cancel(); });
    co_await timer_.async_wait(asio::as_tuple(asio::deferred));
    auto now = steady_clock::now();
    if ((!healthy_ && now > joined_by) || (heartbeats && now - heard_ > silence_)) {
      healthy_ = false;
      core::log::warn("Redis: nothing is heard of subscriptions; the connection is replaced");
      connection->close(core::error(Errc::kTimeout, "nothing is heard"));
    } else if (now >= next_heartbeat_) {
      next_heartbeat_ = now + heartbeat_after();
      for (const auto& one : subscriptions_)
        if (!one.heartbeat.empty()) publish_(prefix_ + one.channel, one.heartbeat);
    }
  }
  connection->close(core::error(Errc::kCancelled, "stopping"));
}

void Subscriber::take(const Reply& reply) {
  if (reply.type != Reply::Type::kArray || reply.items.size() != 3 || reply.items[0].text != "message") return;
  heard_ = steady_clock::now();
  next_heartbeat_ = heard_ + heartbeat_after();
  std::string_view channel = reply.items[1].text;
  if (!channel.starts_with(prefix_)) return;
  channel.remove_prefix(prefix_.size());
  for (const auto& one : subscriptions_)
    if (one.channel == channel && reply.items[2].text != one.heartbeat && one.message) one.message(reply.items[2].text);
}

}  // namespace tollgate::redis
