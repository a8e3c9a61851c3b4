#include "redis/sentinel.h"

#include <fmt/format.h>

#include <charconv>

#include "core/log.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using core::Errc;
using core::Result;
using net::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kAnswer = milliseconds(300);  // of one sentinel
constexpr auto kPing = seconds(10);
constexpr auto kSilence = seconds(30);

std::uint16_t port_of(const std::string& text) {
  std::uint16_t port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

// Value of a flat list of names and values.
std::string value_of(const Reply& list, std::string_view name) {
  for (std::size_t i = 0; i + 1 < list.items.size(); i += 2)
    if (list.items[i].text == name) return list.items[i + 1].text;
  return {};
}

}  // namespace

awaitable<Router::Opened> open_sentinel(Network& network, Endpoint endpoint, SentinelAccess access,
                                        Connection::Time due) {
  std::vector<Credentials> tries;
  if (!access.own.password.empty()) tries.push_back(access.own);
  if (!access.data.password.empty()) {
    tries.push_back(access.data);
    if (!access.data.user.empty()) tries.push_back({"", access.data.password});
  }
  tries.emplace_back();
  Router::Opened opened = core::error(Errc::kUnavailable, "not tried");
  for (const auto& credentials : tries) {
    auto entry = network.access(credentials, 0);
    entry.tls = network.sentinel_tls.get();
    opened = co_await Connection::open(network.io, endpoint, entry, due);
    if (opened || opened.error().code != Errc::kDenied) break;
  }
  co_return opened;
}

awaitable<Result<std::vector<std::string>>> group_names(std::shared_ptr<Connection> sentinel, Connection::Time due) {
  Command masters{"SENTINEL", "MASTERS"};
  auto answer = co_await sentinel->ask(std::move(masters), due);
  if (!answer) co_return answer.error();
  std::vector<std::string> names;
  for (const auto& one : answer->items) names.push_back(value_of(one, "name"));
  co_return names;
}

// Shared by the router and the coroutines that watch the sentinels.
struct SentinelRouter::Group : std::enable_shared_from_this<Group> {
  Group(Network& to, std::vector<Endpoint> given, std::string group_name, SentinelAccess entry, int number)
      : network(to),
        sentinels(std::move(given)),
        name(std::move(group_name)),
        access(std::move(entry)),
        database(number) {}

  awaitable<Result<Endpoint>> find_master();
  awaitable<Router::Opened> open(std::string* server);
  awaitable<void> watch(Endpoint sentinel);
  void watch_all();

  Network& network;
  std::vector<Endpoint> sentinels;  // the one that answered last is the first
  std::string name;
  SentinelAccess access;
  int database;
  int unreachable = 0;  // attempts in a row to reach an announced master
  std::set<Endpoint> watched;
  std::map<Endpoint, std::shared_ptr<Connection>> listening;
  std::function<void()> on_switch;
  bool stopped = false;
};

awaitable<Result<Endpoint>> SentinelRouter::Group::find_master() {
  auto asked = sentinels;
  core::Error why{Errc::kUnavailable, "no sentinel answers"};
  for (const auto& sentinel : asked) {
    auto opened = co_await open_sentinel(network, sentinel, access, steady_clock::now() + kAnswer);
    if (!opened) {
      if (opened.error().code == Errc::kDenied) why = opened.error();
      continue;
    }
    auto due = steady_clock::now() + kAnswer;
    Command where{"SENTINEL", "get-master-addr-by-name", name};
    auto answer = co_await (*opened)->ask(std::move(where), due);
    bool told = answer && answer->type == Reply::Type::kArray && answer->items.size() == 2;
    if (!told) {
      if (answer && answer->is_nil()) {
        auto names = co_await group_names(*opened, due);
        why = core::error(Errc::kInvalid,
                          fmt::format("REDIS_MASTER_NAME: sentinel {} does not know \"{}\"; it knows: {}",
                                      sentinel.text(), name, names ? fmt::format("{}", fmt::join(*names, ", ")) : "?"));
      }
      (*opened)->close(core::error(Errc::kCancelled, "asked"));
      continue;
    }
    Endpoint master{.host = answer->items[0].text, .port = port_of(answer->items[1].text)};
    Command others{"SENTINEL", "sentinels", name};
    auto more = co_await (*opened)->ask(std::move(others), due);
    (*opened)->close(core::error(Errc::kCancelled, "asked"));
    sentinels.erase(std::find(sentinels.begin(), sentinels.end(), sentinel));
    sentinels.insert(sentinels.begin(), sentinel);
    if (more) {
      for (const auto& one : more->items) {
        Endpoint other{.host = value_of(one, "ip"), .port = port_of(value_of(one, "port"))};
        if (other.host.empty() || other.port == 0) continue;
        if (std::find(sentinels.begin(), sentinels.end(), other) == sentinels.end()) sentinels.push_back(other);
      }
    }
    watch_all();
    co_return master;
  }
  co_return why;
}

awaitable<Router::Opened> SentinelRouter::Group::open(std::string* server) {
  auto master = co_await find_master();
  if (!master) co_return master.error();
  if (server) *server = master->text();
  auto due = steady_clock::now() + network.connect_timeout;
  auto opened = co_await Connection::open(network.io, *master, network.access(access.data, database), due);
  if (!opened) {
    if (opened.error().code != Errc::kDenied && ++unreachable == 3)
      core::log::warn(
          "Redis: sentinel announces {}, which this node cannot reach; set replica-announce-ip or "
          "announce-hostnames if it is well",
          master->text());
    co_return opened;
  }
  unreachable = 0;
  // One that was a master may still say so when it wakes up: what the sentinels say was asked a moment ago.
  bool leads = co_await is_master(*opened, due);
  if (leads) co_return opened;
  auto why = core::error(Errc::kUnavailable, fmt::format("{} is no master yet", master->text()));
  (*opened)->close(why);
  co_return why;
}

void SentinelRouter::Group::watch_all() {
  for (const auto& sentinel : sentinels) {
    if (stopped || !watched.insert(sentinel).second) continue;
    asio::co_spawn(
        network.io, [self = shared_from_this(), sentinel]() -> awaitable<void> { co_await self->watch(sentinel); },
        asio::detached);
  }
}

// Each sentinel tells what it learns, when it learns it: all of them are heard.
awaitable<void> SentinelRouter::Group::watch(Endpoint sentinel) {
  asio::steady_timer timer(network.io);
  Backoff backoff;
  while (!stopped) {
    auto opened = co_await open_sentinel(network, sentinel, access, steady_clock::now() + network.connect_timeout);
    if (opened && !stopped) {
      const auto& connection = *opened;
      auto heard = std::make_shared<steady_clock::time_point>(steady_clock::now());
      listening[sentinel] = connection;
      connection->listen([self = shared_from_this(), heard](const Reply& reply) {
        *heard = steady_clock::now();
        if (reply.items.size() != 3 || reply.items[0].text != "message" || reply.items[1].text != "+switch-master")
          return;
        if (reply.items[2].text.starts_with(self->name + " ") && self->on_switch) self->on_switch();
      });
      connection->push({"SUBSCRIBE", "+switch-master"});
      backoff.reset();
      auto next_ping = steady_clock::now() + kPing;
      while (!connection->closed() && !stopped) {
        timer.expires_after(milliseconds(500));
        co_await timer.async_wait(asio::as_tuple(asio::deferred));
        auto now = steady_clock::now();
        if (now - *heard > kSilence) break;
        if (now < next_ping) continue;
        next_ping = now + kPing;
        connection->push({"PING"});
      }
      listening.erase(sentinel);
      connection->close(core::error(Errc::kTimeout, "nothing is heard"));
    }
    if (stopped) break;
    timer.expires_after(backoff.next());
    co_await timer.async_wait(asio::as_tuple(asio::deferred));
  }
}

SentinelRouter::SentinelRouter(Network& network, std::vector<Endpoint> sentinels, std::string name,
                               SentinelAccess access, int database)
    : SentinelRouter(
          std::make_shared<Group>(network, std::move(sentinels), std::move(name), std::move(access), database)) {}

SentinelRouter::SentinelRouter(std::shared_ptr<Group> group)
    : SingleRouter(
          group->network, [group](std::string* server) { return group->open(server); }, Backoff(milliseconds(1000))),
      group_(std::move(group)) {}

void SentinelRouter::start() {
  group_->on_switch = [this] { renew("the sentinels have chosen another master"); };
  SingleRouter::start();
}

void SentinelRouter::stop() {
  group_->stopped = true;
  group_->on_switch = nullptr;
  for (const auto& [endpoint, connection] : std::exchange(group_->listening, {}))
    connection->close(core::error(Errc::kCancelled, "stopping"));
  SingleRouter::stop();
}

}  // namespace tollgate::redis
