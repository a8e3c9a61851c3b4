// One request from its key to its charge: the stages in their order.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "core/log.h"
#include "core/mask.h"
#include "core/request_id.h"
#include "net/worker.h"
#include "relay/attempt.h"
#include "relay/channel_health.h"
#include "relay/client_side.h"
#include "relay/gate.h"
#include "relay/key_routes.h"
#include "relay/media.h"
#include "relay/media_charge.h"
#include "relay/model_limit.h"
#include "relay/playground.h"
#include "relay/realtime.h"
#include "relay/realtime_session.h"
#include "relay/relay.h"
#include "relay/relay_metrics.h"
#include "relay/reserve.h"
#include "relay/routes.h"
#include "relay/routing.h"
#include "relay/sensitive_words.h"
#include "relay/settle.h"
#include "relay/stream_usage.h"
#include "relay/violation_fee.h"
#include "relay/whole_body.h"

namespace tollgate::relay {
namespace {

using dialect::gateway_error;
using dialect::RelayError;

bool comes_as_form(const Request& request) {
  auto taken = takes(request.route);
  return taken == Takes::kForm ||
         (taken == Takes::kJsonOrForm && net::is_form(request.exchange.header("content-type").value_or("")));
}

net::awaitable<std::optional<RelayError>> read_request(Request& request) {
  auto& exchange = request.exchange;
  if (comes_as_form(request)) co_return co_await read_form(request);
  if (auto wrong = co_await read_whole_body(request)) co_return wrong;
  auto type = exchange.header("content-type").value_or("");
  if (!type.starts_with("application/json")) co_return dialect::invalid_request("the body must be application/json");
  auto parsed = dialect::read_openai_request(request.route, request.body);
  if (!parsed) co_return dialect::gate_error(400, "Invalid request, 无效的请求, " + parsed.error().message);
  request.openai = std::move(*parsed);
  if (request.openai.model.empty()) {
    request.openai.model = model_without_body(request.exchange.head().path);
    request.openai.model_added = true;
  }
  if (!request.openai.respelled.empty()) request.body = request.openai.respelled_body();
  co_return std::nullopt;
}

// Before anything is spent on it.
std::optional<RelayError> admit_body(Request& request) {
  auto announced = announced_body(request);
  // The files of a long form go to disk.
  if (announced && comes_as_form(request)) announced = std::min(*announced, form_memory(request));
  return find_room(request, announced);
}

// For the group the request runs in now.
std::optional<RelayError> find_price(Request& request) {
  auto price = request.snapshot->prices->resolve({.model = request.openai.model,
                                                  .user_group = request.identity->user_group,
                                                  .using_group = request.group,
                                                  .accept_unset_ratio = request.identity->accept_unset_ratio,
                                                  .image_factor = image_factor(request.openai),
                                                  .by_tokens = request.route == dialect::OpenAiRoute::kRealtime});
  if (!price) {
    auto error = gateway_error(400, "model_price_error", price.error().message);
    error.no_retry = true;
    return error;
  }
  request.price = *price;
  return std::nullopt;
}

// Everything before the first attempt.
net::awaitable<std::optional<RelayError>> admit(Request& request) {
  if (auto refused = admit_body(request)) co_return refused;
  if (!request.playground) {
    auto refused = co_await pass_gate(request);
    request.local.metrics->authenticated(request.key_source, !refused);
    if (refused) co_return refused;
    if (request.snapshot->relay.model_limits.enabled)
      if (auto refused = co_await check_model_limit(request)) co_return refused;
  }
  const bool realtime = request.route == dialect::OpenAiRoute::kRealtime;
  if (realtime)
    read_realtime(request);
  else if (auto refused = co_await read_request(request))
    co_return refused;
  if (request.playground)
    if (auto refused = take_playground_group(request)) co_return refused;
  if (request.snapshot->relay.affinity) co_await find_affinity(request);
  if (auto refused = choose_first_channel(request)) co_return refused;
  request.started = request.relay.clock.steady();
  if (realtime && !co_await open_realtime(request)) co_return gateway_error(400, "client_gone", "the client left");
  if (!request.openai.broken_rule.empty()) co_return dialect::invalid_request(request.openai.broken_rule);

  if (request.snapshot->relay.sensitive_words)
    if (auto refused = co_await check_words(request)) co_return refused;
  if (request.form)
    if (auto refused = co_await measure_form(request)) co_return refused;
  if (request.openai.files > 0 && request.relay.settings.count_tokens)
    if (auto refused = co_await count_media(request)) co_return refused;
  if (auto refused = find_price(request)) co_return refused;
  auto refused = co_await reserve(request);
  co_return refused;
}

// The next channel, and the price of its group when that is another one.
net::awaitable<std::optional<RelayError>> move_on(Request& request) {
  const auto group = request.group;
  if (auto none = choose_next_channel(request)) co_return none;
  if (request.group == group) co_return std::nullopt;
  if (auto none = find_price(request)) co_return none;
  auto refused = co_await reserve_more(request, output_limit(request.openai));
  co_return refused;
}

net::awaitable<std::optional<RelayError>> run_attempts(Request& request) {
  for (bool first = true;; first = false) {
    if (!first) {
      if (auto none = co_await move_on(request)) co_return none;
    }
    request.attempts.push_back({request.channel->id, 200});
    auto failed = prepare_channel(request);
    if (!failed) failed = request.socket ? co_await attempt_realtime(request) : co_await attempt_with_usage(request);
    if (!failed) co_return std::nullopt;
    request.local.metrics->attempt_ends(request, request.exchange.client_gone() || request.relay.shutting_down());
    mark_violation(*failed);
    request.attempts.back().status = failed->status;
    request.local.counters.failed_attempts.fetch_add(1, std::memory_order_relaxed);
    log_failure(request, *failed);
    if (calls_for_disabling(request.snapshot->relay, *request.channel, *failed))
      request.relay.health.report(fault_of(*request.channel, request.key, *failed));
    if (request.exchange.client_gone() || !should_retry(request, *failed) || !count_attempt(request)) co_return failed;
    request.local.metrics->retried(refusal_of(*failed));
  }
}

// What a client got wrong: 500 in the compatible product, and here where the options say so.
constexpr std::array<std::string_view, 4> kValidationCodes{"\"invalid_request\"", "\"sensitive_words_detected\"",
                                                           "\"model_price_error\"", "\"count_token_failed\""};

net::awaitable<void> answer_error(Request& request, RelayError error) {
  bool validation = error.status == 400 && request.snapshot && request.snapshot->relay.validation_is_500 &&
                    std::ranges::find(kValidationCodes, error.code) != kValidationCodes.end();
  if (validation) error.status = 500;
  if (error.status < 200 || error.status > 599) error.status = 500;
  std::vector<net::Header> headers{{"Content-Type", "application/json; charset=utf-8"}};
  if (!error.retry_after.empty()) headers.push_back({"Retry-After", error.retry_after});
  for (const auto& [name, value] : error.headers) headers.push_back({name, value});
  // Upstream texts were cleaned where they were read; ours may name hosts that only operators should see. A file that
  // cannot be counted is named as the client named it.
  if (error.code != "\"count_token_failed\"" && error.kind == dialect::ErrorKind::kGateway && !error.before_gates)
    error.message = core::mask_sensitive(error.message);
  const auto reason = refusal_of(error);
  if (auto alike = request.local.counters.refused.count(reason, request.relay.clock.steady()))
    core::log::info("request {} is answered {}: {} ({} for this reason since the last such line)", request.id,
                    error.status, to_string(reason), alike);
  if (request.socket) co_return co_await refuse_realtime(request, error);
  auto body = dialect::error_body(error, request.id);
  // Keep-alives have begun the answer: its status is gone. In a stream the error is an event and the last one.
  if (request.exchange.started()) {
    std::string_view event[] = {"data: ", body, "\n\n"};
    std::span<const std::string_view> pieces = event;
    co_await request.exchange.finish(request.openai.stream ? pieces : pieces.subspan(1, 1));
    co_return;
  }
  co_await request.exchange.answer(error.status, headers, body);
}

}  // namespace

Relay::Relay(RelaySettings settings_in, std::vector<net::Worker*> workers, SnapshotHolder& snapshots_in,
             ChannelHealth& health_in, billing::Billing& billing_in, sql::Pool& pool_in,
             core::ThreadPool& sql_threads_in, core::ThreadPool& cpu_threads_in, core::RateLimits& limits_in,
             const core::Clock& clock_in)
    : settings(std::move(settings_in)),
      snapshots(snapshots_in),
      health(health_in),
      billing(billing_in),
      pool(pool_in),
      sql_threads(sql_threads_in),
      cpu_threads(cpu_threads_in),
      limits(limits_in),
      clock(clock_in),
      affinity_channels(std::make_unique<AffinityMemory>(clock_in)),
      affinity_usages(clock_in),
      series_limits_(std::make_unique<RelaySeriesLimits>(settings.metrics_series)),
      workers_(std::move(workers)),
      admission_(settings.limits) {
  for (std::size_t i = 0; i < workers_.size(); ++i)
    locals_.push_back(std::unique_ptr<Local>(new Local{.identities = IdentityCache(pool, sql_threads, billing, clock),
                                                       .random = {},
                                                       .counters = {},
                                                       .metrics = std::make_unique<RelayMetrics>(*series_limits_),
                                                       .snapshot = nullptr,
                                                       .buffers = {},
                                                       .affinity_models = {},
                                                       .no_stream_options = {},
                                                       .journal_told = false,
                                                       .clients = nullptr,
                                                       .told_of_balance = {}}));
}

Relay::~Relay() = default;

std::uint64_t Relay::refused(Refusal reason) const {
  std::uint64_t sum = 0;
  for (const auto& local : locals_) sum += local->counters.refused.of(reason);
  return sum;
}

void Relay::write_metrics(core::MetricsText& text) const {
  std::vector<std::reference_wrapper<const RelayMetrics>> workers;
  for (const auto& local : locals_) workers.emplace_back(*local->metrics);
  RelayMetrics::write(workers, text);
  core::CounterSums refused_for, shed;
  for (std::size_t i = 0; i < kRefusals; ++i) {
    const auto reason = static_cast<Refusal>(i);
    if (auto count = refused(reason)) refused_for[core::label_text({{"reason", to_string(reason)}})] = count;
  }
  text.counters("tollgate_relay_refused_total", "Answers with an error by its reason.", refused_for);
  for (auto what : {Overload::kRequests, Overload::kMemory, Overload::kLag})
    shed[core::label_text({{"reason", reason_name(what)}})] += admission_.refused(what);
  for (const RelayMetrics& worker : workers)
    for (auto what : {Overloaded::kCpu, Overloaded::kMemory, Overloaded::kDisk})
      shed[core::label_text({{"reason", name_of(what)}})] += worker.shed_for(what);
  text.counters("tollgate_overload_shed_total", "Requests answered 503 for want of room, by what was short.", shed);
}

Relay::Local& Relay::local(const net::Worker& worker) { return *locals_[static_cast<std::size_t>(worker.index())]; }

bool Relay::owns(std::string_view method, std::string_view path) {
  if (method == "POST" && find_route(path)) return true;
  if (method == "GET" && path == "/v1/realtime") return true;
  return find_key_route(method, path) != nullptr;
}

void Relay::drop_identity(std::string key) {
  for (auto* worker : workers_) worker->post([this, worker, key] { local(*worker).identities.drop(key); });
}

void Relay::drop_identities_of(core::UserId user, core::SteadyTime read_before) {
  for (auto* worker : workers_)
    worker->post([this, worker, user, read_before] { local(*worker).identities.drop_user(user, read_before); });
}

void Relay::drop_identities_of(core::TokenId token, core::SteadyTime read_before) {
  for (auto* worker : workers_)
    worker->post([this, worker, token, read_before] { local(*worker).identities.drop_token(token, read_before); });
}

void Relay::recheck_identities() {
  for (auto* worker : workers_) worker->post([this, worker] { local(*worker).identities.recheck_all(); });
}

void Relay::set_out_of_date(bool out_of_date) {
  for (auto* worker : workers_)
    worker->post([this, worker, out_of_date] { local(*worker).identities.set_out_of_date(out_of_date); });
}

void Relay::set_identity_life(std::chrono::milliseconds life) {
  for (auto* worker : workers_) worker->post([this, worker, life] { local(*worker).identities.set_life(life); });
}

void Relay::end_attempts() {
  shutting_down_.store(true, std::memory_order_relaxed);
  for (auto* worker : workers_)
    worker->post([this, worker] {
      for (auto* client = local(*worker).clients; client; client = client->next_) client->stop();
    });
}

net::awaitable<void> Relay::handle(net::Exchange& exchange) {
  auto& mine = local(exchange.worker());
  mine.counters.requests.fetch_add(1, std::memory_order_relaxed);
  if (!mine.snapshot || mine.snapshot->version != snapshots.version()) mine.snapshot = snapshots.get();

  Request request(*this, exchange, mine);
  request.snapshot = mine.snapshot;
  request.received = clock.system();
  request.id = core::make_request_id(request.received, mine.random);
  exchange.add_header("X-Oneapi-Request-Id", request.id);
  exchange.add_header("X-New-Api-Version", settings.version);

  const auto& head = exchange.head();
  const auto* route = head.method == "POST" ? find_route(head.path) : nullptr;
  const bool realtime = is_realtime(head);
  const auto* key_route = route || realtime ? nullptr : find_key_route(head.method, head.path);
  exchange.set_route(realtime ? "/v1/realtime" : route ? route->path : key_route->pattern);
  if (realtime)
    if (auto refused = check_realtime(request)) co_return co_await answer_error(request, std::move(*refused));
  if (!key_route || key_route->checks_load)
    if (auto what = find_overload(request)) co_return co_await answer_overload(request, *what);
  if (key_route && key_route->open) co_return co_await key_route->answer(request);
  if (key_route) {
    auto refused = co_await pass_gate(request);
    mine.metrics->authenticated(request.key_source, !refused);
    if (refused) co_return co_await answer_error(request, std::move(*refused));
    co_return co_await key_route->answer(request);
  }
  request.route = realtime ? dialect::OpenAiRoute::kRealtime : route->kind;
  request.playground = is_playground(head.path);
  if (request.playground && co_await refuse_session(request)) co_return;
  auto failed = co_await admit(request);
  if (!failed) failed = co_await run_attempts(request);
  if (failed) co_await charge_violation(request, *failed);
  request.reservation.reset();
  if (!failed) {
    mine.metrics->ended(request, std::nullopt);
    co_return remember_channel(request);
  }
  core::log::info("request {}: {} {}{}{}", request.id, failed->status, core::mask_sensitive(failed->log_text()),
                  failed->detail.empty() ? "" : "; ", core::mask_sensitive(failed->detail));
  const auto reason = refusal_of(*failed);
  if (shutting_down() && failed->code == "\"server_restart\"") request.outcome = Outcome::kDraining;
  co_await answer_error(request, std::move(*failed));
  mine.metrics->ended(request, reason);
}

}  // namespace tollgate::relay
