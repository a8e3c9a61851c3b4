// The page at /metrics: every family, from what each part of the node counts. docs/monitoring.md lists them.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "app/components.h"
#include "app/counted_limits.h"
#include "app/http_metrics.h"
#include "billing/billing.h"
#include "core/metrics_text.h"
#include "net/http_server.h"
#include "net/worker.h"
#include "relay/relay.h"
#include "sql/meter.h"

namespace tollgate::app {

// What does not change while the process runs.
struct NodeFacts {
  std::string version, role, node;
  std::int64_t start_unix = 0;
  std::string data_dir, log_dir;  // log_dir empty: no log files
  std::function<bool()> ready;    // as /readyz says
};

// Everything passed by reference outlives it. Any thread; a page takes milliseconds, so no network worker makes it.
class Metrics {
 public:
  Metrics(NodeFacts facts, const net::Server& server, const std::vector<net::Worker*>& workers, relay::Relay& relay,
          const billing::Billing& billing, const HttpMetrics& http, const CountedLimits& limits,
          const Components& components);

  // Further families, by whoever has them. Before the first page.
  void add(std::function<void(core::MetricsText&)> write) { more_.push_back(std::move(write)); }
  // A channel, or a key of it, was switched off. `reason`: one of a few words.
  void channel_disabled(core::ChannelId channel, std::string_view reason);

  std::string page() const;

 private:
  void write_node(core::MetricsText& text) const;
  void write_channels(core::MetricsText& text) const;

  const NodeFacts facts_;
  const net::Server& server_;
  const std::vector<net::Worker*>& workers_;
  relay::Relay& relay_;
  const billing::Billing& billing_;
  const HttpMetrics& http_;
  const CountedLimits& limits_;
  const Components& components_;
  std::vector<std::function<void(core::MetricsText&)>> more_;
  mutable std::mutex mutex_;
  core::CounterSums disabled_;
};

}  // namespace tollgate::app
