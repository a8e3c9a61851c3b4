// The relay's front: what it needs of the program, and the handlers of its routes.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "billing/billing.h"
#include "core/clock.h"
#include "core/metrics_text.h"
#include "core/random.h"
#include "core/rate_limit.h"
#include "core/thread_pool.h"
#include "dialect/openai_error.h"
#include "net/http_server.h"
#include "relay/admission.h"
#include "relay/affinity_rules.h"
#include "relay/affinity_store.h"
#include "relay/identity_cache.h"
#include "relay/playground.h"
#include "relay/refusals.h"
#include "relay/snapshot.h"
#include "relay/spool.h"
#include "relay/system_load.h"

namespace tollgate::relay {

class ChannelHealth;
class ClientSide;
class RelayMetrics;
struct RelaySeriesLimits;

struct RelaySettings {
  std::size_t max_body_bytes = 128U << 20U;
  std::size_t max_answer_bytes = 256U << 20U;
  std::size_t max_event_bytes = 64U << 20U;
  bool force_stream_option = true;
  bool count_tokens = true;
  bool measure_media = true;  // images count by their size, in streams
  bool measure_not_stream = false;
  std::size_t max_file_bytes = 64U << 20U;  // of a file that a request links to
  bool error_log = false;
  dialect::AuthText auth_text = dialect::AuthText::kFixed;
  bool verify_tls = true;
  bool pass_upstream_id = false;                  // clients see the upstream's request id
  std::chrono::milliseconds keepalive{15'000};    // silence in a stream before a comment; 0: none
  std::chrono::milliseconds commit_head{50'000};  // longest time a stream's head waits for the first event; 0: for ever
  // How long a plain answer's head waits before a blank begins it; 0: for ever; unset: commit_head where an untuned
  // nginx waits.
  std::optional<std::chrono::milliseconds> json_keepalive;
  // How far an upstream is read on after its client left, on channels that say so.
  std::chrono::milliseconds drain_time{60'000};
  std::size_t drain_bytes = 16U << 20U;
  bool charge_abandoned_bound = false;  // a client that left before any answer pays its output limit besides the prompt
  std::chrono::milliseconds realtime_settle{60'000};  // longest time between two charges of a realtime session
  std::vector<std::string> websocket_origins;         // empty: any
  std::string version;
  std::string region;                       // TOLLGATE_REGION, in log rows
  std::vector<std::string> tasks_per_call;  // TASK_PRICE_PATCH: models whose tasks cost their price a call
  AdmissionLimits limits;
  std::size_t metrics_series = 2000;  // TOLLGATE_METRICS_SERIES
};

// Counters of one worker, summed when read.
struct RelayCounters {
  std::atomic<std::uint64_t> requests{0};
  RefusalCounts refused;
  std::atomic<std::uint64_t> failed_attempts{0};
};

class Relay {
 public:
  // Everything passed by reference outlives the relay. Workers are numbered from 0.
  Relay(RelaySettings settings, std::vector<net::Worker*> workers, SnapshotHolder& snapshots, ChannelHealth& health,
        billing::Billing& billing, sql::Pool& pool, core::ThreadPool& sql_threads, core::ThreadPool& cpu_threads,
        core::RateLimits& limits, const core::Clock& clock);
  ~Relay();

  static bool owns(std::string_view method, std::string_view path);
  net::awaitable<void> handle(net::Exchange& exchange);

  // From any thread: takes effect on every worker at once.
  void drop_identity(std::string key);
  // What was read before that time.
  void drop_identities_of(core::UserId user, core::SteadyTime read_before = core::SteadyTime::max());
  void drop_identities_of(core::TokenId token, core::SteadyTime read_before = core::SteadyTime::max());
  void recheck_identities();  // of all keys: they are asked for anew before they are used
  // Keys that SQL does not confirm are refused from now on, or served again.
  void set_out_of_date(bool out_of_date);
  void set_identity_life(std::chrono::milliseconds life);

  // Rows that nodes share; set before the first request.
  void share_rows(model::RowCache& rows) {
    for (auto& local : locals_) local->identities.share_rows(rows);
  }

  // At the end of a drain: upstream calls are cancelled, streams get an error event and are charged for what came.
  void end_attempts();
  bool shutting_down() const { return shutting_down_.load(std::memory_order_relaxed); }

  Admission& admission() { return admission_; }

  // Answered with an error for this reason since the start. Any thread.
  std::uint64_t refused(Refusal reason) const;
  // The relay's families of /metrics. Any thread.
  void write_metrics(core::MetricsText& text) const;

  // What belongs to one worker.
  struct Local {
    IdentityCache identities;
    core::FastRandom random;
    RelayCounters counters;
    std::unique_ptr<RelayMetrics> metrics;
    std::shared_ptr<const Snapshot> snapshot;
    std::vector<std::string> buffers;  // lent to streams while they have something to send
    AffinityModels affinity_models;
    std::unordered_set<std::int64_t> no_stream_options;                  // channels that refused the member
    bool journal_told = false;                                           // the journal is woken at the end of this turn
    ClientSide* clients = nullptr;                                       // of the attempts that run
    std::unordered_map<std::int64_t, core::SteadyTime> told_of_balance;  // user → when
  };
  Local& local(const net::Worker& worker);

  // A key of a channel was taken whose keys take turns: for nodes that share the turns. Waits for nothing. Set before
  // the first request, may be empty.
  std::function<void(const Channel&)> turn_taken;

  // Told of users whose balance may be low after a charge (relay/low_balance); waits for nothing. Set before the first
  // request, may be empty.
  std::function<void(core::UserId, core::Quota charge)> low_balance;

  const RelaySettings settings;
  SnapshotHolder& snapshots;
  ChannelHealth& health;
  billing::Billing& billing;
  sql::Pool& pool;
  core::ThreadPool& sql_threads;
  core::ThreadPool& cpu_threads;
  core::RateLimits& limits;
  const core::Clock& clock;
  std::unique_ptr<AffinityChannels> affinity_channels;  // in memory unless set before the first request
  AffinityUsages affinity_usages;
  Spool spool;                 // long uploads
  SystemLoad load;             // of the machine; whoever runs the relay starts it
  SessionCheck session_check;  // set before the first request

 private:
  const std::unique_ptr<RelaySeriesLimits> series_limits_;
  std::vector<net::Worker*> workers_;
  std::vector<std::unique_ptr<Local>> locals_;
  std::atomic<bool> shutting_down_{false};
  Admission admission_;
};

}  // namespace tollgate::relay
