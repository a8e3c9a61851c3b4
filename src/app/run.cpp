#include "app/run.h"

#include <fmt/core.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "app/admin_server.h"
#include "app/cluster_command.h"
#include "app/cluster_figures.h"
#include "app/cluster_node.h"
#include "app/command_line.h"
#include "app/configuration_report.h"
#include "app/data_lock.h"
#include "app/database.h"
#include "app/doctor_command.h"
#include "app/drain.h"
#include "app/front_end.h"
#include "app/journal_command.h"
#include "app/lost_slices.h"
#include "app/metrics.h"
#include "app/monitoring.h"
#include "app/node_components.h"
#include "app/node_health.h"
#include "app/node_name.h"
#include "app/port_holder.h"
#include "app/privileges.h"
#include "app/redis_figures.h"
#include "app/redis_services.h"
#include "app/secrets.h"
#include "app/signals.h"
#include "app/supervisor.h"
#include "app/task_poll.h"
#include "app/version.h"
#include "app/web.h"
#include "billing/bpe.h"
#include "core/config.h"
#include "core/log.h"
#include "core/shared_clock.h"
#include "net/resolver.h"
#include "net/worker.h"
#include "redis/address.h"
#include "sql/dsn.h"
#include "sql/transaction.h"

namespace tollgate::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string reported_version(const core::Config& config) {
  return config.is_set("VERSION") ? config.text("VERSION") : std::string(kVersion);
}

std::size_t granted_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
  return std::max(1U, std::thread::hardware_concurrency());
}

// Each connection is a descriptor: take what the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

net::ServerSettings server_settings(const core::Config& config) {
  net::ServerSettings settings;
  settings.port = static_cast<std::uint16_t>(config.integer("PORT"));
  settings.listen = config.list("TOLLGATE_LISTEN");
  settings.idle_timeout = config.duration("TOLLGATE_KEEPALIVE");
  settings.name_line = "X-Tollgate-Node: " + printable_node_name(config) + "\r\n";
  settings.name_to_all = config.boolean("TOLLGATE_NODE_HEADER");
  for (const auto& text : config.list("TOLLGATE_TRUSTED_PROXIES")) {
    if (text == "all") settings.trust_all = true;
    if (auto block = core::parse_ip_block(text)) settings.trusted_proxies.push_back(*block);
  }
  return settings;
}

// Upper case names win, as in other programs that read these variables.
core::Result<net::EnvironmentProxies> environment_proxies(const core::Config& config) {
  auto either = [&](std::string_view name, std::string_view lower) -> std::string_view {
    return config.text(name).empty() ? config.text(lower) : config.text(name);
  };
  return net::EnvironmentProxies::make({.http = either("HTTP_PROXY", "http_proxy"),
                                        .https = either("HTTPS_PROXY", "https_proxy"),
                                        .all = either("ALL_PROXY", "all_proxy"),
                                        .none = either("NO_PROXY", "no_proxy")});
}

relay::SnapshotDefaults snapshot_defaults(const core::Config& config, net::EnvironmentProxies proxies) {
  relay::SnapshotDefaults defaults;
  defaults.proxies = std::move(proxies);
  defaults.link_base = FrontEnd::base_of(config);
  defaults.timeouts.connect = config.duration("TOLLGATE_CONNECT_TIMEOUT");
  defaults.timeouts.first_byte = config.duration("TOLLGATE_FIRST_BYTE_TIMEOUT");
  defaults.timeouts.gap = std::chrono::seconds(config.integer("STREAMING_TIMEOUT"));
  defaults.timeouts.total = std::chrono::seconds(config.integer("RELAY_TIMEOUT"));
  defaults.azure_api_version = config.text("AZURE_DEFAULT_API_VERSION");
  return defaults;
}

relay::RelaySettings relay_settings(const core::Config& config) {
  auto megabytes = [&](std::string_view name) { return static_cast<std::size_t>(config.integer(name)) << 20U; };
  relay::RelaySettings settings;
  settings.max_body_bytes = megabytes("MAX_REQUEST_BODY_MB");
  settings.max_answer_bytes = megabytes("TOLLGATE_MAX_ANSWER_MB");
  settings.max_event_bytes = megabytes("STREAM_SCANNER_MAX_BUFFER_MB");
  settings.force_stream_option = config.boolean("FORCE_STREAM_OPTION");
  settings.count_tokens = config.boolean("CountToken");
  settings.measure_media = config.boolean("GET_MEDIA_TOKEN");
  settings.measure_not_stream = config.boolean("GET_MEDIA_TOKEN_NOT_STREAM");
  settings.max_file_bytes = static_cast<std::size_t>(config.integer("MAX_FILE_DOWNLOAD_MB")) << 20U;
  settings.error_log = config.boolean("ERROR_LOG_ENABLED");
  if (config.text("TOLLGATE_UPSTREAM_AUTH_TEXT") == "pass") settings.auth_text = dialect::AuthText::kPass;
  settings.verify_tls = !config.boolean("TLS_INSECURE_SKIP_VERIFY");
  settings.pass_upstream_id = config.boolean("TOLLGATE_PASS_UPSTREAM_ID");
  settings.keepalive = config.duration("TOLLGATE_SSE_KEEPALIVE");
  settings.commit_head = config.duration("TOLLGATE_SSE_COMMIT");
  if (config.text("TOLLGATE_JSON_KEEPALIVE") != "auto")
    settings.json_keepalive = config.duration("TOLLGATE_JSON_KEEPALIVE");
  auto drain = config.bounds("TOLLGATE_DISCONNECT_DRAIN");
  settings.drain_time = drain.time;
  settings.drain_bytes = drain.bytes;
  settings.charge_abandoned_bound = config.text("TOLLGATE_ABANDON_CHARGE") == "bound";
  settings.realtime_settle = config.duration("TOLLGATE_REALTIME_SETTLE");
  settings.websocket_origins = config.list("TOLLGATE_WS_ORIGINS");
  settings.version = reported_version(config);
  settings.region = config.text("TOLLGATE_REGION");
  settings.tasks_per_call = config.list("TASK_PRICE_PATCH");
  settings.limits = relay::measured_limits();
  settings.metrics_series = static_cast<std::size_t>(config.integer("TOLLGATE_METRICS_SERIES"));
  if (auto requests = config.integer("TOLLGATE_MAX_REQUESTS")) settings.limits.requests = requests;
  if (auto limit = megabytes("TOLLGATE_MEMORY_LIMIT_MB")) settings.limits.memory_bytes = limit;
  settings.limits.lag = config.duration("TOLLGATE_MAX_LOOP_LAG");
  return settings;
}

api::Settings::Limit limit_of(const core::Config& config, const std::string& name) {
  return {config.boolean(name + "_ENABLE"), config.integer(name), config.integer(name + "_DURATION")};
}

bool on_one_disk(const std::string& a, const std::string& b) {
  struct stat first{};
  struct stat second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev;
}

core::log::Settings log_settings(const core::Config& config) {
  core::log::Settings settings;
  settings.directory = config.text("TOLLGATE_LOG_DIR") == "-" ? std::string() : config.text("TOLLGATE_LOG_DIR");
  const auto& level = config.text("TOLLGATE_LOG_LEVEL");
  settings.level = config.boolean("DEBUG") || level == "debug" ? core::log::Level::kDebug
                   : level == "warn"                           ? core::log::Level::kWarn
                   : level == "error"                          ? core::log::Level::kError
                                                               : core::log::Level::kInfo;
  settings.max_bytes = static_cast<std::size_t>(config.integer("TOLLGATE_LOG_MAX_MB")) << 20U;
  settings.keep_files = static_cast<std::size_t>(config.integer("TOLLGATE_LOG_KEEP"));
  return settings;
}

// Reads channels, options and prices into the snapshot; what it returns stands for the rows. One call at a time.
core::Result<std::uint64_t> load_into(relay::SnapshotHolder& holder, sql::Pool& pool,
                                      const relay::SnapshotDefaults& defaults) {
  auto lease = pool.lease();
  if (!lease) return core::error(core::Errc::kUnavailable, lease.error().message);
  auto snapshot = relay::load_snapshot(**lease, defaults);
  if (!snapshot) return snapshot.error();
  const auto content = (*snapshot)->content;
  holder.replace(std::move(*snapshot));
  return content;
}

// At SIGHUP: what can change while the process runs is read again.
void reload(const core::ConfigSources& sources, LiveSecrets& secrets) {
  core::log::reopen();
  core::ConfigReport report;
  auto config = core::Config::load(sources, report);
  for (const auto& error : report.errors) core::log::error("{}", error);
  if (!report.errors.empty()) return core::log::error("the configuration stays as it was");
  core::log::set_level(log_settings(config).level);
  secrets.replace(given_session_secrets(config));
  core::log::info("log file opened anew, log level and session secrets read again");
  core::log::flush();
}

// What the table of variables cannot check: connection strings have grammars of their own.
int check_connection_strings(const core::Config& config) {
  for (const char* variable : {"SQL_DSN", "LOG_SQL_DSN"})
    if (auto dsn = sql::parse_dsn(config.text(variable), config.text("SQLITE_PATH")); !dsn)
      return fatal(kConfiguration, variable, dsn.error().message, "docs/databases.md shows the forms");
  if (const auto& text = config.text("REDIS_CONN_STRING"); !text.empty())
    if (auto address = redis::parse_address(text); !address)
      return fatal(kConfiguration, "REDIS_CONN_STRING", address.error().message, "docs/redis.md shows the forms");
  return kOk;
}

int serve(const core::Config& config, const core::ConfigSources& sources) {
  auto started = steady_clock::now();
  // Everybody goes by the cluster's time but the registry, which compares this machine's with it.
  core::SharedClock clock(core::real_clock());

  // Data directory and logs.
  const auto& data_dir = config.text("TOLLGATE_DATA_DIR");
  auto lock = DataLock::take(data_dir);
  if (!lock)
    return fatal(kCannotWrite, "TOLLGATE_DATA_DIR", lock.error().message,
                 "name a directory that can be written and that this process has for itself");
  if (auto warning = core::log::open(log_settings(config)); !warning.empty()) core::log::warn("{}", warning);
  if (config.boolean("TLS_INSECURE_SKIP_VERIFY"))
    core::log::warn("TLS_INSECURE_SKIP_VERIFY is on: certificates of upstreams are not verified");

  // Secrets.
  auto first_secrets = given_session_secrets(config);
  if (first_secrets.front().empty()) {
    auto own = own_session_secret(data_dir);
    if (!own)
      return fatal(kCannotWrite, "TOLLGATE_DATA_DIR", own.error().message, "make it writable, or set SESSION_SECRET");
    first_secrets.front() = *own;
  }
  LiveSecrets session_secrets(std::move(first_secrets));

  // Network threads; the addresses are taken now, so that an error of theirs comes before anything is touched.
  auto worker_count = config.is_set("TOLLGATE_WORKERS") ? static_cast<std::size_t>(config.integer("TOLLGATE_WORKERS"))
                                                        : granted_cores();
  net::Resolver resolver;
  AdminServer admin(data_dir, config.list("TOLLGATE_ADMIN_LISTEN"), resolver);
  net::UpstreamSettings upstream_settings;
  upstream_settings.max_idle = static_cast<std::size_t>(config.integer("RELAY_MAX_IDLE_CONNS"));
  upstream_settings.max_idle_per_host = static_cast<std::size_t>(config.integer("RELAY_MAX_IDLE_CONNS_PER_HOST"));
  std::vector<std::unique_ptr<net::Worker>> workers;
  std::vector<net::Worker*> worker_list;
  for (std::size_t i = 0; i < worker_count; ++i) {
    workers.push_back(std::make_unique<net::Worker>(static_cast<int>(i), resolver, upstream_settings));
    worker_list.push_back(workers.back().get());
  }
  std::unique_ptr<Web> web;
  net::Server server(server_settings(config), worker_list,
                     [&web](net::Exchange& exchange) { return web->handle(exchange); });
  if (auto bound = server.bind(); !bound)
    return fatal(kAddressInUse, config.is_set("TOLLGATE_LISTEN") ? "TOLLGATE_LISTEN" : "PORT",
                 with_holder(bound.error().message), "choose another port with PORT, --port or TOLLGATE_LISTEN");
  if (auto started_admin = admin.start(); !started_admin)
    return fatal(kAddressInUse, "TOLLGATE_ADMIN_LISTEN", with_holder(started_admin.error().message),
                 "choose another address");

  // Database, schema.
  auto connections = config.is_set("SQL_MAX_OPEN_CONNS")
                         ? static_cast<std::size_t>(config.integer("SQL_MAX_OPEN_CONNS"))
                         : std::min<std::size_t>(4 * worker_count + 4, 32);
  sql::Meter main_meter, log_meter;  // outlive the pools
  Databases databases;
  if (int code = open_databases(config, connections, databases); code != kOk) return code;
  databases.main = sql::metered(std::move(databases.main), main_meter);
  if (databases.log) databases.log = sql::metered(std::move(databases.log), log_meter);
  sql::Pool& pool = *databases.main;
  const auto advertise = advertised_address(config, server.port());
  const auto joined = join_cluster(config, advertise, pool);
  if (!joined.go_on) return joined.exit_code;

  // Redis, when there is one: what nodes share besides the database. Away is a state.
  auto redis = start_redis(config);
  if (!redis) {
    bool away = redis.error().code == core::Errc::kUnavailable;
    return fatal(away ? kDependencyAway : kConfiguration, redis.error().message,
                 away ? "start it, or unset TOLLGATE_REDIS_REQUIRED" : "mend the variable");
  }

  // Money: the journal is opened, what an earlier process left is flushed in the background.
  auto opened = billing::Billing::open(billing::BillingSettings::of(config), pool, databases.logs(), clock);
  if (!opened)
    return fatal(kCannotWrite, "TOLLGATE_DATA_DIR", opened.error().message,
                 "one process at a time uses a data directory");
  auto billing = std::move(*opened);
  // Logs give way to charges where both are on one disk.
  billing->on_disk_low([shared = on_one_disk(data_dir, log_settings(config).directory)](bool low) {
    if (shared) core::log::pause_files(low);
  });

  // Channels, options, prices.
  auto proxies = environment_proxies(config);
  if (!proxies) return fatal(kConfiguration, "proxies", proxies.error().message, "mend the variable");
  relay::SnapshotHolder snapshots;
  const auto defaults = snapshot_defaults(config, std::move(*proxies));

  // The other nodes: who lives, who does which job, and what one changed comes into force on all.
  ClusterNode cluster({.config = config,
                       .cluster_id = joined.cluster_id,
                       .advertise = advertise,
                       .version = reported_version(config),
                       .me = {billing->node().id, billing->node().incarnation},
                       .session_secrets = session_secrets.now(),
                       .redis = redis->get()},
                      {.reload = [&] { return load_into(snapshots, pool, defaults); },
                       .state = [&]() -> std::string {
                         if (!server.draining()) return "ready";
                         const bool done = cluster.registry().drained_by_request() && server.open_exchanges() == 0;
                         return done ? "drained" : "draining";
                       },
                       .journal_last_seq = [&] { return billing->health().journal_last_seq; },
                       .sql_answered = [&] { return core::SteadyTime(main_meter.last_answer()); },
                       .sql_answers = [&] { return main_meter.state() != sql::State::kAway; },
                       .facts =
                           [&](boost::json::object& facts) {
                             const auto money = billing->health();
                             facts["open_requests"] = server.open_exchanges();
                             facts["connections"] = server.open_connections();
                             facts["requests_taken"] = server.requests().taken;
                             facts["journal_rows"] = money.journal_last_seq - money.log_mark;
                             facts["sql"] = money.sql_reachable;
                             facts["lost_hold_ms"] = billing->lost_hold().count();
                             facts["exposed_accounts"] = money.exposed;
                           }},
                      pool, core::real_clock());
  cluster.registry().on_time = [&clock](milliseconds lead) { clock.follow(lead); };
  if (auto loaded = cluster.feed().load(); !loaded)
    return fatal(kDependencyAway, "SQLITE_PATH", loaded.error().message, "");

  // Channels that fail are switched off in the background.
  relay::ChannelHealth channel_health(pool, clock, [&cluster] { cluster.changed(); });

  // The relay, the management API, and what paths lead to.
  core::ThreadPool sql_threads("sql", 2, 10'000);
  core::ThreadPool api_threads("api", 4, 1'000);
  core::ThreadPool cpu_threads("cpu", std::max<std::size_t>(1, worker_count / 2), 1'000);
  auto shared_limits = make_rate_limits(redis->get(), clock, [&cluster] { return cluster.registry().ready_nodes(); });
  CountedLimits limits(*shared_limits, [client = redis->get()] {
    return client && client->state().connected ? CountedLimits::kRedis : CountedLimits::kLocal;
  });
  relay::Relay relay(relay_settings(config), worker_list, snapshots, channel_health, *billing, pool, sql_threads,
                     cpu_threads, limits, clock);

  // Tests and balances of channels, notifications.
  Monitoring monitoring(
      config, worker_list, snapshots, channel_health, *billing, pool, clock, [&cluster] { cluster.changed(); },
      [&cluster](std::string_view job) { return cluster.begin(job); });

  // Songs, pictures and films that upstreams work on for minutes.
  TaskPoll task_poll(config, worker_list, snapshots, *billing, pool, databases.log != nullptr, clock, cluster);

  api::Services services{.db = pool, .log_db = databases.logs(), .clock = clock, .limits = limits};
  services.session_secrets = [&session_secrets] { return session_secrets.now(); };
  services.settings.version = reported_version(config);
  services.settings.start_time = clock.unix_seconds();
  services.settings.batch_update = config.boolean("BATCH_UPDATE_ENABLED");
  services.settings.global_limit = limit_of(config, "GLOBAL_API_RATE_LIMIT");
  services.settings.critical_limit = limit_of(config, "CRITICAL_RATE_LIMIT");
  services.options = [&snapshots] { return snapshots.get()->options; };
  cluster.connect(services, relay);
  cluster.connect(*billing);
  LostSlices lost_slices(*billing, cluster);
  services.shown_user_balance = [&billing](core::UserId user, core::Quota column) {
    return billing->shown_user_balance(user, column);
  };
  services.shown_token_balance = [&billing](core::TokenId token, core::Quota column) {
    return billing->shown_token_balance(token, column);
  };
  services.set_user_balance = [&billing](core::UserId user, core::Quota wanted) {
    return billing->set_user_balance(user, wanted);
  };
  services.set_token_balance = [&billing](core::TokenId token, core::Quota wanted) {
    return billing->set_token_balance(token, wanted);
  };

  // What the node says of itself.
  HttpMetrics http_metrics(worker_count, static_cast<std::size_t>(config.integer("TOLLGATE_METRICS_SERIES")));
  server.on_exchange_end([&http_metrics](const net::Exchange& exchange) { http_metrics.observe(exchange); });
  Components components(clock);
  add_components(components, *billing, main_meter, data_dir);
  add_cluster_components(components, cluster, *redis != nullptr);
  if (*redis) add_redis_component(components, **redis);
  Metrics metrics({.version = reported_version(config),
                   .role = config.text("NODE_TYPE"),
                   .node = node_name(config),
                   .start_unix = clock.unix_seconds(),
                   .data_dir = data_dir,
                   .log_dir = log_settings(config).directory,
                   .ready = [&] { return !server.draining() && cluster.unready().empty(); }},
                  server, worker_list, relay, *billing, http_metrics, limits, components);
  metrics.add([&cluster](core::MetricsText& text) { write_cluster_metrics(cluster, text); });
  if (*redis) metrics.add([&redis](core::MetricsText& text) { write_redis_metrics(**redis, text); });
  metrics.add([&](core::MetricsText& text) {
    const sql::Meter::Named meters[] = {{"main", &main_meter}, {"log", &log_meter}};
    sql::Meter::write(std::span(meters).first(databases.log ? 2 : 1), text);
  });

  monitoring.connect(relay, channel_health, services, [&metrics](core::ChannelId channel, std::string_view found_by) {
    metrics.channel_disabled(channel, found_by);
  });
  services.each_affinity_key = [&relay](const auto& visit) { relay.affinity_channels->each_key(visit); };
  services.drop_affinity_keys = [&relay](const auto& drops) { return relay.affinity_channels->erase_if(drops); };
  services.affinity_usage = [&relay](std::string_view rule, std::string_view group, std::string_view fingerprint) {
    auto sum = relay.affinity_usages.find(rule, group, fingerprint).value_or(relay::AffinityUsage{});
    return api::AffinityUsage{
        sum.hit,          sum.total,         sum.window_seconds, sum.prompt_tokens, sum.completion_tokens,
        sum.total_tokens, sum.cached_tokens, sum.last_seen_at};
  };
  std::optional<SharedState> shared;
  if (*redis)
    shared.emplace(**redis, config, crypto_secrets(config, session_secrets.now().front()), clock)
        .connect(*billing, relay, services, monitoring);
  api::Api api(std::move(services));

  Supervisor supervisor;
  Drain drain(server, relay, supervisor, config);
  cluster.registry().on_desired_drain = [&drain](bool wanted) { drain.wanted(wanted); };

  Health health;
  health.live = [&]() -> std::string {
    for (const auto& worker : workers)
      if (steady_clock::now() - worker->last_tick() > std::chrono::seconds(5))
        return fmt::format("net-{} is stuck", worker->index());
    return {};
  };
  auto health_live = health.live;
  health.ready = [&]() -> std::string { return server.draining() ? "draining" : cluster.unready(); };
  health.detail = [&]() -> std::string {
    auto requests = server.requests();
    net::Alive alive;
    for (const auto& worker : workers) alive += worker->alive();
    std::vector<std::pair<std::string_view, std::uint64_t>> errors;
    for (std::size_t i = 0; i < relay::kRefusals; ++i) {
      const auto reason = static_cast<relay::Refusal>(i);
      errors.emplace_back(relay::to_string(reason), relay.refused(reason));
    }
    return to_json({.version = reported_version(config),
                    .draining = server.draining(),
                    .connections = server.open_connections(),
                    .requests = server.open_exchanges(),
                    .taken = requests.taken,
                    .refused = requests.refused,
                    .relayed = relay.admission().open(),
                    .overloaded = relay.admission().refused(),
                    .errors = std::move(errors),
                    .money = billing->health(),
                    .alive = alive,
                    .cluster = cluster.health(),
                    .redis = redis_health(redis->get()),
                    .components = components.json()});
  };
  if (config.boolean("TOLLGATE_METRICS")) health.metrics = [&metrics] { return metrics.page(); };
  FrontEnd front_end(config);
  web = std::make_unique<Web>(relay, api, api_threads, limits, clock, std::move(health),
                              WebSettings{.admin_token = config.text("TOLLGATE_ADMIN_TOKEN"),
                                          .version = reported_version(config),
                                          .api_limit = limit_of(config, "GLOBAL_API_RATE_LIMIT"),
                                          .page_limit = limit_of(config, "GLOBAL_WEB_RATE_LIMIT")},
                              front_end);

  relay.session_check = [&web](net::Exchange& exchange) { return web->session_user(exchange); };

  // Start.
  relay.load.start(data_dir);
  billing->start();
  components.start();
  channel_health.start();
  monitoring.start();
  for (const auto& worker : workers) worker->start();
  // The token tables take some milliseconds to build: not in the first request that needs them.
  cpu_threads.submit([] {
    billing::load_encoding(billing::Encoding::kO200k);
    billing::load_encoding(billing::Encoding::kCl100k);
  });
  if (auto listening = server.listen(); !listening) return fatal(kAddressInUse, "PORT", listening.error().message, "");
  admin.ready([&web](net::Exchange& exchange) { return web->handle_operator(exchange); });
  supervisor.say("READY=1\nSTATUS=ready as " + config.text("NODE_TYPE"));
  supervisor.watch(health_live);
  core::log::info("Tollgate {} ready in {} ms on http://localhost:{} with {} workers", reported_version(config),
                  std::chrono::duration_cast<milliseconds>(steady_clock::now() - started).count(), server.port(),
                  worker_count);
  cluster.start();
  lost_slices.start();
  task_poll.start();

  // Run, drain, stop.
  while (wait_for_signal(std::nullopt) == SIGHUP) reload(sources, session_secrets);
  cluster.begin_drain();
  drain.finish();
  admin.stop();
  for (const auto& worker : workers) worker->stop();
  for (const auto& worker : workers) worker->join();
  monitoring.stop();
  task_poll.stop();
  channel_health.stop();
  relay.load.stop();
  components.stop();
  api_threads.stop();
  sql_threads.stop();
  cpu_threads.stop();
  relay.spool.stop();
  lost_slices.stop();
  billing->stop(std::chrono::seconds(5));
  cluster.stop();
  if (*redis) (*redis)->stop();
  // Listeners belong to a worker; suspended coroutines hold references to what stands above: they go first.
  server.close();
  workers.clear();
  core::log::info("stopped");
  core::log::flush();
  return kOk;
}

}  // namespace

int run(const std::vector<std::string>& arguments) {
  auto line = parse_command_line(arguments);
  if (!line.error.empty()) {
    std::fprintf(stderr, "%s\n%s", line.error.c_str(), std::string(usage()).c_str());
    return kBadCommandLine;
  }
  if (line.command == "help") return std::printf("%s", std::string(usage()).c_str()), kOk;
  if (line.command == "version") return std::printf("%s\n", std::string(kVersion).c_str()), kOk;
  if (line.command == "secret") return print_secret(line.as_env), kOk;

  ::umask(077);
  auto sources = core::ConfigSources::of_process();
  sources.flags = line.flags;
  sources.env_file = line.env_file;
  sources.env_file_required = line.env_file_given;
  core::ConfigReport report;
  auto config = core::Config::load(sources, report);
  apply_time_zone(config, report);
  if (int code = report_configuration(report); code != kOk) {
    if (line.command == "serve" && !line.check) delay_exit(config);
    return code;
  }
  if (line.command != "doctor")
    if (int code = check_connection_strings(config); code != kOk) return code;
  if (auto dropped = drop_privileges(config, line.command == "serve" && !line.check); !dropped)
    return fatal(kNotPermitted, "TOLLGATE_RUN_AS", dropped.error().message, "start as that user, or as root");
  if (line.command == "config") return line.check ? kOk : (std::printf("%s", config.describe().c_str()), kOk);
  if (line.check) return kOk;
  if (line.command == "healthcheck")
    return healthcheck(config.text("TOLLGATE_DATA_DIR"), config.list("TOLLGATE_LISTEN"),
                       static_cast<std::uint16_t>(config.integer("PORT")));
  if (line.command != "serve")
    (void)core::log::open({.directory = {}, .level = core::log::Level::kWarn, .on_stderr = true});
  if (line.command == "doctor") return doctor_command(line, config, report, reported_version(config));
  if (line.command == "cluster" || line.command == "journal") {
    Databases databases;
    if (int code = open_databases(config, 2, databases); code != kOk) return code;
    if (line.command == "journal") return journal_command(line, *databases.main, databases.logs());
    return cluster_command(line, config, *databases.main);
  }

  block_signals();
  raise_descriptor_limit();
  try {
    return serve(config, sources);
  } catch (const std::exception& failure) {
    return fatal(kInternal, "internal", failure.what(), "please report this with the log");
  }
}

}  // namespace tollgate::app
