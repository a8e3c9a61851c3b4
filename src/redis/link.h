// A connection to one server, or to whichever server is the master now, that comes back by itself. For this folder.
#pragma once
#include <boost/asio.hpp>
#include <memory>
#include <random>
#include <string>

#include "redis/breaker.h"
#include "redis/connection.h"

namespace tollgate::redis {

struct Counters {
  std::atomic<std::uint64_t> commands{0}, failed{0}, timed_out{0}, connects{0};
};

// Full jitter: anything up to 50 ms, and up to twice as much each further time, `most` at most.
class Backoff {
 public:
  explicit Backoff(std::chrono::milliseconds most = std::chrono::milliseconds(2000)) : most_(most) {}
  std::chrono::milliseconds next();
  void reset() { limit_ = kFirst; }

 private:
  static constexpr std::chrono::milliseconds kFirst{50};
  std::chrono::milliseconds most_, limit_ = kFirst;
  std::minstd_rand random_{std::random_device{}()};
};

// Used on the thread of its io_context only. While it is away commands fail at once; those that come before the first
// attempt to connect has ended wait for it, within their time.
class Link : public std::enable_shared_from_this<Link> {
 public:
  using Time = Connection::Time;
  using Done = Connection::Done;
  // Finds the server and connects to it: kept apart, for a sentinel group has to be asked each time.
  using Open = std::function<net::awaitable<core::Result<std::shared_ptr<Connection>>>()>;
  struct Events {
    std::function<void(std::string_view run_id)> up;
    std::function<void(const core::Error&)> down;  // also for each attempt that failed
  };

  Link(boost::asio::io_context& io, Counters& counters, Open open, Events events, Backoff backoff = Backoff())
      : io_(io),
        counters_(counters),
        open_(std::move(open)),
        events_(std::move(events)),
        timer_(io),
        early_timer_(io),
        backoff_(backoff) {}

  void start();
  void stop();
  void send(const Command& command, Time due, Done done);
  // ASKING and the command, next to each other.
  void send_asking(const Command& command, Time due, Done done);
  bool up() const { return connection_ != nullptr; }
  // Ends the present connection, or the wait for the next attempt.
  void renew(std::string why);

 private:
  struct Early {
    Command command;
    bool asking;
    Time due;
    Done done;
  };
  net::awaitable<void> run();
  void deliver(const Command& command, bool asking, Time due, Done done);
  void release_early(const core::Error* why);
  void expire_early();

  boost::asio::io_context& io_;
  Counters& counters_;
  Open open_;
  Events events_;
  boost::asio::steady_timer timer_, early_timer_;
  std::shared_ptr<Connection> connection_;
  Breaker breaker_;
  Backoff backoff_;
  std::vector<Early> early_;
  core::Error why_{core::Errc::kUnavailable, "not connected yet"};
  bool tried_ = false, stopped_ = false;
};

}  // namespace tollgate::redis
