// R-01 … R-08, R-PUBSUB: Redis.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "core/random.h"
#include "doctor/doctor.h"

namespace tollgate::doctor {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kRounds = 20;
constexpr double kSlowMs = 20;

// What INFO says behind `name:`.
std::string info_of(redis::Client& client, std::string_view section, std::string_view name) {
  auto told = client.ask({"INFO", std::string(section)});
  if (!told || told->is_error()) return {};
  auto at = told->text.find(std::string(name) + ":");
  if (at == std::string::npos) return {};
  at += name.size() + 1;
  return told->text.substr(at, told->text.find_first_of("\r\n", at) - at);
}

void report_away(Report& report, const core::Error& error, const std::string& places) {
  const auto evidence = places + ": " + error.message;
  auto says = [&](std::string_view part) { return error.message.find(part) != std::string::npos; };
  if (error.code == core::Errc::kDenied && (says("ertificate") || says("TLS")))
    report.fail(
        "R-03", "Redis TLS", evidence, "the server's certificate is not believed",
        "set TOLLGATE_REDIS_CA to the authority's file, or TOLLGATE_REDIS_TLS_SERVER_NAME to the certificate's name");
  else if (error.code == core::Errc::kDenied)
    report.fail("R-04", "Redis log-in", evidence, "the server asks for a password and does not take what it is given",
                "put the password into REDIS_CONN_STRING (redis://:PASSWORD@host:6379) or into REDIS_PASSWORD");
  else if (error.code == core::Errc::kInvalid && says("REDIS_MASTER_NAME"))
    report.fail("R-05", "Redis sentinels", evidence,
                "these are sentinels, and which of their groups to use is not said",
                "set REDIS_MASTER_NAME to the name that the sentinels watch, usually mymaster");
  else if (error.code == core::Errc::kInvalid)
    report.fail("R-05", "Redis mode", evidence, "what is configured does not fit these servers",
                "correct REDIS_CONN_STRING; docs/redis.md");
  else
    report.fail("R-02", "Redis connect", evidence,
                "nothing answers there: limits count per node and changes take up to SYNC_FREQUENCY",
                "start Redis, open its port to this machine, and check host and port in REDIS_CONN_STRING");
}

void check_mode(Report& report, redis::Client& client) {
  const auto state = client.state();
  const auto role = info_of(client, "replication", "role");
  const auto evidence = fmt::format("{} {}, Redis {}", redis::to_string(state.mode), state.server,
                                    info_of(client, "server", "redis_version"));
  if (role == "slave")
    report.fail("R-05", "Redis mode", evidence + ", a replica", "a replica takes no writes",
                "name the primary, or its sentinels, in REDIS_CONN_STRING");
  else
    report.pass("R-05", "Redis mode", evidence);
}

// One command of each family that the program uses, on keys that go by themselves.
void check_rights(Report& report, redis::Client& client) {
  const auto key = client.key("tg:probe:" + core::random_uuid());
  const std::pair<const char*, redis::Command> families[] = {{"strings", {"SET", key, "1", "PX", "10000"}},
                                                             {"expiry", {"PEXPIRE", key, "10000"}},
                                                             {"hashes", {"HSET", key + ":h", "a", "1"}},
                                                             {"lists", {"LPUSH", key + ":l", "1"}},
                                                             {"sets", {"SADD", key + ":s", "1"}},
                                                             {"sorted sets", {"ZADD", key + ":z", "1", "1"}},
                                                             {"scripts", {"EVAL", "return 1", "1", key}},
                                                             {"publish", {"PUBLISH", key, "1"}},
                                                             {"delete", {"DEL", key}}};
  std::string refused;
  for (const auto& [family, command] : families) {
    auto answer = client.ask(command);
    if (answer && answer->is_error())
      refused += fmt::format("{}{} ({})", refused.empty() ? "" : ", ", family, answer->text);
  }
  for (std::string_view end : {":h", ":l", ":s", ":z"}) client.send({"DEL", key + std::string(end)});
  if (refused.empty())
    report.pass("R-06", "Redis rights", "all families of commands are allowed");
  else
    report.fail("R-06", "Redis rights", refused, "the Redis user may not run what the program needs",
                "ACL SETUSER name on >password ~* &* +@all -@dangerous +info +script");
}

void check_latency(Report& report, redis::Client& client) {
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    const auto began = steady_clock::now();
    if (!client.ask({"PING"})) break;
    times.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - began).count());
  }
  if (times.empty()) return;
  std::ranges::sort(times);
  const auto evidence = fmt::format("round trip p50 {:.1f} ms, most {:.1f} ms", times[times.size() / 2], times.back());
  if (times[times.size() / 2] > kSlowMs)
    report.warn("R-07", "Redis latency", evidence, "every limited request waits for this",
                "bring nodes and Redis closer together");
  else
    report.pass("R-07", "Redis latency", evidence);
}

void check_memory(Report& report, redis::Client& client) {
  const auto policy = info_of(client, "memory", "maxmemory_policy");
  const auto limit = info_of(client, "memory", "maxmemory");
  const auto evidence =
      fmt::format("maxmemory {}, policy {}", limit.empty() ? "unknown" : limit, policy.empty() ? "unknown" : policy);
  if (limit != "0" && !limit.empty() && policy == "noeviction")
    report.warn("R-08", "Redis memory", evidence,
                "a full server refuses writes; what is kept there may be dropped at any time",
                "CONFIG SET maxmemory-policy allkeys-lru");
  else
    report.pass("R-08", "Redis memory", evidence);
}

// A message to ourselves. Shared with the client's callbacks, which may come late.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  bool joined = false, message = false;
};

void check_pubsub(Report& report, redis::Client& client) {
  auto heard = std::make_shared<Heard>();
  const auto channel = "tg:probe:" + core::random_uuid();
  client.subscribe({.channel = channel,
                    .heartbeat = "ping",
                    .message =
                        [heard](std::string_view) {
                          std::lock_guard lock(heard->mutex);
                          heard->message = true;
                          heard->changed.notify_all();
                        },
                    .joined =
                        [heard] {
                          std::lock_guard lock(heard->mutex);
                          heard->joined = true;
                          heard->changed.notify_all();
                        }});
  const auto began = steady_clock::now();
  std::unique_lock lock(heard->mutex);
  const auto due = began + std::chrono::seconds(3);
  heard->changed.wait_until(lock, due, [&] { return heard->joined; });
  std::string refused;
  if (heard->joined) {
    lock.unlock();
    auto sent = client.ask({"PUBLISH", client.key(channel), "probe"});
    if (sent && sent->is_error()) refused = sent->text;
    lock.lock();
    heard->changed.wait_until(lock, due, [&] { return heard->message; });
  }
  if (heard->message)
    return report.pass("R-PUBSUB", "publish/subscribe",
                       fmt::format("a message came back in {:.1f} ms",
                                   std::chrono::duration<double, std::milli>(steady_clock::now() - began).count()));
  report.fail(
      "R-PUBSUB", "publish/subscribe",
      !refused.empty() ? "PUBLISH: " + refused
      : heard->joined  ? "subscribed, and the message did not come back"
                       : "the subscription does not come to stand",
      "nodes cannot tell each other of changes: polling works, publish/subscribe does not",
      "allow it: ACL SETUSER name &* +subscribe +publish; a proxy in front of Redis must let SUBSCRIBE through");
}

}  // namespace

void check_redis(Patient& patient) {
  auto& report = patient.report;
  auto& settings = patient.setting.redis;
  if (!settings)
    return report.fail("R-01", "Redis", settings.error().message, "REDIS_CONN_STRING cannot be used",
                       "correct it; docs/redis.md");
  if (settings->address.endpoints.empty()) {
    if (patient.cluster && patient.cluster->nodes.rows.size() > 1)
      return report.warn("R-01", "Redis", "REDIS_CONN_STRING is not set",
                         "limits count on each node for itself, and changes take up to SYNC_FREQUENCY",
                         "set REDIS_CONN_STRING=redis://:PASSWORD@host:6379 on every node");
    return report.skip("R-01", "Redis", "REDIS_CONN_STRING is not set; one node needs none");
  }
  std::string places;
  for (const auto& endpoint : settings->address.endpoints) places += (places.empty() ? "" : ",") + endpoint.text();
  for (const auto& warning : settings->address.warnings)
    report.warn("R-01", "Redis", warning, "the text is understood, but not in the usual form", "docs/redis.md");
  const bool named = !settings->address.master_name.empty();
  auto client = redis::Client::start(*settings);
  if (!client) return report_away(report, client.error(), places);
  if (auto there = (*client)->await_first(std::chrono::seconds(5)); !there) {
    const auto state = (*client)->state();
    auto error = there.error();
    if (!state.error.empty() && error.message.find(state.error) == std::string::npos) error.message = state.error;
    report_away(report, error, places);
    return;
  }
  patient.redis = std::move(*client);
  report.pass("R-02", "Redis connect", places);
  check_mode(report, *patient.redis);
  if (patient.redis->state().mode == redis::Mode::kSentinel && !named)
    report.warn("R-05", "Redis sentinels", "REDIS_MASTER_NAME is not set",
                "the only group that the sentinels know is used; a second one would stop the start",
                "set REDIS_MASTER_NAME to the name that the sentinels watch, usually mymaster");
  check_rights(report, *patient.redis);
  check_latency(report, *patient.redis);
  check_memory(report, *patient.redis);
  check_pubsub(report, *patient.redis);
}

}  // namespace tollgate::doctor
