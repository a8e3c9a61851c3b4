#include "redis/cluster.h"

#include <charconv>

#include "core/log.h"
#include "net/suspend.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using core::Errc;
using core::Result;
using net::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr int kMaxRedirections = 5;
constexpr auto kRefresh = seconds(60);
constexpr auto kRefreshAtMost = milliseconds(1000);  // apart

struct Target {
  Endpoint endpoint;
  std::shared_ptr<Link> link;
};

// A command on its way through the redirections.
struct Attempt {
  Command command;
  Router::Time due;
  Router::Done done;
  int redirections = 0;
};

}  // namespace

std::vector<SlotRange> slot_ranges(const Reply& reply, const Endpoint& asked) {
  std::vector<SlotRange> ranges;
  for (const auto& one : reply.items) {
    if (one.items.size() < 3 || one.items[2].items.size() < 2) continue;
    auto first = one.items[0].integer;
    auto last = one.items[1].integer;
    auto port = one.items[2].items[1].integer;
    if (first < 0 || first > last || last >= static_cast<std::int64_t>(kSlots) || port <= 0 || port > 65535) continue;
    const auto& host = one.items[2].items[0].text;
    ranges.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last),
                      Endpoint{.host = host.empty() ? asked.host : host, .port = static_cast<std::uint16_t>(port)}});
  }
  return ranges;
}

std::optional<Redirection> redirection(std::string_view error, const Endpoint& asked) {
  Redirection found;
  if (error.starts_with("ASK ")) {
    found.ask = true;
    error.remove_prefix(4);
  } else if (error.starts_with("MOVED ")) {
    error.remove_prefix(6);
  } else {
    return std::nullopt;
  }
  auto space = error.find(' ');
  auto colon = error.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) return std::nullopt;
  auto number = [](std::string_view text, std::uint16_t& value) {
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failed == std::errc() && end == text.data() + text.size();
  };
  if (!number(error.substr(0, space), found.slot) || found.slot >= kSlots) return std::nullopt;
  if (!number(error.substr(colon + 1), found.to.port) || found.to.port == 0) return std::nullopt;
  found.to.host = error.substr(space + 1, colon - space - 1);
  if (found.to.host.empty()) found.to.host = asked.host;
  return found;
}

// Shared by the router and what is under way.
struct ClusterRouter::Map : std::enable_shared_from_this<Map> {
  Map(Network& to, std::vector<Endpoint> given, Credentials entry)
      : network(to), seeds(std::move(given)), credentials(std::move(entry)), timer(to.io), spacing(to.io) {}

  std::shared_ptr<Target> target(const Endpoint& endpoint);
  std::shared_ptr<Target> target_of(const Command& command);
  void attempt(std::shared_ptr<Attempt> attempt, std::shared_ptr<Target> target, bool asking);
  void answered(std::shared_ptr<Attempt> attempt, const std::shared_ptr<Target>& target, Result<Reply> reply);
  void again_after(milliseconds wait, std::shared_ptr<Attempt> attempt);
  awaitable<void> run();
  awaitable<bool> refresh();
  void apply(const std::vector<SlotRange>& ranges);
  void want_refresh() {
    wanted = true;
    timer.cancel();
  }

  Network& network;
  std::vector<Endpoint> seeds;
  Credentials credentials;
  asio::steady_timer timer;    // until the next refresh; cut short when one is wanted
  asio::steady_timer spacing;  // between two of them
  std::map<Endpoint, std::shared_ptr<Target>> targets;
  std::array<std::shared_ptr<Target>, kSlots> slots;
  bool wanted = false, stopped = false;
};

std::shared_ptr<Target> ClusterRouter::Map::target(const Endpoint& endpoint) {
  auto& entry = targets[endpoint];
  if (entry) return entry;
  entry = std::make_shared<Target>();
  entry->endpoint = endpoint;
  auto open = [this, endpoint](/* the map outlives its links */) -> awaitable<Router::Opened> {
    co_return co_await Connection::open(network.io, endpoint, network.access(credentials, 0),
                                        steady_clock::now() + network.connect_timeout);
  };
  auto up = [this, endpoint](std::string_view run_id) { network.on_up(endpoint.text(), run_id); };
  auto down = [this](const core::Error& why) {
    network.on_down(why);
    want_refresh();
  };
  entry->link = std::make_shared<Link>(network.io, network.counters, open, Link::Events{.up = up, .down = down});
  entry->link->start();
  return entry;
}

std::shared_ptr<Target> ClusterRouter::Map::target_of(const Command& command) {
  auto key = key_of(command);
  if (!key.empty())
    if (auto& owner = slots[slot_of(key)]) return owner;
  for (const auto& [endpoint, one] : targets)
    if (one->link->up()) return one;
  return targets.empty() ? nullptr : targets.begin()->second;
}

void ClusterRouter::Map::attempt(std::shared_ptr<Attempt> attempt, std::shared_ptr<Target> target, bool asking) {
  if (!target) return attempt->done(core::error(Errc::kUnavailable, "no server of the cluster is known yet"));
  auto answer = [self = shared_from_this(), attempt, target](Result<Reply> reply) {
    self->answered(attempt, target, std::move(reply));
  };
  if (asking) {
    target->link->send_asking(attempt->command, attempt->due, std::move(answer));
  } else {
    target->link->send(attempt->command, attempt->due, std::move(answer));
  }
}

void ClusterRouter::Map::answered(std::shared_ptr<Attempt> attempt, const std::shared_ptr<Target>& target,
                                  Result<Reply> reply) {
  if (!reply || !reply->is_error()) return attempt->done(std::move(reply));
  auto elsewhere = redirection(reply->text, target->endpoint);
  bool later = reply->is_error("TRYAGAIN") || reply->is_error("CLUSTERDOWN") || reply->is_error("LOADING");
  if (!elsewhere && !later) return attempt->done(std::move(reply));
  if (stopped || ++attempt->redirections > kMaxRedirections || steady_clock::now() >= attempt->due)
    return attempt->done(core::error(Errc::kUnavailable, "the cluster does not settle: " + reply->text));
  if (!elsewhere) return again_after(milliseconds(reply->is_error("TRYAGAIN") ? 50 : 100), std::move(attempt));
  auto next = this->target(elsewhere->to);
  if (!elsewhere->ask) {
    slots[elsewhere->slot] = next;
    want_refresh();
  }
  this->attempt(std::move(attempt), std::move(next), elsewhere->ask);
}

void ClusterRouter::Map::again_after(milliseconds wait, std::shared_ptr<Attempt> attempt) {
  auto pause = std::make_shared<asio::steady_timer>(network.io, wait);
  pause->async_wait([self = shared_from_this(), pause, attempt = std::move(attempt)](boost::system::error_code) {
    if (self->stopped) return attempt->done(core::error(Errc::kCancelled, "stopping"));
    self->attempt(attempt, self->target_of(attempt->command), false);
  });
}

awaitable<void> ClusterRouter::Map::run() {
  while (!stopped) {
    wanted = false;
    bool learnt = co_await refresh();
    if (!learnt && targets.empty())
      network.on_down(core::error(Errc::kUnavailable, "no server of the cluster answers"));
    if (stopped) break;
    spacing.expires_after(kRefreshAtMost);
    co_await spacing.async_wait(asio::as_tuple(asio::deferred));
    if (stopped || wanted || !learnt) continue;
    timer.expires_after(kRefresh - kRefreshAtMost);
    co_await timer.async_wait(asio::as_tuple(asio::deferred));
  }
}

awaitable<bool> ClusterRouter::Map::refresh() {
  const Command ask{"CLUSTER", "SLOTS"};
  auto due = [this] { return steady_clock::now() + std::max(network.command_timeout, milliseconds(500)); };
  auto told = [this](const Result<Reply>& answer, const Endpoint& by) {
    if (stopped || !answer || answer->is_error()) return false;
    auto ranges = slot_ranges(*answer, by);
    if (!ranges.empty()) apply(ranges);
    return !ranges.empty();
  };
  auto known = targets;
  for (const auto& [endpoint, one] : known) {
    if (!one->link->up()) continue;
    auto begin = [&](auto done) { one->link->send(ask, due(), std::move(done)); };
    auto answer = co_await net::suspend<Result<Reply>>(begin);
    if (told(answer, endpoint)) co_return true;
  }
  for (const auto& endpoint : seeds) {
    auto access = network.access(credentials, 0);
    access.name.clear();  // it is there for one question
    auto opened = co_await Connection::open(network.io, endpoint, access, due());
    if (!opened) {
      if (opened.error().code == Errc::kDenied) network.on_down(opened.error());
      continue;
    }
    auto answer = co_await (*opened)->ask(ask, due());
    (*opened)->close(core::error(Errc::kCancelled, "asked"));
    if (told(answer, endpoint)) co_return true;
  }
  co_return false;
}

void ClusterRouter::Map::apply(const std::vector<SlotRange>& ranges) {
  std::map<Endpoint, std::shared_ptr<Target>> serving;
  for (const auto& range : ranges) {
    auto owner = target(range.primary);
    serving[range.primary] = owner;
    for (std::size_t slot = range.first; slot <= range.last; ++slot) slots[slot] = owner;
  }
  for (auto& [endpoint, one] : std::exchange(targets, std::move(serving)))
    if (!targets.contains(endpoint)) one->link->stop();
  for (auto& slot : slots)
    if (slot && !targets.contains(slot->endpoint)) slot = nullptr;
}

ClusterRouter::ClusterRouter(Network& network, std::vector<Endpoint> seeds, Credentials credentials)
    : map_(std::make_shared<Map>(network, std::move(seeds), std::move(credentials))) {}

ClusterRouter::~ClusterRouter() = default;

void ClusterRouter::start() {
  asio::co_spawn(map_->network.io, [map = map_]() -> awaitable<void> { co_await map->run(); }, asio::detached);
}

void ClusterRouter::stop() {
  map_->stopped = true;
  map_->timer.cancel();
  map_->spacing.cancel();
  for (const auto& [endpoint, one] : map_->targets) one->link->stop();
}

void ClusterRouter::send(Command command, Time due, Done done) {
  auto attempt = std::make_shared<Attempt>(Attempt{std::move(command), due, std::move(done)});
  map_->attempt(attempt, map_->target_of(attempt->command), false);
}

std::vector<std::shared_ptr<Link>> ClusterRouter::primaries() const {
  std::vector<std::shared_ptr<Link>> links;
  for (const auto& [endpoint, one] : map_->targets) links.push_back(one->link);
  return links;
}

bool ClusterRouter::connected() const {
  for (const auto& [endpoint, one] : map_->targets)
    if (one->link->up()) return true;
  return false;
}

// What is published on one server is heard on all.
awaitable<Router::Opened> ClusterRouter::open_listener() {
  auto map = map_;
  std::vector<Endpoint> from;
  for (const auto& [endpoint, one] : map->targets)
    if (one->link->up()) from.push_back(endpoint);
  Opened opened = core::error(Errc::kUnavailable, "no server of the cluster answers");
  for (const auto& endpoint : from) {
    opened = co_await Connection::open(map->network.io, endpoint, map->network.access(map->credentials, 0),
                                       steady_clock::now() + map->network.connect_timeout);
    if (opened) break;
  }
  co_return opened;
}

}  // namespace tollgate::redis
