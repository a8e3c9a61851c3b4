#include "app/cluster_figures.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "cluster/fingerprint.h"

namespace tollgate::app {
namespace {

using core::label_text;
using core::MetricKind;

constexpr std::int64_t kClockMs = 2000;
constexpr auto kStale = std::chrono::seconds(1);

}  // namespace

void write_cluster_metrics(ClusterNode& cluster, core::MetricsText& text) {
  auto& registry = cluster.registry();
  const auto nodes = registry.nodes();
  core::CounterSums states;
  for (const auto& row : nodes->rows)
    ++states[label_text({{"role", row.role}, {"state", cluster::state_of(row, nodes->now)}})];
  text.family("tollgate_cluster_nodes", MetricKind::kGauge, "Nodes in the registry.");
  for (const auto& [labels, count] : states) text.sample(std::string_view(labels), count);
  text.family("tollgate_cluster_split", MetricKind::kGauge, "1 when nodes use different databases or Redis servers.");
  text.sample({{"kind", "sql"}}, registry.split_database() ? 1 : 0);
  text.sample({{"kind", "redis"}}, registry.split_redis() ? 1 : 0);
  const auto odd = cluster::odd_secrets(*nodes);
  text.family("tollgate_secret_mismatch", MetricKind::kGauge, "Live nodes whose secret is not that of the others.");
  for (std::string_view secret : {"SESSION_SECRET", "CRYPTO_SECRET"})
    text.sample({{"secret", secret}}, std::ranges::count(odd, secret, &cluster::OddSecret::secret));
  text.gauge("tollgate_clock_offset_seconds", "This machine's clock beside the database's.",
             static_cast<double>(registry.clock_offset_ms()) / 1000);
  text.gauge("tollgate_stale_seconds",
             "Since when this node has reached neither the database nor Redis; 0 while it does.",
             static_cast<double>(cluster.stale_for().count()) / 1000);
  text.gauge("tollgate_pubsub_healthy", "1 while nodes can tell each other of changes.",
             cluster.feed().signals_healthy() ? 1 : 0);
  text.family("tollgate_topic_applied_version", MetricKind::kGauge, "Versions of shared data in force on this node.");
  for (const auto& [topic, version] : cluster.feed().applied()) text.sample({{"topic", topic}}, version);
  text.gauge("tollgate_leases_held", "Jobs of the cluster that this node runs.", cluster.leases().count());
}

void add_cluster_components(Components& components, ClusterNode& cluster, bool redis) {
  auto& registry = cluster.registry();
  if (redis)
    components.add("pubsub", [&cluster]() -> Condition {
      if (cluster.feed().signals_healthy()) return {};
      return {Wellness::kAway, "changes of other nodes are found by polling, within SYNC_FREQUENCY"};
    });
  components.add("configuration", [&cluster]() -> Condition {
    if (cluster.stale_for() > kStale)
      return {Wellness::kAway, "neither the database nor Redis is reached: what is in force may be out of date"};
    if (cluster.sql_answers()) return {};
    return {Wellness::kDegraded, "as the database last gave it; changes come when it answers again"};
  });
  components.add("clock", [&registry]() -> Condition {
    const auto offset = registry.clock_offset_ms();
    if (std::abs(offset) <= kClockMs) return {};
    return {Wellness::kDegraded, fmt::format("{} ms beside the database's", offset)};
  });
  components.add("secrets", [&registry]() -> Condition {
    const auto odd = cluster::odd_secrets(*registry.nodes());
    if (odd.empty()) return {};
    return {Wellness::kDegraded,
            fmt::format("{} of node {} differs from that of the others", odd.front().secret, odd.front().name)};
  });
  components.add("peers", [&registry]() -> Condition {
    if (registry.split_database()) return {Wellness::kDegraded, "nodes over this Redis use another database"};
    if (registry.split_redis()) return {Wellness::kDegraded, "nodes over this database use another Redis"};
    const auto nodes = registry.nodes();
    std::string lost;
    for (const auto& row : nodes->rows)
      if (cluster::state_of(row, nodes->now) == "lost") lost += (lost.empty() ? "" : ", ") + row.name;
    if (lost.empty()) return {};
    return {Wellness::kDegraded, "lost: " + lost};
  });
}

}  // namespace tollgate::app
