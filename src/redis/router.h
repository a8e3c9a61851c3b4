// Where commands go: one server, a sentinel group's master, or the servers of a cluster by key. For this folder; used
// on the client's thread only.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "redis/link.h"

namespace tollgate::redis {

// What all connections of a client have in common.
struct Network {
  boost::asio::io_context& io;
  std::shared_ptr<TlsContext> tls;           // of data servers; none: plain
  std::shared_ptr<TlsContext> sentinel_tls;  // of sentinels
  std::string name;
  std::chrono::milliseconds connect_timeout, command_timeout;
  Counters counters;
  // What the routers report.
  std::function<void(const std::string& server, std::string_view run_id)> on_up;
  std::function<void(const core::Error&)> on_down;

  Access access(Credentials credentials, int database) const {
    return {.credentials = std::move(credentials),
            .database = database,
            .name = name,
            .tls = tls.get(),
            .command_timeout = command_timeout};
  }
};

class Router {
 public:
  using Time = Connection::Time;
  using Done = Connection::Done;
  using Opened = core::Result<std::shared_ptr<Connection>>;

  virtual ~Router() = default;
  virtual void start() = 0;
  virtual void stop() = 0;
  virtual void send(Command command, Time due, Done done) = 0;
  virtual std::vector<std::shared_ptr<Link>> primaries() const = 0;
  virtual bool connected() const = 0;
  // A connection for listening, to any server that hears what is published.
  virtual net::awaitable<Opened> open_listener() = 0;
};

// One server at a time: `open` finds it anew each time the connection is lost.
class SingleRouter : public Router {
 public:
  // The server that a connection leads to, for people.
  using Open = std::function<net::awaitable<Opened>(std::string* server)>;
  SingleRouter(Network& network, Open open, Backoff backoff = Backoff());

  void start() override { link_->start(); }
  void stop() override { link_->stop(); }
  void send(Command command, Time due, Done done) override;
  std::vector<std::shared_ptr<Link>> primaries() const override { return {link_}; }
  bool connected() const override { return link_->up(); }
  net::awaitable<Opened> open_listener() override { return open_(nullptr); }
  void renew(std::string why) { link_->renew(std::move(why)); }

 private:
  Open open_;
  std::string server_;
  std::shared_ptr<Link> link_;
};

// Opens the first of several servers that is a master; of a single one nothing is asked.
SingleRouter::Open open_first_master(Network& network, std::vector<Endpoint> endpoints, Access access);

// ROLE says "master", or is not for us to ask.
net::awaitable<bool> is_master(std::shared_ptr<Connection> connection, Connection::Time due);

}  // namespace tollgate::redis
