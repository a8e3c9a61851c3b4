#include "relay/relay_metrics.h"

#include <string>

#include "relay/request.h"

namespace tollgate::relay {
namespace {

using core::label_text;
using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::string_view kFormat = "openai";
constexpr std::string_view kOutcomeNames[] = {"ok",    "client_error",   "auth",     "limited",
                                              "quota", "upstream_error", "canceled", "draining"};
constexpr std::string_view kModeNames[] = {"chat_completions", "completions", "embeddings", "moderations",
                                           "images",           "image_edits", "speech",     "transcriptions",
                                           "translations",     "rerank",      "realtime"};
constexpr std::string_view kTokenNames[] = {"prompt",    "completion", "cached", "cache_write",
                                            "reasoning", "audio",      "image"};
constexpr std::string_view kAttemptNames[] = {"2xx", "3xx", "4xx", "5xx", "timeout", "connect", "canceled"};
enum AttemptOutcome : std::size_t { kTimeout = 4, kConnect = 5, kCanceled = 6 };
constexpr std::string_view kSourceNames[] = {"memory", "redis", "sql", "none"};  // KeySource

std::size_t outcome_of(const Attempt& attempt, bool canceled) {
  if (canceled) return kCanceled;
  if (attempt.limit != net::TimeLimit::kNone) return kTimeout;
  if (attempt.upstream_status == 0) return kConnect;
  return static_cast<std::size_t>(std::clamp(attempt.upstream_status / 100, 2, 5) - 2);
}

std::int64_t micros(core::SteadyTime::duration time) { return duration_cast<microseconds>(time).count(); }

// Most answers have none, and need no splitting.
bool has_details(const billing::Usage& usage) {
  return (usage.cached_tokens | usage.cache_creation_tokens | usage.cache_creation_5m_tokens |
          usage.cache_creation_1h_tokens | usage.prompt_audio_tokens | usage.prompt_image_tokens |
          usage.completion_audio_tokens | usage.completion_image_tokens | usage.reasoning_tokens) != 0;
}

std::uint64_t positive(std::int64_t count) { return count > 0 ? static_cast<std::uint64_t>(count) : 0; }

}  // namespace

Outcome outcome_of(const EndOfRequest& end) {
  switch (end.end) {
    case End::kFinished: return Outcome::kOk;
    case End::kClientGone: return Outcome::kCanceled;
    case End::kGatewayShutdown: return Outcome::kDraining;
    default: return Outcome::kUpstreamError;
  }
}

Outcome outcome_of(Refusal reason) {
  switch (reason) {
    case Refusal::kKey:
    case Refusal::kRights: return Outcome::kAuth;
    case Refusal::kLimit:
    case Refusal::kOverloaded:
    case Refusal::kDatabaseAway: return Outcome::kLimited;
    case Refusal::kRequest:
    case Refusal::kNoChannel:
    case Refusal::kNoPrice: return Outcome::kClientError;
    case Refusal::kNoMoney: return Outcome::kQuota;
    default: return Outcome::kUpstreamError;
  }
}

void RelayMetrics::authenticated(KeySource source, bool passed) {
  keys_[static_cast<std::size_t>(source) * 2 + (passed ? 0 : 1)].add();
}

void RelayMetrics::attempt_begins(Request& request) {
  attempt_ends(request, false);  // one that was repeated in another form
  request.attempt_began = request.relay.clock.steady();
}

void RelayMetrics::attempt_ends(Request& request, bool canceled) {
  if (!request.attempt_began) return;
  const auto took = request.relay.clock.steady() - *request.attempt_began;
  request.attempt_began.reset();
  request.upstream_time += took;
  auto& series = channels_.of(ChannelKey{request.channel->id.value, request.channel->provider->type});
  series.outcomes[outcome_of(request.attempts.back(), canceled)].add();
  series.duration.observe(micros(took));
}

// Names that no channel serves are the client's own invention.
RelayMetrics::ModelSeries& RelayMetrics::series_of(Request& request) {
  return models_.of(ModelLook{request.route, request.channel ? std::string_view(request.openai.model) : "unknown",
                              request.channel ? std::string_view(request.group) : ""});
}

void RelayMetrics::settled(Request& request, const EndOfRequest& end, const billing::Usage& billed,
                           core::Quota charged) {
  request.outcome = outcome_of(end);
  request.series = &series_of(request);
  auto& series = *request.series;
  if (has_details(billed)) {
    const auto kinds = billing::split_kinds(billed);
    const std::int64_t counts[kTokenKinds] = {kinds.input,
                                              kinds.output,
                                              kinds.cache_read,
                                              kinds.cache_write_5m + kinds.cache_write_1h,
                                              kinds.reasoning,
                                              kinds.audio_input + kinds.audio_output,
                                              kinds.image_input + kinds.image_output};
    for (std::size_t i = 0; i < kTokenKinds; ++i)
      if (counts[i] > 0) series.tokens[i].add(positive(counts[i]));
  } else {
    series.tokens[0].add(positive(billed.prompt_tokens));
    series.tokens[1].add(positive(billed.completion_tokens));
  }
  if (charged.units > 0) series.charged.add(positive(charged.units));
  if (!request.first_event || request.outcome != Outcome::kOk) return;
  const auto took = micros(request.relay.clock.steady() - *request.first_event);
  if (took > 0) series.tokens_per_second.observe(billed.completion_tokens * 1'000'000 / took);
}

void RelayMetrics::ended(Request& request, std::optional<Refusal> refused) {
  const auto outcome = request.outcome ? *request.outcome : refused ? outcome_of(*refused) : Outcome::kOk;
  auto& series = request.series ? *request.series : series_of(request);
  series.outcomes[static_cast<std::size_t>(outcome)].add();
  if (request.attempts.empty()) return;  // what was refused at once would hide how long answers take
  const auto began = request.exchange.began();
  const auto took = request.relay.clock.steady() - began;
  auto& mode = modes_[static_cast<std::size_t>(request.route)];
  mode.duration.observe(micros(took));
  if (request.upstream_time.count() > 0) mode.overhead.observe(micros(took - request.upstream_time));
  if (request.first_event) mode.first_token.observe(micros(*request.first_event - began));
}

struct RelayMetrics::Sums {
  core::CounterSums requests, tokens, charged, attempts, retries, keys;
  core::HistogramSums duration, first_token, overhead, tokens_per_second, upstream_duration;
};

void RelayMetrics::add_to(Sums& sums) const {
  models_.each([&](const ModelKey& key, const ModelSeries& series) {
    const auto mode = kModeNames[static_cast<std::size_t>(key.mode)];
    for (std::size_t i = 0; i < kOutcomes; ++i) {
      auto count = series.outcomes[i].value();
      if (count == 0) continue;
      sums.requests[label_text({{"format", kFormat},
                                {"mode", mode},
                                {"model", key.model},
                                {"group", key.group},
                                {"outcome", kOutcomeNames[i]}})] += count;
    }
    for (std::size_t i = 0; i < kTokenKinds; ++i)
      if (auto count = series.tokens[i].value())
        sums.tokens[label_text({{"model", key.model}, {"kind", kTokenNames[i]}})] += count;
    if (auto units = series.charged.value())
      sums.charged[label_text({{"model", key.model}, {"group", key.group}, {"funding", "wallet"}})] += units;
    if (auto rate = series.tokens_per_second.value(); rate.count() > 0)
      sums.tokens_per_second[label_text({{"model", key.model}})] += rate;
  });
  channels_.each([&](const ChannelKey& key, const ChannelSeries& series) {
    const auto channel = key.id == 0 ? "other" : std::to_string(key.id);
    const auto type = std::to_string(key.type);
    for (std::size_t i = 0; i < kAttemptOutcomes; ++i)
      if (auto count = series.outcomes[i].value())
        sums.attempts[label_text({{"channel", channel}, {"type", type}, {"outcome", kAttemptNames[i]}})] += count;
    sums.upstream_duration[label_text({{"channel", channel}})] += series.duration.value();
  });
  for (std::size_t i = 0; i < kModes; ++i) {
    const auto labels = label_text({{"format", kFormat}, {"mode", kModeNames[i]}});
    auto add = [&](core::HistogramSums& to, const core::Histogram& from) {
      if (auto value = from.value(); value.count() > 0) to[labels] += value;
    };
    add(sums.duration, modes_[i].duration);
    add(sums.first_token, modes_[i].first_token);
    add(sums.overhead, modes_[i].overhead);
  }
  for (std::size_t i = 0; i < kRefusals; ++i)
    if (auto count = retries_[i].value())
      sums.retries[label_text({{"reason", to_string(static_cast<Refusal>(i))}})] += count;
  for (std::size_t i = 0; i < kKeyResults; ++i)
    if (auto count = keys_[i].value())
      sums.keys[label_text({{"result", i % 2 == 0 ? "ok" : "refused"}, {"source", kSourceNames[i / 2]}})] += count;
}

void RelayMetrics::write(std::span<const std::reference_wrapper<const RelayMetrics>> workers, core::MetricsText& text) {
  Sums sums;
  for (const RelayMetrics& worker : workers) worker.add_to(sums);
  text.counters("tollgate_relay_requests_total", "Requests on relayed routes by how they ended.", sums.requests);
  text.histograms("tollgate_relay_duration_seconds", "From a request's head to the end of its answer.", sums.duration);
  text.histograms("tollgate_relay_first_token_seconds", "From a request's head to the upstream's first event.",
                  sums.first_token);
  text.histograms("tollgate_relay_overhead_seconds", "Of the duration, what was not spent on upstream calls.",
                  sums.overhead);
  text.histograms("tollgate_relay_tokens_per_second", "Output tokens of streams a second, from the first event on.",
                  sums.tokens_per_second);
  text.counters("tollgate_upstream_attempts_total", "Calls to upstreams by what became of them.", sums.attempts);
  text.histograms("tollgate_upstream_duration_seconds", "Calls to upstreams, from sending to the end of reading.",
                  sums.upstream_duration);
  text.counters("tollgate_retries_total", "Further attempts by why the one before failed.", sums.retries);
  text.counters("tollgate_tokens_total", "Tokens charged for, in disjoint kinds.", sums.tokens);
  text.counters("tollgate_quota_charged_total", "Units charged (500000 are one dollar).", sums.charged);
  text.counters("tollgate_auth_total", "Keys looked at by the gate, and where they were found.", sums.keys);
}

}  // namespace tollgate::relay
