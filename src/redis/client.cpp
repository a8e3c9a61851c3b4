#include "redis/client.h"

#include <pthread.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "core/log.h"
#include "net/suspend.h"
#include "redis/cluster.h"
#include "redis/discovery.h"
#include "redis/router.h"
#include "redis/sentinel.h"
#include "redis/subscriber.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using core::Errc;
using core::Error;
using core::Result;
using net::awaitable;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kScanLimit = std::chrono::seconds(30);

// Goes through the keys of one server after the other.
awaitable<Result<std::vector<std::string>>> scan_all(Router& router, std::string pattern, milliseconds step) {
  std::set<std::string> found;
  auto end = steady_clock::now() + kScanLimit;
  for (const auto& link : router.primaries()) {
    std::string cursor = "0";
    do {
      Command command{"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"};
      auto begin = [&](auto done) { link->send(command, steady_clock::now() + step, std::move(done)); };
      auto reply = co_await net::suspend<Result<Reply>>(begin);
      if (!reply) co_return reply.error();
      if (reply->items.size() != 2) co_return core::error(Errc::kUnavailable, "SCAN is refused");
      for (auto& key : reply->items[1].items) found.insert(std::move(key.text));
      cursor = reply->items[0].text;
      if (steady_clock::now() > end) co_return core::error(Errc::kTimeout, "there are too many keys");
    } while (cursor != "0");
  }
  co_return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace

class Client::Impl {
 public:
  Impl(const Settings& settings, std::shared_ptr<TlsContext> tls, std::shared_ptr<TlsContext> sentinel_tls);
  ~Impl() { stop(); }

  void start();
  void stop();  // once more does nothing
  void send(Command command, Done done);
  void scan(std::string pattern, std::function<void(Result<std::vector<std::string>>)> done);
  Result<void> await_first(milliseconds limit);
  void subscribe(Subscription subscription);
  void on_connected(std::function<void(std::string_view)> callback);
  State state() const;

 private:
  awaitable<void> find_servers();
  void set_up(const Discovered& found);
  void note_up(const std::string& server, std::string_view run_id);
  void note_down(const Error& why);
  void dispatch(Command command, Done done);

  const Settings& settings_;
  asio::io_context io_{1};
  asio::steady_timer timer_{io_};
  Network network_;
  std::unique_ptr<Router> router_;
  std::shared_ptr<Subscriber> subscriber_;
  std::vector<std::function<void(std::string_view)>> on_connected_;
  std::string last_run_id_;  // as of the last connection, for those who come later
  std::thread thread_;
  std::atomic<bool> stopped_{false};
  bool stopping_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  std::optional<Error> unusable_;  // the last attempt found the configuration wrong
};

Client::Impl::Impl(const Settings& settings, std::shared_ptr<TlsContext> tls, std::shared_ptr<TlsContext> sentinel_tls)
    : settings_(settings),
      network_{.io = io_,
               .tls = std::move(tls),
               .sentinel_tls = std::move(sentinel_tls),
               .name = settings.name,
               .connect_timeout = settings.connect_timeout,
               .command_timeout = settings.command_timeout,
               .counters = {},
               .on_up = [this](const std::string& server, std::string_view run_id) { note_up(server, run_id); },
               .on_down = [this](const Error& why) { note_down(why); }} {}

void Client::Impl::start() {
  subscriber_ = std::make_shared<Subscriber>(
      io_, settings_.name + ":sub", settings_.prefix, settings_.command_timeout, settings_.silence,
      [this]() -> awaitable<Router::Opened> {
        if (!router_) co_return core::error(Errc::kUnavailable, "not connected yet");
        co_return co_await router_->open_listener();
      },
      [this](const std::string& channel, const std::string& payload) { dispatch({"PUBLISH", channel, payload}, {}); });
  asio::co_spawn(io_, [this]() -> awaitable<void> { co_await find_servers(); }, asio::detached);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "redis");
    auto guard = asio::make_work_guard(io_);
    for (;;) {
      try {
        io_.run();
        return;
      } catch (const std::exception& failure) {
        core::log::error("Redis: {}", failure.what());
      }
    }
  });
}

void Client::Impl::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    timer_.cancel();
    subscriber_->stop();
    if (router_) router_->stop();
    // What the closing has set in motion ends first.
    asio::post(io_, [this] { io_.stop(); });
  });
  thread_.join();
  stopped_ = true;
  // Commands that were handed over meanwhile are answered here.
  io_.restart();
  io_.poll();
}

awaitable<void> Client::Impl::find_servers() {
  Backoff backoff;
  while (!stopping_) {
    auto found = co_await discover(network_, settings_.address);
    if (stopping_) co_return;
    if (found) {
      set_up(*found);
      co_return;
    }
    note_down(found.error());
    timer_.expires_after(backoff.next());
    co_await timer_.async_wait(asio::as_tuple(asio::deferred));
  }
}

void Client::Impl::set_up(const Discovered& found) {
  for (const auto& warning : found.warnings) core::log::warn("{}", warning);
  {
    std::lock_guard lock(mutex_);
    state_.mode = found.mode;
  }
  const auto& address = settings_.address;
  switch (found.mode) {
    case Mode::kSentinel:
      router_ =
          std::make_unique<SentinelRouter>(network_, found.endpoints, found.master_name,
                                           SentinelAccess{address.sentinel, address.credentials}, address.database);
      break;
    case Mode::kCluster:
      router_ = std::make_unique<ClusterRouter>(network_, found.endpoints, address.credentials);
      break;
    default:
      router_ = std::make_unique<SingleRouter>(
          network_,
          open_first_master(network_, found.endpoints, network_.access(address.credentials, address.database)));
  }
  router_->start();
}

void Client::Impl::note_up(const std::string& server, std::string_view run_id) {
  bool moved = false;
  {
    std::lock_guard lock(mutex_);
    moved = state_.mode != Mode::kCluster && !state_.server.empty() && state_.server != server;
    state_.connected = true;
    state_.refused = false;
    state_.server = server;
    state_.error.clear();
    unusable_.reset();
  }
  changed_.notify_all();
  core::log::info("Redis: connected to {}", server);
  if (moved) subscriber_->renew();
  last_run_id_ = run_id;
  for (const auto& callback : on_connected_) callback(run_id);
}

void Client::Impl::note_down(const Error& why) {
  bool connected = router_ && router_->connected();
  bool news = false;
  {
    std::lock_guard lock(mutex_);
    news = state_.error != why.message || (state_.connected && !connected);
    state_.connected = connected;
    state_.refused = why.code == Errc::kDenied;
    state_.error = why.message;
    if (why.code == Errc::kDenied || why.code == Errc::kInvalid) unusable_ = why;
  }
  changed_.notify_all();
  if (news && why.code != Errc::kCancelled) core::log::warn("Redis: {}; trying again", why.message);
}

Result<void> Client::Impl::await_first(milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return state_.connected || unusable_; });
  if (state_.connected) return {};
  if (unusable_) return *unusable_;
  return core::error(Errc::kTimeout, state_.error.empty() ? "no answer yet" : state_.error);
}

// On the client's thread.
void Client::Impl::dispatch(Command command, Done done) {
  if (!done) done = [](const Result<Reply>&) {};
  if (stopping_ || stopped_) return done(core::error(Errc::kCancelled, "stopping"));
  if (!router_) return done(core::error(Errc::kUnavailable, "not connected yet"));
  router_->send(std::move(command), steady_clock::now() + settings_.command_timeout, std::move(done));
}

void Client::Impl::send(Command command, Done done) {
  if (stopped_) {
    if (done) done(core::error(Errc::kCancelled, "stopping"));
    return;
  }
  asio::post(io_, [this, command = std::move(command), done = std::move(done)]() mutable {
    dispatch(std::move(command), std::move(done));
  });
}

void Client::Impl::scan(std::string pattern, std::function<void(Result<std::vector<std::string>>)> done) {
  asio::post(io_, [this, pattern = std::move(pattern), done = std::move(done)] {
    if (stopping_ || stopped_ || !router_) return done(core::error(Errc::kUnavailable, "not connected"));
    asio::co_spawn(
        io_,
        [this, pattern, done]() -> awaitable<void> {
          auto keys = co_await scan_all(*router_, pattern, settings_.command_timeout);
          done(std::move(keys));
        },
        asio::detached);
  });
}

void Client::Impl::subscribe(Subscription subscription) {
  asio::post(io_, [this, subscription = std::move(subscription)]() mutable {
    if (!stopping_ && !stopped_) subscriber_->add(std::move(subscription));
  });
}

void Client::Impl::on_connected(std::function<void(std::string_view)> callback) {
  asio::post(io_, [this, callback = std::move(callback)]() mutable {
    if (stopping_ || stopped_) return;
    on_connected_.push_back(std::move(callback));
    if (router_ && router_->connected()) on_connected_.back()(last_run_id_);
  });
}

State Client::Impl::state() const {
  State state;
  {
    std::lock_guard lock(mutex_);
    state = state_;
  }
  state.listening = subscriber_->healthy();
  state.commands = network_.counters.commands;
  state.failed = network_.counters.failed;
  state.timed_out = network_.counters.timed_out;
  state.connects = network_.counters.connects;
  return state;
}

Client::Client(Settings settings, std::unique_ptr<Impl> impl)
    : settings_(std::move(settings)), impl_(std::move(impl)) {}

Client::~Client() = default;

void Client::stop() { impl_->stop(); }

Result<std::unique_ptr<Client>> Client::start(Settings settings) {
  std::shared_ptr<TlsContext> tls, sentinel_tls;
  if (settings.address.tls || settings.sentinel_tls) {
    auto made = TlsContext::make(settings.tls);
    if (!made) return made.error();
    if (settings.address.tls) tls = *made;
    if (settings.sentinel_tls) sentinel_tls = *made;
  }
  std::unique_ptr<Client> client(new Client(std::move(settings), nullptr));
  client->impl_ = std::make_unique<Impl>(client->settings_, std::move(tls), std::move(sentinel_tls));
  client->impl_->start();
  return client;
}

Result<void> Client::await_first(milliseconds limit) { return impl_->await_first(limit); }

void Client::send(Command command, Done done) { impl_->send(std::move(command), std::move(done)); }

void Client::run(const Script& script, std::string key, std::vector<std::string> arguments, Done done) {
  Command command{"EVALSHA", script.digest(), "1", std::move(key)};
  for (auto& argument : arguments) command.push_back(std::move(argument));
  // A server that has lost the script has executed nothing: the same again, with the text.
  send(command, [this, command, &script, done = std::move(done)](Result<Reply> reply) mutable {
    if (!reply || !reply->is_error("NOSCRIPT")) {
      if (done) done(std::move(reply));
      return;
    }
    command[0] = "EVAL";
    command[1] = script.text();
    send(std::move(command), std::move(done));
  });
}

namespace {

// Every command is answered within its time, redirections included: the wait ends.
template <class Begin>
Result<Reply> wait_for(Begin begin) {
  auto answer = std::make_shared<std::promise<Result<Reply>>>();
  auto future = answer->get_future();
  begin([answer](Result<Reply> reply) { answer->set_value(std::move(reply)); });
  return future.get();
}

}  // namespace

Result<Reply> Client::ask(Command command) {
  return wait_for([&](Done done) { send(std::move(command), std::move(done)); });
}

Result<Reply> Client::run_and_wait(const Script& script, std::string key, std::vector<std::string> arguments) {
  return wait_for([&](Done done) { run(script, std::move(key), std::move(arguments), std::move(done)); });
}

Result<std::vector<std::string>> Client::scan(const std::string& pattern) {
  auto answer = std::make_shared<std::promise<Result<std::vector<std::string>>>>();
  auto future = answer->get_future();
  impl_->scan(pattern, [answer](Result<std::vector<std::string>> keys) { answer->set_value(std::move(keys)); });
  return future.get();
}

void Client::subscribe(Subscription subscription) { impl_->subscribe(std::move(subscription)); }

void Client::on_connected(std::function<void(std::string_view)> callback) { impl_->on_connected(std::move(callback)); }

State Client::state() const { return impl_->state(); }

}  // namespace tollgate::redis
