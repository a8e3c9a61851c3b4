// The one way to Redis: a client on a thread of its own, for a single server, a sentinel group or a cluster.
// Everything kept there is a copy or a convenience; whoever asks goes on without it when the answer is an error.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "redis/address.h"
#include "redis/reply.h"
#include "redis/script.h"
#include "redis/tls.h"

namespace tollgate::redis {

struct Settings {
  Address address;
  TlsSettings tls;
  std::string name = "tollgate";  // what CLIENT LIST shows; the connection that listens has ":sub" behind it
  std::string prefix;             // before every key and channel
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds command_timeout{500};
  bool sentinel_tls = false;
  std::chrono::milliseconds silence{15'000};  // of subscriptions, after which their connection is replaced
};

// How the client stands with its servers.
struct State {
  bool connected = false;  // to the server, or to one primary of a cluster at least
  bool listening = false;  // subscriptions are known to work; true as well when there is none
  Mode mode = Mode::kAuto;
  std::string server;    // the one that is used now, or was last
  std::string error;     // why it is not connected; no secret in it
  bool refused = false;  // not connected because of the password or the rights
  std::uint64_t commands = 0, failed = 0, timed_out = 0;
  std::uint64_t connects = 0;  // connections for commands that were made since the start
};

// Thread-safe. Callbacks run on the client's thread, where nothing may wait.
class Client {
 public:
  using Done = std::function<void(core::Result<Reply>)>;

  // Reads certificates and starts the thread, which connects and stays connected by itself. Errors: kInvalid.
  static core::Result<std::unique_ptr<Client>> start(Settings settings);
  ~Client();
  // Ends what waits (kCancelled) and the thread: no callback runs afterwards. Before those go that callbacks touch.
  void stop();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits for the first connection. Errors: kDenied (password refused, certificate), kInvalid (what was configured
  // cannot work with these servers: the message begins with the variable), kTimeout (away; the client keeps trying).
  core::Result<void> await_first(std::chrono::milliseconds limit);

  // The name of a key or channel with the prefix. Commands are sent as they are: use this for every key in them.
  std::string key(std::string_view name) const { return settings_.prefix + std::string(name); }

  // Sends a command; `done` is called exactly once, at the latest when the command's time is over. An error reply of
  // the server is a Reply. Errors: kUnavailable (away, or lost on the way), kTimeout, kCancelled. Redirections of a
  // cluster are followed. Commands of one thread on one key are executed in order.
  void send(Command command, Done done);
  void send(Command command) { send(std::move(command), {}); }  // for those who do not care
  // A script on one key, by its digest, or by its text where the server has lost it. The script outlives the answer.
  void run(const Script& script, std::string key, std::vector<std::string> arguments, Done done);

  // For threads that may wait: not for network threads, not in a callback.
  core::Result<Reply> ask(Command command);
  // Keys of all primaries that match a pattern, each once. For people's pages: it goes through the whole keyspace.
  core::Result<std::vector<std::string>> scan(const std::string& pattern);
  core::Result<Reply> run_and_wait(const Script& script, std::string key, std::vector<std::string> arguments);

  // From now on `message` is called with what is published on the channel (its name without the prefix), and `joined`
  // each time the subscription stands anew: messages may have been lost before. Where nothing was heard for about five
  // seconds `heartbeat` is published there by the client itself, so that a silent connection is noticed within fifteen;
  // it is not handed to `message`.
  struct Subscription {
    std::string channel;
    std::string heartbeat;
    std::function<void(std::string_view payload)> message;
    std::function<void()> joined;
  };
  void subscribe(Subscription subscription);

  // Called each time a server for commands was (re)connected, with its run id: another id means another or an emptied
  // server. For what has to be written again. Empty when the server does not tell.
  void on_connected(std::function<void(std::string_view run_id)> callback);

  State state() const;

 private:
  class Impl;
  Client(Settings settings, std::unique_ptr<Impl> impl);
  Settings settings_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tollgate::redis
