// The one connection that listens, and how it is known to be alive. For this folder; used on the client's thread only.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "redis/client.h"
#include "redis/router.h"

namespace tollgate::redis {

class Subscriber : public std::enable_shared_from_this<Subscriber> {
 public:
  using Publish = std::function<void(const std::string& channel, const std::string& payload)>;

  // `open` makes the connection, which is called `name`; `prefix` stands before the names of channels.
  Subscriber(boost::asio::io_context& io, std::string name, std::string prefix,
             std::chrono::milliseconds command_timeout, std::chrono::milliseconds silence,
             std::function<net::awaitable<Router::Opened>()> open, Publish publish);

  void add(Client::Subscription subscription);
  void renew();  // the server may be another one now
  void stop();
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }  // any thread

 private:
  net::awaitable<void> run();
  net::awaitable<void> listen(std::shared_ptr<Connection> connection);
  void take(const Reply& reply);
  std::chrono::milliseconds heartbeat_after();

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  std::string name_, prefix_;
  std::chrono::milliseconds command_timeout_, silence_;
  std::function<net::awaitable<Router::Opened>()> open_;
  Publish publish_;
  std::vector<Client::Subscription> subscriptions_;
  std::shared_ptr<Connection> connection_;
  Backoff backoff_;
  std::minstd_rand random_{std::random_device{}()};
  std::chrono::steady_clock::time_point heard_{}, next_heartbeat_{};
  std::atomic<bool> healthy_{true};
  bool running_ = false, stopped_ = false;
};

}  // namespace tollgate::redis
