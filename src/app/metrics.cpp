#include "app/metrics.h"

#include <algorithm>

#include "app/process_metrics.h"

namespace tollgate::app {

using core::label_text;
using core::MetricKind;
using core::MetricsText;

Metrics::Metrics(NodeFacts facts, const net::Server& server, const std::vector<net::Worker*>& workers,
                 relay::Relay& relay, const billing::Billing& billing, const HttpMetrics& http,
                 const CountedLimits& limits, const Components& components)
    : facts_(std::move(facts)),
      server_(server),
      workers_(workers),
      relay_(relay),
      billing_(billing),
      http_(http),
      limits_(limits),
      components_(components) {}

void Metrics::channel_disabled(core::ChannelId channel, std::string_view reason) {
  std::lock_guard lock(mutex_);
  ++disabled_[label_text({{"channel", std::to_string(channel.value)}, {"reason", reason}})];
}

void Metrics::write_node(MetricsText& text) const {
  text.family("tollgate_build_info", MetricKind::kGauge, "1, with what this node is.");
  text.sample({{"version", facts_.version}, {"role", facts_.role}, {"node", facts_.node}}, 1);
  text.gauge("tollgate_up_since_seconds", "When the node began, Unix time.", facts_.start_unix);
  const bool draining = server_.draining();
  text.gauge("tollgate_ready", "1 while the node wants traffic.", facts_.ready() ? 1 : 0);
  text.gauge("tollgate_draining", "1 while the node lets its last requests finish.", draining ? 1 : 0);
  const auto open = server_.open_exchanges();
  text.family("tollgate_http_connections", MetricKind::kGauge, "Client connections.");
  text.sample({{"state", "active"}}, open);
  text.sample({{"state", "idle"}}, std::max(0, server_.open_connections() - open));
  text.counter("tollgate_http_rejected_total", "Heads refused by the rules of HTTP.", server_.requests().refused);
  text.gauge("tollgate_relay_in_flight", "Requests being relayed.", relay_.admission().open());
  net::Alive alive;
  core::HistogramSums lateness;
  for (const auto* worker : workers_) {
    alive += worker->alive();
    lateness[label_text({{"worker", std::to_string(worker->index())}})] = worker->lateness();
  }
  text.family("tollgate_upstream_connections", MetricKind::kGauge, "Upstream connections that wait for a request.");
  text.sample({{"state", "idle"}}, alive.idle_upstreams);
  text.histograms("tollgate_loop_lag_seconds", "How late the turns of each network thread came round.", lateness);
  const auto load = relay_.load.current();
  text.gauge("tollgate_cpu_utilization", "Of the machine's processors, 0 to 1.", load.cpu / 100.0);
}

void Metrics::write_channels(MetricsText& text) const {
  text.family("tollgate_channel_status", MetricKind::kGauge, "1 for the state of each channel.");
  const auto snapshot = relay_.snapshots.get();
  std::size_t shown = 0;
  for (const auto& channel : snapshot->channels) {
    if (++shown > relay_.settings.metrics_series) break;
    const auto id = std::to_string(channel->id.value);
    text.sample({{"channel", id}, {"status", channel->enabled ? "enabled" : "disabled"}}, 1);
  }
  std::lock_guard lock(mutex_);
  text.counters("tollgate_channel_disabled_total", "Channels, or keys of them, that were switched off.", disabled_);
}

std::string Metrics::page() const {
  MetricsText text;
  write_node(text);
  http_.write(text);
  relay_.write_metrics(text);
  write_channels(text);
  limits_.write(text);
  billing_.write_metrics(text);
  components_.write(text);
  std::vector<std::pair<std::string, std::string>> volumes{{"data", facts_.data_dir}};
  if (!facts_.log_dir.empty()) volumes.emplace_back("log", facts_.log_dir);
  write_process_metrics(volumes, text);
  for (const auto& write : more_) write(text);
  return text.text();
}

}  // namespace tollgate::app
