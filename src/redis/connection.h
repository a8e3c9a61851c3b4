// One connection to one server: commands go out together, answers come back in order. For this folder.
#pragma once
#include <boost/asio.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "net/awaitable.h"
#include "redis/address.h"
#include "redis/reply.h"
#include "redis/socket.h"

namespace tollgate::redis {

// How a server is entered.
struct Access {
  Credentials credentials;
  int database = 0;
  std::string name;  // for CLIENT SETNAME
  TlsContext* tls = nullptr;
  std::chrono::milliseconds command_timeout{500};
};

// Used on the thread of its io_context only. A command that is not answered in time ends the connection, since later
// answers would be taken for those of other commands.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Done = std::function<void(core::Result<Reply>)>;
  using Time = std::chrono::steady_clock::time_point;

  // Connects, authenticates, selects the database, and has PING answered: a frozen server still accepts connections.
  // Errors: kDenied (password, certificate), kInvalid (database), kUnavailable, kTimeout.
  static net::awaitable<core::Result<std::shared_ptr<Connection>>> open(boost::asio::io_context& io, Endpoint endpoint,
                                                                        Access access, Time due);
  Connection(boost::asio::io_context& io, std::chrono::milliseconds command_timeout);

  // `done` is called exactly once, never from inside this call.
  void send(const Command& command, Time due, Done done);
  net::awaitable<core::Result<Reply>> ask(Command command, Time due);
  // From now on every reply goes there instead: for connections that listen.
  void listen(std::function<void(Reply)> on_push) { on_push_ = std::move(on_push); }
  void push(const Command& command);  // sends without expecting an answer; only when listening

  void on_closed(std::function<void(const core::Error&)> callback);  // at once when it has happened already
  void close(core::Error why);
  bool closed() const { return closed_; }
  // Something waits for half of the command limit already: more would only wait as well.
  bool stalled(Time now) const { return !waiting_.empty() && now - waiting_.front().sent > command_timeout_ / 2; }

 private:
  struct Waiting {
    Done done;
    Time sent, due;
  };
  void flush();
  net::awaitable<void> write_loop();
  net::awaitable<void> read_loop();
  net::awaitable<core::Result<void>> enter(const Access& access, Time due);
  void take(Reply reply);
  void set_timer(Time due);
  void on_timer();

  boost::asio::io_context& io_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  Time timer_due_ = Time::max();
  std::chrono::milliseconds command_timeout_;
  ReplyReader reader_;
  std::string outgoing_, being_written_;
  bool flush_posted_ = false, writing_ = false, closed_ = false;
  std::deque<Waiting> waiting_;
  Time last_sent_{};
  std::function<void(Reply)> on_push_;
  std::function<void(const core::Error&)> on_closed_;
  core::Error why_;
};

}  // namespace tollgate::redis
