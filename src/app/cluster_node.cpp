#include "app/cluster_node.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <boost/json.hpp>
#include <csignal>
#include <fstream>
#include <thread>

#include "app/command_line.h"
#include "app/node_name.h"
#include "app/secrets.h"
#include "app/signals.h"
#include "cluster/identity.h"
#include "cluster/redis_signals.h"
#include "cluster/schema_gate.h"
#include "cluster/view.h"
#include "core/log.h"
#include "core/random.h"
#include "model/history.h"
#include "sql/once.h"

namespace tollgate::app {
namespace {

namespace json = boost::json;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kReaping = seconds(60);
// The registry asks the database every 10 to 11 s: whoever has had no answer for so long waits for one in vain, and
// counts as lost to the others.
constexpr auto kSilence = seconds(30);
// What a node holds of users and keys: shorter where it would not hear of their changes.
constexpr auto kLife = seconds(5), kDeafLife = seconds(1);

bool is_master(const core::Config& config) { return config.text("NODE_TYPE") == "master"; }

std::string first_address() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return "127.0.0.1";
  std::string v4, v6;
  for (const auto* each = list; each; each = each->ifa_next) {
    if (!each->ifa_addr || (each->ifa_flags & IFF_LOOPBACK) != 0 || (each->ifa_flags & IFF_UP) == 0) continue;
    char text[INET6_ADDRSTRLEN] = {};
    if (each->ifa_addr->sa_family == AF_INET && v4.empty()) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
      if (::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text)) v4 = text;
    } else if (each->ifa_addr->sa_family == AF_INET6 && v6.empty()) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr)) continue;
      if (::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text)) v6 = fmt::format("[{}]", text);
    }
  }
  ::freeifaddrs(list);
  return !v4.empty() ? v4 : !v6.empty() ? v6 : "127.0.0.1";
}

std::string operating_system() {
  utsname name{};
  return ::uname(&name) == 0 ? fmt::format("{} {}", name.sysname, name.release) : "";
}

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::int64_t free_bytes(const std::string& directory) {
  struct statvfs disk{};
  if (::statvfs(directory.c_str(), &disk) != 0) return 0;
  return static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
}

cluster::StandIn stand_in(const core::Config& config) {
  const auto& text = config.text("TOLLGATE_STANDIN");
  return text == "on" ? cluster::StandIn::kOn : text == "off" ? cluster::StandIn::kOff : cluster::StandIn::kAuto;
}

cluster::Mixed mixed(const core::Config& config) {
  const auto& text = config.text("TOLLGATE_MIXED");
  return text == "on" ? cluster::Mixed::kOn : text == "off" ? cluster::Mixed::kOff : cluster::Mixed::kAuto;
}

// The data directory remembers its cluster: another database under the same journal is worth a word.
void remember_cluster(const std::string& directory, const std::string& id) {
  const auto path = directory + "/cluster_id";
  std::string known;
  if (std::ifstream file(path); file) std::getline(file, known);
  if (known == id) return;
  if (!known.empty())
    core::log::warn("this data directory belonged to cluster {}, the database is that of cluster {}", known, id);
  std::ofstream(path, std::ios::trunc) << id << '\n';
}

}  // namespace

std::string advertised_address(const core::Config& config, std::uint16_t port) {
  if (config.is_set("TOLLGATE_ADVERTISE")) return config.text("TOLLGATE_ADVERTISE");
  for (const auto& listen : config.list("TOLLGATE_LISTEN")) {
    auto colon = listen.rfind(':');
    if (listen.starts_with("unix:") || colon == std::string::npos || colon == 0) continue;
    auto host = listen.substr(0, colon);
    if (host != "0.0.0.0" && host != "[::]") return fmt::format("http://{}:{}", host, port);
  }
  return fmt::format("http://{}:{}", first_address(), port);
}

Joined join_cluster(const core::Config& config, const std::string& advertise, sql::Pool& pool) {
  const auto& data_dir = config.text("TOLLGATE_DATA_DIR");
  if (!is_master(config) && pool.dialect() == sql::Dialect::kSqlite && !config.boolean("TOLLGATE_ALLOW_SQLITE_CLUSTER"))
    return {false,
            fatal(kConfiguration, "SQL_DSN", "a slave needs the shared database; SQLite is local to one machine",
                  "set SQL_DSN to that of the master, or NODE_TYPE=master"),
            {}};

  // For the lease only: the node's own id is not known to be its own yet.
  const cluster::Owner starter{core::random_uuid(), 0};
  const auto& migrate = config.text("TOLLGATE_MIGRATE");
  const cluster::SchemaSettings schema{.migrate = migrate == "only" || (migrate == "auto" && is_master(config)),
                                       .wait = config.duration("TOLLGATE_SCHEMA_WAIT")};
  const auto result = cluster::await_schema(pool, starter, schema, stop_is_asked);
  switch (result.outcome) {
    case cluster::SchemaOutcome::kReady: break;
    case cluster::SchemaOutcome::kWaited:
      if (stop_is_asked()) return {false, kOk, {}};
      return {false,
              fatal(kGaveUpWaiting, "schema", result.detail,
                    "start a master on this database, or wait longer with TOLLGATE_SCHEMA_WAIT"),
              {}};
    case cluster::SchemaOutcome::kTooNew:
      return {false, fatal(kConfiguration, "schema", result.detail, "use the release that the other nodes run"), {}};
    case cluster::SchemaOutcome::kDatabase:
      return {false, fatal(kDependencyAway, "SQL_DSN", result.detail, "see the database's own log"), {}};
  }
  if (result.statements > 0) core::log::info("schema completed by {} statements", result.statements);
  if (migrate == "only") {
    std::printf("schema version %lld, completed by %zu statements\n", static_cast<long long>(cluster::kSchemaVersion),
                result.statements);
    return {false, kOk, {}};
  }

  auto dropped = cluster::drop_copied_identity(data_dir, {advertise, cluster::boot_id()}, pool, [] {
    std::this_thread::sleep_for(milliseconds(300));
    return !stop_is_asked();
  });
  if (!dropped)
    return {false, fatal(kDependencyAway, "SQL_DSN", dropped.error().message, "see the database's own log"), {}};
  auto lease = pool.lease();
  auto id = lease ? cluster::cluster_id(**lease) : sql::Result<std::string>(lease.error());
  if (!id) return {false, fatal(kDependencyAway, "SQL_DSN", id.error().message, "see the database's own log"), {}};
  remember_cluster(data_dir, *id);
  return {true, kOk, *id};
}

ClusterNode::ClusterNode(Setting setting, Hooks hooks, sql::Pool& pool, const core::Clock& clock)
    : config_(setting.config), hooks_(std::move(hooks)), pool_(pool), clock_(clock) {
  if (setting.redis) {
    signals_ = std::make_unique<cluster::RedisSignals>(*setting.redis);
    board_ = std::make_unique<cluster::RedisBoard>(*setting.redis);
  } else {
    signals_ = std::make_unique<cluster::NoSignals>();
  }
  cluster::FeedSettings feed;
  feed.node_id = setting.me.node_id;
  feed.cluster_id = setting.cluster_id;
  feed.period = seconds(config_.integer("SYNC_FREQUENCY"));
  feed.mixed = mixed(config_);
  cluster::ChangeFeed::Callbacks callbacks;
  callbacks.reload = hooks_.reload;
  callbacks.user = [this](core::UserId user, core::SteadyTime read_before) {
    if (relay_) relay_->drop_identities_of(user, read_before);
  };
  callbacks.token = [this](core::TokenId token, core::SteadyTime read_before) {
    if (relay_) relay_->drop_identities_of(token, read_before);
  };
  callbacks.everyone = [this] {
    if (relay_) relay_->recheck_identities();
  };
  feed_ = std::make_unique<cluster::ChangeFeed>(std::move(feed), pool_, *signals_, clock_, std::move(callbacks));
  cluster::RegistrySettings registry;
  registry.me = setting.me;
  registry.name = node_name(config_);
  registry.master = is_master(config_);
  registry.version = setting.version;
  registry.advertise = setting.advertise;
  registry.region = config_.text("TOLLGATE_REGION");
  registry.zone = config_.text("TOLLGATE_ZONE");
  registry.time_zone = config_.text("TZ");
  registry.weight = config_.is_set("TOLLGATE_WEIGHT") ? config_.integer("TOLLGATE_WEIGHT") : registry.master ? 3 : 5;
  registry.schema_min = cluster::kOldestSchema;
  registry.schema_max = cluster::kSchemaVersion + 1;
  registry.cluster_id = setting.cluster_id;
  registry.session_secrets = setting.session_secrets;
  registry.crypto_secrets = crypto_secrets(config_, setting.session_secrets.front());
  registry.stand_in = stand_in(config_);
  registry.stand_in_after = config_.duration("TOLLGATE_STANDIN_AFTER");
  registry_ = std::make_unique<cluster::Registry>(std::move(registry), pool_, board_.get(), clock_,
                                                  [this] { return report(); });
  leases_ = std::make_unique<cluster::Leases>(setting.me, pool_, clock_, [this] { return registry_->may_lead(); });
  for (const char* job : {"registry", "channel_test", "channel_balance", "slices", "task_poll", "task_poll_mj"})
    leases_->want(job);
  registry_->on_step_down = [this](milliseconds pause) { leases_->step_down(pause); };
  // Somebody announces itself, or wants something of a node: look now.
  feed_->on("node", [this](const json::object&) { registry_->wake(); });
}

ClusterNode::~ClusterNode() = default;

cluster::NodeReport ClusterNode::report() {
  return {.state = hooks_.state(),
          .journal_last_seq = hooks_.journal_last_seq(),
          .epoch = feed_->epoch(),
          .info = json::serialize(info())};
}

json::object ClusterNode::info() {
  static const std::string kSystem = operating_system();
  json::object out;
  static const std::string kBoot = cluster::boot_id();
  out["os"] = kSystem;
  out["boot"] = kBoot;
  out["cores"] = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  out["memory_bytes"] = resident_bytes();
  out["disk_free_bytes"] = free_bytes(config_.text("TOLLGATE_DATA_DIR"));
  out["clock_offset_ms"] = registry_ ? registry_->clock_offset_ms() : 0;
  out["signals"] = feed_->signals_healthy();
  out["mixed"] = feed_->mixed();
  json::object versions;
  for (const auto& [topic, number] : feed_->applied()) versions[topic] = number;
  out["versions"] = std::move(versions);
  if (registry_) {
    json::array warnings;
    for (const auto& warning : registry_->warnings()) warnings.emplace_back(warning.code);
    out["warnings"] = std::move(warnings);
  }
  if (hooks_.facts) hooks_.facts(out);
  return out;
}

std::optional<relay::JobRun> ClusterNode::begin(std::string_view job) const {
  auto held = leases_->held(job);
  if (!held) return std::nullopt;
  // Under the number it began with: a lease that came back later is another run.
  return relay::JobRun{.may_go_on =
                           [this, lease = *held] {
                             const auto now = leases_->held(lease.name);
                             return now && now->token == lease.token;
                           },
                       .fence = [me = registry_->settings().me,
                                 lease = *held](sql::Connection& db) { return cluster::fence(db, me, lease); }};
}

std::string ClusterNode::unready() const {
  if (registry_->drained_by_request()) return "drained";
  if (too_stale_) return "stale";
  if (registry_->secret_is_odd() && config_.text("TOLLGATE_SECRET_MISMATCH") == "unready") return "secrets";
  return {};
}

std::string ClusterNode::health() const {
  json::object out;
  out["id"] = registry_->settings().cluster_id;
  out["node"] = registry_->settings().me.node_id;
  out["name"] = registry_->settings().name;
  out["role"] = registry_->settings().master ? "master" : "slave";
  out["standing_in"] = registry_->standing_in();
  out["stale_seconds"] = duration_cast<seconds>(stale_for()).count();
  out["ready_nodes"] = registry_->ready_nodes();
  out["live_nodes"] = registry_->live_nodes();
  out["leases"] = static_cast<std::int64_t>(leases_->count());
  out["epoch"] = feed_->epoch();
  out["signals"] = feed_->signals_healthy();
  out["clock_offset_ms"] = registry_->clock_offset_ms();
  json::array warnings;
  for (const auto& warning : registry_->warnings())
    warnings.push_back({{"code", warning.code}, {"text", warning.text}});
  out["warnings"] = std::move(warnings);
  return json::serialize(out);
}

void ClusterNode::connect(api::Services& services, relay::Relay& relay) {
  relay_ = &relay;
  services.settings.admin_token = config_.text("TOLLGATE_ADMIN_TOKEN");
  services.channels_changed = [this] { changed(); };
  services.options_changed = [this] { changed(); };
  services.user_changed = [this](core::UserId user) {
    relay_->drop_identities_of(user);
    feed_->user_changed(user);
  };
  services.token_changed = [this](core::TokenId token, std::string_view key) {
    relay_->drop_identity(std::string(key));
    if (token.value != 0) feed_->token_changed(token);
  };
  auto& cluster = services.cluster;
  cluster.versions = [this] { return feed_->versions(); };
  cluster.epoch = [this] { return feed_->epoch(); };
  cluster.catch_up = [this](std::string_view versions) { feed_->catch_up(versions); };
  cluster.wait_for_all = [this] {
    auto seen = feed_->wait_for_all();
    return std::pair(seen.nodes, seen.of);
  };
  auto read = [this]() -> core::Result<cluster::View> {
    auto lease = pool_.lease();
    if (!lease) return core::error(core::Errc::kUnavailable, lease.error().message);
    auto view = cluster::read_view(**lease);
    if (!view) return core::error(core::Errc::kUnavailable, view.error().message);
    return std::move(*view);
  };
  cluster.all = [this, read]() -> core::Result<json::object> {
    auto view = read();
    if (!view) return view.error();
    return cluster::to_json(*view, registry_->settings().me.node_id, registry_->warnings());
  };
  cluster.node = [this, read](std::string_view name) -> core::Result<json::object> {
    auto view = read();
    if (!view) return view.error();
    auto found = cluster::find_node(view->nodes, name);
    if (found.trouble == cluster::FindTrouble::kAmbiguous)
      return core::error(core::Errc::kConflict, "several nodes have this name");
    if (!found.row) return core::error(core::Errc::kNotFound, "no such node");
    return cluster::to_json(*view, *found.row, registry_->settings().me.node_id);
  };
  cluster.wish = [this](std::string_view name, api::NodeWish wanted, std::int64_t limit) -> core::Result<void> {
    auto lease = pool_.lease();
    if (!lease) return core::error(core::Errc::kUnavailable, lease.error().message);
    core::Result<cluster::NodeRow> done = core::error(core::Errc::kInvalid, "");
    switch (wanted) {
      case api::NodeWish::kDrain: done = cluster::wish(**lease, name, cluster::Wish::kDrain, limit); break;
      case api::NodeWish::kResume: done = cluster::wish(**lease, name, cluster::Wish::kResume, 0); break;
      case api::NodeWish::kStepDown: done = cluster::wish(**lease, name, cluster::Wish::kStepDown, limit); break;
      case api::NodeWish::kForget: done = cluster::forget_node(**lease, name); break;
    }
    if (!done) return done.error();
    feed_->publish("node", {});
    registry_->wake();
    return {};
  };
}

void ClusterNode::connect(billing::Billing& billing) {
  registry_->on_ready_nodes = [&billing](std::int64_t count) { billing.set_ready_nodes(count); };
  billing.connect_slices([this](std::string message) {
    if (!feed_->signals_healthy()) return false;
    feed_->publish("slices", {{"m", std::move(message)}});
    return true;
  });
  feed_->on("slices", [&billing](const json::object& message) {
    const auto* text = message.if_contains("m");
    if (text && text->is_string()) billing.on_slice_message(std::string_view(text->get_string()));
  });
}

void ClusterNode::start() {
  feed_->start();
  registry_->start();
  leases_->start();
  feed_->publish("node", {});
  housekeeping_ = std::thread([this] {
    auto reap_at = clock_.steady() + kReaping;
    bool deaf = false;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      const bool now_deaf = registry_->live_nodes() > 1 && !feed_->signals_healthy();
      if (deaf != now_deaf) relay_->set_identity_life(now_deaf ? kDeafLife : kLife);
      deaf = now_deaf;
      watch_staleness();
      if (clock_.steady() >= reap_at) {
        reap_at = clock_.steady() + kReaping;
        reap();
      }
      lock.lock();
    }
  });
}

// Cut off from the database and from Redis a node goes on with what it knows, for as long as the operator allows.
void ClusterNode::watch_staleness() {
  const auto now = clock_.steady();
  if (feed_->signals_healthy()) last_signal_ = now;
  const auto answered = hooks_.sql_answered();
  const bool hears = hooks_.sql_answers() && now - answered < kSilence;
  const auto stale = hears ? milliseconds(0) : duration_cast<milliseconds>(now - std::max(answered, last_signal_));
  stale_ms_ = stale.count();
  const auto limit = config_.duration("TOLLGATE_STALE_LIMIT");
  const bool over = limit.count() > 0 && stale > limit;
  if (too_stale_.exchange(over) == over) return;
  if (relay_) relay_->set_out_of_date(over);
  if (over) {
    core::log::error("neither the database nor Redis was reached for {} s: no traffic is taken, keys are refused",
                     duration_cast<seconds>(stale).count());
  } else {
    core::log::warn("changes are heard of again: keys are served");
  }
}

void ClusterNode::reap() {
  const auto run = begin("registry");
  if (!run) return;
  auto lease = pool_.lease();
  if (!lease) return;
  if (auto swept = sql::with_fence(**lease, run->fence, cluster::remove_old_revocations); !swept)
    core::log::debug("tg_revocations: {}", swept.error().message);
  if (auto swept = sql::with_fence(**lease, run->fence, model::remove_old_history); !swept)
    core::log::debug("tg_history: {}", swept.error().message);
  if (auto swept = sql::with_fence(**lease, run->fence, sql::forget_old_requests); !swept)
    core::log::debug("tg_once: {}", swept.error().message);
  auto removed = sql::with_fence(**lease, run->fence, cluster::remove_old_nodes);
  if (removed && *removed > 0) core::log::info("{} old nodes are taken out of the registry", *removed);
}

void ClusterNode::begin_drain() {
  leases_->stop();
  registry_->wake();
}

void ClusterNode::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (housekeeping_.joinable()) housekeeping_.join();
  leases_->stop();
  feed_->stop();
  registry_->stop();
  feed_->publish("node", {});
}

}  // namespace tollgate::app
