// What the relay counts of its requests for /metrics, one of these a worker (docs/monitoring.md). Labels are routes,
// models, groups and channels, never users or keys, and a node has only so many series.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "billing/usage.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/metrics_text.h"
#include "core/types.h"
#include "dialect/openai_error.h"
#include "dialect/openai_request.h"
#include "relay/refusals.h"
#include "relay/system_load.h"

namespace tollgate::relay {

struct Request;
struct EndOfRequest;

// How a request ended, for people who watch a fleet.
enum class Outcome { kOk, kClientError, kAuth, kLimited, kQuota, kUpstreamError, kCanceled, kDraining };
constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::kDraining) + 1;
Outcome outcome_of(const EndOfRequest& end);
Outcome outcome_of(Refusal reason);

// Where the gate found who a key belongs to.
enum class KeySource { kMemory, kRedis, kSql, kNone };

// The limits of series, shared by the workers of a node.
struct RelaySeriesLimits {
  explicit RelaySeriesLimits(std::size_t most) : models(most), channels(most) {}
  core::SeriesLimit models, channels;
};

class RelayMetrics {
  static constexpr std::size_t kTokenKinds = 7;

 public:
  // Of one route, model and group on one worker.
  struct ModelSeries {
    std::array<core::Counter, kOutcomes> outcomes;
    std::array<core::Counter, kTokenKinds> tokens;
    core::Counter charged;
    core::Histogram tokens_per_second{core::kRates};
  };

  explicit RelayMetrics(RelaySeriesLimits& limits) : models_(limits.models), channels_(limits.channels) {}

  // All on the worker. A request calls ended() once; attempt_begins() and attempt_ends() in turn, the latter also when
  // there is nothing to end.
  void authenticated(KeySource source, bool passed);
  void attempt_begins(Request& request);
  void attempt_ends(Request& request, bool canceled);
  void settled(Request& request, const EndOfRequest& end, const billing::Usage& billed, core::Quota charged);
  void retried(Refusal reason) { retries_[static_cast<std::size_t>(reason)].add(); }
  void shed(Overloaded what) { shed_[static_cast<std::size_t>(what)].add(); }
  void ended(Request& request, std::optional<Refusal> refused);

  // The families of these workers, added up. Any thread.
  static void write(std::span<const std::reference_wrapper<const RelayMetrics>> workers, core::MetricsText& text);
  std::uint64_t shed_for(Overloaded what) const { return shed_[static_cast<std::size_t>(what)].value(); }

 private:
  static constexpr std::size_t kModes = static_cast<std::size_t>(dialect::OpenAiRoute::kRealtime) + 1;
  static constexpr std::size_t kAttemptOutcomes = 7;
  static constexpr std::size_t kKeyResults = (static_cast<std::size_t>(KeySource::kNone) + 1) * 2;  // passed or not

  struct ModelLook {
    dialect::OpenAiRoute mode;
    std::string_view model, group;
  };
  struct ModelKey {
    dialect::OpenAiRoute mode;
    std::string model, group;
    explicit ModelKey(const ModelLook& look) : mode(look.mode), model(look.model), group(look.group) {}
    ModelKey other() const { return ModelKey(ModelLook{mode, "other", "other"}); }
  };
  struct ModelHash {
    using is_transparent = void;
    std::size_t operator()(const ModelKey& key) const { return of(key.mode, key.model, key.group); }
    std::size_t operator()(const ModelLook& key) const { return of(key.mode, key.model, key.group); }
    static std::size_t of(dialect::OpenAiRoute mode, std::string_view model, std::string_view group) {
      const std::hash<std::string_view> hash;
      return hash(model) ^ (hash(group) << 1U) ^ static_cast<std::size_t>(mode);
    }
  };
  struct ModelEqual {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.mode == b.mode && a.model == b.model && a.group == b.group;
    }
  };
  struct ChannelKey {
    std::int64_t id = 0;
    int type = 0;
    ChannelKey other() const { return {0, 0}; }
    bool operator==(const ChannelKey&) const = default;
  };
  struct ChannelHash {
    std::size_t operator()(const ChannelKey& key) const { return static_cast<std::size_t>(key.id); }
  };
  struct ChannelSeries {
    std::array<core::Counter, kAttemptOutcomes> outcomes;
    core::Histogram duration{core::kRequestTimes};
  };
  struct ModeSeries {
    core::Histogram duration{core::kRequestTimes}, first_token{core::kRequestTimes}, overhead{core::kShortTimes};
  };
  struct Sums;

  ModelSeries& series_of(Request& request);
  void add_to(Sums& sums) const;

  core::SeriesTable<ModelKey, ModelSeries, ModelHash, ModelEqual> models_;
  core::SeriesTable<ChannelKey, ChannelSeries, ChannelHash> channels_;
  std::array<ModeSeries, kModes> modes_;
  std::array<core::Counter, kRefusals> retries_;
  std::array<core::Counter, kKeyResults> keys_;
  std::array<core::Counter, 3> shed_;
};

}  // namespace tollgate::relay
