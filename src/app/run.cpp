#include "app/run.h"

#include <fmt/core.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "app/cluster_command.h"
#include "app/cluster_node.h"
#include "app/command_line.h"
#include "app/configuration_report.h"
#include "app/database.h"
#include "app/monitoring.h"
#include "app/node_health.h"
#include "app/redis_services.h"
#include "app/secrets.h"
#include "app/version.h"
#include "app/web.h"
#include "billing/bpe.h"
#include "core/config.h"
#include "core/log.h"
#include "net/resolver.h"
#include "net/worker.h"
#include "sql/transaction.h"

namespace tollgate::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string reported_version(const core::Config& config) {
  return config.is_set("VERSION") ? config.text("VERSION") : std::string(kVersion);
}

int healthcheck(const core::Config& config) {
  int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(config.integer("PORT")));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval limit{5, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string answer;
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    constexpr std::string_view kRequest = "GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n";
    [[maybe_unused]] auto sent = ::write(descriptor, kRequest.data(), kRequest.size());
    char buffer[1024];
    for (ssize_t got; (got = ::read(descriptor, buffer, sizeof buffer)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  bool well = answer.starts_with("HTTP/1.1 200");
  auto body = answer.find("\r\n\r\n");
  std::printf("%s\n", well ? "true" : body == std::string::npos ? "no answer" : answer.c_str() + body + 4);
  return well ? kOk : kFailure;
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
  auto drain = config.bounds("TOLLGATE_DISCONNECT_DRAIN");
  settings.drain_time = drain.time;
  settings.drain_bytes = drain.bytes;
  settings.charge_abandoned_bound = config.text("TOLLGATE_ABANDON_CHARGE") == "bound";
  settings.realtime_settle = config.duration("TOLLGATE_REALTIME_SETTLE");
  settings.websocket_origins = config.list("TOLLGATE_WS_ORIGINS");
  settings.version = reported_version(config);
  settings.limits = relay::measured_limits();
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

// Waits for SIGTERM or SIGINT, which every thread blocks; nullopt after `limit`.
std::optional<int> wait_for_signal(std::optional<milliseconds> limit) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (!limit) {
    int signal = 0;
    sigwait(&set, &signal);
    return signal;
  }
  timespec time{limit->count() / 1000, (limit->count() % 1000) * 1'000'000};
  int signal = sigtimedwait(&set, nullptr, &time);
  return signal > 0 ? std::optional<int>(signal) : std::nullopt;
}

void block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of that write, not the end of the process
}

// Lets running requests finish: new ones are still served on open connections, each further answer closes its own. A
// second signal shortens the wait to five seconds, a third ends it.
void drain(net::Server& server, relay::Relay& relay, const core::Config& config) {
  server.begin_drain();
  core::log::info("draining: {} requests are running", server.open_exchanges());
  std::this_thread::sleep_for(config.duration("TOLLGATE_DRAIN_DELAY"));
  server.stop_accepting();
  server.close_idle();
  auto due = steady_clock::now() + config.duration("TOLLGATE_DRAIN_TIMEOUT") - std::chrono::seconds(2);
  int signals = 0;
  while (server.open_exchanges() > 0 && steady_clock::now() < due && signals < 2) {
    if (wait_for_signal(milliseconds(50)) && ++signals == 1)
      due = std::min(due, steady_clock::now() + std::chrono::seconds(5));
  }
  if (server.open_exchanges() == 0) return;
  core::log::warn("{} requests are ended by the drain limit", server.open_exchanges());
  relay.end_attempts();
  for (auto end = steady_clock::now() + std::chrono::seconds(2);
       server.open_exchanges() > 0 && steady_clock::now() < end;)
    std::this_thread::sleep_for(milliseconds(20));
}

int serve(const core::Config& config) {
  auto started = steady_clock::now();
  const auto& clock = core::real_clock();

  // Data directory and logs.
  const auto& data_dir = config.text("TOLLGATE_DATA_DIR");
  std::error_code failed;
  std::filesystem::create_directories(data_dir, failed);
  if (failed)
    return fatal(kCannotWrite, "TOLLGATE_DATA_DIR", data_dir + ": " + failed.message(),
                 "name a directory that can be written");
  if (auto warning = core::log::open(log_settings(config)); !warning.empty()) core::log::warn("{}", warning);
  if (config.boolean("TLS_INSECURE_SKIP_VERIFY"))
    core::log::warn("TLS_INSECURE_SKIP_VERIFY is on: certificates of upstreams are not verified");

  // Secrets.
  std::vector<std::string> session_secrets{config.text("SESSION_SECRET")};
  if (session_secrets.front().empty()) {
    auto own = own_session_secret(data_dir);
    if (!own)
      return fatal(kCannotWrite, "TOLLGATE_DATA_DIR", own.error().message, "make it writable, or set SESSION_SECRET");
    session_secrets.front() = *own;
  }
  for (std::string_view rest = config.text("SESSION_SECRET_PREVIOUS"); !rest.empty();) {
    auto bar = rest.find('|');
    session_secrets.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
  }

  // Network threads; the addresses are taken now, so that an error of theirs comes before anything is touched.
  auto worker_count = config.is_set("TOLLGATE_WORKERS") ? static_cast<std::size_t>(config.integer("TOLLGATE_WORKERS"))
                                                        : granted_cores();
  net::Resolver resolver;
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
    return fatal(kAddressInUse, config.is_set("TOLLGATE_LISTEN") ? "TOLLGATE_LISTEN" : "PORT", bound.error().message,
                 "choose another port with PORT or --port");

  // Database, schema.
  auto connections = config.is_set("SQL_MAX_OPEN_CONNS")
                         ? static_cast<std::size_t>(config.integer("SQL_MAX_OPEN_CONNS"))
                         : std::min<std::size_t>(4 * worker_count + 4, 32);
  Databases databases;
  if (int code = open_databases(config, connections, databases); code != kOk) return code;
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
                       .session_secrets = session_secrets,
                       .redis = redis->get()},
                      {.reload = [&] { return load_into(snapshots, pool, defaults); },
                       .state = [&] { return server.draining() ? "draining" : "ready"; },
                       .journal_last_seq = [&] { return billing->health().journal_last_seq; },
                       .facts =
                           [&](boost::json::object& facts) {
                             const auto money = billing->health();
                             facts["open_requests"] = server.open_exchanges();
                             facts["connections"] = server.open_connections();
                             facts["requests_taken"] = server.requests().taken;
                             facts["journal_rows"] = money.journal_last_seq - money.log_mark;
                             facts["sql"] = money.sql_reachable;
                           }},
                      pool, clock);
  if (auto loaded = cluster.feed().load(); !loaded)
    return fatal(kDependencyAway, "SQLITE_PATH", loaded.error().message, "");

  // Channels that fail are switched off in the background.
  relay::ChannelHealth channel_health(pool, clock, [&cluster] { cluster.changed(); });

  // The relay, the management API, and what paths lead to.
  core::ThreadPool sql_threads("sql", 2, 10'000);
  core::ThreadPool api_threads("api", 4, 1'000);
  core::ThreadPool cpu_threads("cpu", std::max<std::size_t>(1, worker_count / 2), 1'000);
  auto limits = make_rate_limits(redis->get(), clock, [&cluster] { return cluster.registry().ready_nodes(); });
  relay::Relay relay(relay_settings(config), worker_list, snapshots, channel_health, *billing, pool, sql_threads,
                     cpu_threads, *limits, clock);

  // Tests and balances of channels, notifications.
  Monitoring monitoring(
      config, worker_list, snapshots, channel_health, *billing, pool, clock, [&cluster] { cluster.changed(); },
      [&cluster](std::string_view job) { return cluster.may_run(job); });

  api::Services services{.db = pool, .log_db = databases.logs(), .clock = clock, .limits = *limits};
  services.settings.session_secrets = session_secrets;
  services.settings.version = reported_version(config);
  services.settings.start_time = clock.unix_seconds();
  services.settings.batch_update = config.boolean("BATCH_UPDATE_ENABLED");
  services.settings.global_limit = limit_of(config, "GLOBAL_API_RATE_LIMIT");
  services.settings.critical_limit = limit_of(config, "CRITICAL_RATE_LIMIT");
  services.options = [&snapshots] { return snapshots.get()->options; };
  cluster.connect(services, relay);
  cluster.connect(*billing);
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
  monitoring.connect(relay, channel_health, services);
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
    shared.emplace(**redis, config, crypto_secrets(config, session_secrets.front()), clock)
        .connect(*billing, relay, services, monitoring);
  api::Api api(std::move(services));

  Health health;
  health.live = [&]() -> std::string {
    for (const auto& worker : workers)
      if (steady_clock::now() - worker->last_tick() > std::chrono::seconds(5))
        return fmt::format("net-{} is stuck", worker->index());
    return {};
  };
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
                    .redis = redis_health(redis->get())});
  };
  web = std::make_unique<Web>(relay, api, api_threads, *limits, clock, std::move(health),
                              WebSettings{.admin_token = config.text("TOLLGATE_ADMIN_TOKEN"),
                                          .version = reported_version(config),
                                          .api_limit = limit_of(config, "GLOBAL_API_RATE_LIMIT"),
                                          .page_limit = limit_of(config, "GLOBAL_WEB_RATE_LIMIT")});

  relay.session_check = [&web](net::Exchange& exchange) { return web->session_user(exchange); };

  // Start.
  relay.load.start(data_dir);
  billing->start();
  channel_health.start();
  monitoring.start();
  for (const auto& worker : workers) worker->start();
  // The token tables take some milliseconds to build: not in the first request that needs them.
  cpu_threads.submit([] {
    billing::load_encoding(billing::Encoding::kO200k);
    billing::load_encoding(billing::Encoding::kCl100k);
  });
  if (auto listening = server.listen(); !listening) return fatal(kAddressInUse, "PORT", listening.error().message, "");
  core::log::info("Tollgate {} ready in {} ms on http://localhost:{} with {} workers", reported_version(config),
                  std::chrono::duration_cast<milliseconds>(steady_clock::now() - started).count(), server.port(),
                  worker_count);
  cluster.start();

  // Run, drain, stop.
  wait_for_signal(std::nullopt);
  cluster.begin_drain();
  drain(server, relay, config);
  for (const auto& worker : workers) worker->stop();
  for (const auto& worker : workers) worker->join();
  monitoring.stop();
  channel_health.stop();
  relay.load.stop();
  api_threads.stop();
  sql_threads.stop();
  cpu_threads.stop();
  relay.spool.stop();
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
  if (line.command == "config") return line.check ? kOk : (std::printf("%s", config.describe().c_str()), kOk);
  if (line.check) return kOk;
  if (line.command == "healthcheck") return healthcheck(config);
  if (line.command == "cluster") {
    Databases databases;
    if (int code = open_databases(config, 2, databases); code != kOk) return code;
    return cluster_command(line, config, *databases.main);
  }

  block_signals();
  raise_descriptor_limit();
  try {
    return serve(config);
  } catch (const std::exception& failure) {
    return fatal(kInternal, "internal", failure.what(), "please report this with the log");
  }
}

}  // namespace tollgate::app
