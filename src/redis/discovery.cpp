#include "redis/discovery.h"

#include <fmt/format.h>

#include <algorithm>

#include "redis/sentinel.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using core::Errc;
using core::Error;
using core::Result;
using net::awaitable;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::uint16_t kSentinelPort = 26379;
constexpr auto kOthers = milliseconds(250);  // given to the others once one has answered

// By INFO where that is allowed, else by what else it answers.
awaitable<Result<Mode>> mode_of(std::shared_ptr<Connection> connection, Connection::Time due) {
  Command info{"INFO", "server"};
  auto told = co_await connection->ask(std::move(info), due);
  if (!told) co_return told.error();
  if (!told->is_error()) {
    auto says = [&](std::string_view mode) {
      return told->text.find(fmt::format("redis_mode:{}", mode)) != std::string::npos;
    };
    co_return says("sentinel") ? Mode::kSentinel : says("cluster") ? Mode::kCluster : Mode::kStandalone;
  }
  Command cluster{"CLUSTER", "INFO"};
  auto answer = co_await connection->ask(std::move(cluster), due);
  if (!answer) co_return answer.error();
  co_return answer->type == Reply::Type::kText && answer->text.find("cluster_state") != std::string::npos
      ? Mode::kCluster
      : Mode::kStandalone;
}

awaitable<Result<Probe>> probe(Network& network, Endpoint endpoint, const Address& address, Connection::Time due) {
  auto opened = co_await Connection::open(network.io, endpoint, network.access(address.credentials, 0), due);
  // A sentinel may have a password of its own, or none and no such user.
  if (!opened && opened.error().code == Errc::kDenied) {
    auto denied = opened.error();
    opened = co_await open_sentinel(network, endpoint, {address.sentinel, address.credentials}, due);
    if (!opened) co_return denied;
    auto mode = co_await mode_of(*opened, due);
    if (!mode || *mode != Mode::kSentinel) {
      (*opened)->close(denied);
      co_return denied;
    }
  }
  if (!opened) co_return opened.error();
  Probe found{.endpoint = endpoint};
  auto mode = co_await mode_of(*opened, due);
  if (mode && *mode == Mode::kSentinel) {
    auto names = co_await group_names(*opened, due);
    if (names) found.groups = std::move(*names);
  }
  (*opened)->close(core::error(Errc::kCancelled, "asked"));
  if (!mode) co_return mode.error();
  found.mode = *mode;
  co_return found;
}

struct Round {
  explicit Round(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  std::vector<std::pair<std::size_t, Probe>> found;
  std::vector<Error> failed;
  std::size_t missing = 0;
};

awaitable<void> probe_one(Network& network, std::shared_ptr<Round> round, std::size_t place, Endpoint endpoint,
                          Address address, Connection::Time due) {
  auto one = co_await probe(network, endpoint, address, due);
  if (one) {
    round->found.emplace_back(place, std::move(*one));
  } else {
    round->failed.push_back(one.error());
  }
  if (--round->missing == 0) {
    round->timer.cancel();
  } else if (one && round->found.size() == 1) {
    round->timer.expires_after(kOthers);
  }
}

awaitable<std::shared_ptr<Round>> ask_all(Network& network, std::vector<Endpoint> endpoints, Address address) {
  auto due = steady_clock::now() + network.connect_timeout;
  auto round = std::make_shared<Round>(network.io);
  round->missing = endpoints.size();
  round->timer.expires_at(due);
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    asio::co_spawn(network.io, probe_one(network, round, i, endpoints[i], address, due), asio::detached);
  // The first answer moves the end of the wait, which ends it early: it is waited again for.
  while (round->missing > 0 && round->timer.expiry() > steady_clock::now())
    co_await round->timer.async_wait(asio::as_tuple(asio::deferred));
  std::sort(round->found.begin(), round->found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  co_return round;
}

std::vector<Probe> probes_of(const Round& round) {
  std::vector<Probe> probes;
  for (const auto& [place, one] : round.found) probes.push_back(one);
  return probes;
}

bool knows(const Probe& sentinel, const std::string& name) {
  return std::find(sentinel.groups.begin(), sentinel.groups.end(), name) != sentinel.groups.end();
}

std::string listed(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

Result<Discovered> decide_sentinel(const Address& address, const std::vector<const Probe*>& sentinels) {
  Discovered found{
      .mode = Mode::kSentinel, .endpoints = address.endpoints, .master_name = address.master_name, .warnings = {}};
  if (!address.master_name.empty()) {
    for (const auto* one : sentinels)
      if (knows(*one, address.master_name)) return found;
    return core::error(Errc::kInvalid, fmt::format("REDIS_MASTER_NAME: sentinel {} does not know \"{}\"; it knows: {}",
                                                   sentinels.front()->endpoint.text(), address.master_name,
                                                   listed(sentinels.front()->groups)));
  }
  const auto& groups = sentinels.front()->groups;
  if (groups.size() != 1)
    return core::error(
        Errc::kInvalid,
        fmt::format("REDIS_MASTER_NAME: {} is a sentinel and knows {} groups{}{}; name the one to use",
                    sentinels.front()->endpoint.text(), groups.size(), groups.empty() ? "" : ": ", listed(groups)));
  found.master_name = groups.front();
  found.warnings.push_back(
      fmt::format("REDIS_MASTER_NAME is not set; the sentinels know only \"{}\", which is used", groups.front()));
  return found;
}

}  // namespace

Result<Discovered> decide(const Address& address, const std::vector<Probe>& probes, const std::vector<Probe>& near) {
  std::vector<const Probe*> sentinels;
  for (const auto& one : probes)
    if (one.mode == Mode::kSentinel) sentinels.push_back(&one);
  if (!sentinels.empty()) return decide_sentinel(address, sentinels);

  Discovered found{.mode = probes.front().mode, .endpoints = address.endpoints, .master_name = {}, .warnings = {}};
  if (!address.master_name.empty()) {
    if (found.mode == Mode::kCluster) {
      found.warnings.emplace_back("REDIS_MASTER_NAME is set, but the servers are a cluster: it has no effect");
    } else {
      for (const auto& one : near) {
        if (one.mode != Mode::kSentinel || !knows(one, address.master_name)) continue;
        if (found.mode != Mode::kSentinel) {
          found.mode = Mode::kSentinel;
          found.master_name = address.master_name;
          found.endpoints.clear();
        }
        found.endpoints.push_back(one.endpoint);
      }
      std::vector<std::string> urls;
      for (const auto& one : found.endpoints) urls.push_back(one.text());
      found.warnings.push_back(
          found.mode == Mode::kSentinel
              ? fmt::format(
                    "REDIS_CONN_STRING names data servers; the sentinels beside them are used. Better: redis://{}",
                    fmt::format("{}", fmt::join(urls, ",")))
              : fmt::format(
                    "W-REDIS-NOSENTINEL: REDIS_MASTER_NAME is set, but {} is no sentinel and none answers at port "
                    "{}: used as a single server",
                    probes.front().endpoint.text(), kSentinelPort));
    }
  }
  if (found.mode == Mode::kCluster && address.database > 0)
    return core::error(Errc::kInvalid, "REDIS_CONN_STRING: a cluster has only database 0");
  return found;
}

awaitable<Result<Discovered>> discover(Network& network, Address address) {
  Discovered known{
      .mode = address.mode, .endpoints = address.endpoints, .master_name = address.master_name, .warnings = {}};
  if (address.mode == Mode::kStandalone || address.mode == Mode::kCluster) co_return known;
  if (address.mode == Mode::kSentinel && !address.master_name.empty()) co_return known;
  auto round = co_await ask_all(network, address.endpoints, address);
  auto probes = probes_of(*round);
  if (probes.empty()) {
    for (const auto& why : round->failed)
      if (why.code == Errc::kDenied) co_return why;
    co_return round->failed.empty() ? core::error(Errc::kUnavailable, "no server answers") : round->failed.front();
  }
  std::vector<Probe> near;
  if (!address.master_name.empty() && probes.front().mode == Mode::kStandalone) {
    std::vector<Endpoint> endpoints;
    for (auto endpoint : address.endpoints) {
      endpoint.port = kSentinelPort;
      if (endpoint.path.empty() && std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end())
        endpoints.push_back(endpoint);
    }
    if (!endpoints.empty()) {
      auto second = co_await ask_all(network, endpoints, address);
      near = probes_of(*second);
    }
  }
  co_return decide(address, probes, near);
}

}  // namespace tollgate::redis
