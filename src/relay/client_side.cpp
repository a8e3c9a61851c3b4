#include "relay/client_side.h"

#include <utility>

#include "net/worker.h"
#include "relay/estimate.h"
#include "relay/routes.h"

namespace tollgate::relay {

namespace {
constexpr auto kLastWrite = std::chrono::milliseconds(500);  // for the error event of a gateway that stops
}  // namespace

ClientSide::ClientSide(Request& request) : request_(request), gone_(request.exchange.client_gone()) {
  next_ = request.local.clients;
  if (next_) next_->previous_ = this;
  request.local.clients = this;
  request.exchange.on_client_gone([this] { left(); });
}

ClientSide::~ClientSide() {
  request_.exchange.on_client_gone(nullptr);
  if (next_) next_->previous_ = previous_;
  (previous_ ? previous_->next_ : request_.local.clients) = next_;
}

void ClientSide::left() {
  // Once the gateway stops it is the gateway that ends the request, whatever the client does.
  if (stopped_ || std::exchange(gone_, true)) return;
  auto time = !reads_on ? std::chrono::milliseconds(0) : reads_on();
  if (time.count() > 0) {
    auto& wheel = request_.exchange.worker().wheel();
    bound_.set(wheel, wheel.now() + time, [this] {
      if (cancel) cancel();
    });
  } else if (cancel) {
    cancel();
  }
}

bool ClientSide::read_on(std::size_t bytes) {
  bytes_after_ += bytes;
  return bytes_after_ <= request_.relay.settings.drain_bytes;
}

net::awaitable<void> ClientSide::forget() {
  if (!gone_ || request_.body.empty()) co_return;
  co_await estimate_prompt(request_);
  request_.body = {};
  request_.exchange.release_body();
}

void ClientSide::stop() {
  stopped_ = true;
  request_.exchange.hurry(kLastWrite);
  if (cancel) cancel();
}

void ClientSide::begin_stream() {
  if (request_.exchange.started()) return;
  static constexpr net::Header kHeaders[] = {
      {"Content-Type", "text/event-stream; charset=utf-8"}, {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
  request_.exchange.start(200, kHeaders);
}

std::chrono::milliseconds ClientSide::patience_for_json() const {
  if (request_.route == dialect::OpenAiRoute::kSpeech || is_transcript(request_.route)) return {};
  const auto& settings = request_.relay.settings;
  if (settings.json_keepalive) return *settings.json_keepalive;
  // HTTP/1.0 from a trusted peer is the mark of nginx without any tuning: it gives up after a minute, with an error
  // that takes this node out of its turn for everybody.
  const auto& exchange = request_.exchange;
  return exchange.head().minor_version == 0 && exchange.peer_is_trusted() ? settings.commit_head
                                                                          : std::chrono::milliseconds(0);
}

core::SteadyTime ClientSide::ping_due() const {
  constexpr auto kNever = core::SteadyTime::max();
  if (gone_) return kNever;
  const auto& settings = request_.relay.settings;
  const bool stream = request_.openai.stream;
  auto option = stream ? request_.snapshot->relay.ping_interval : std::nullopt;
  if (request_.exchange.started()) {
    auto every = option.value_or(settings.keepalive);
    return every.count() > 0 ? request_.exchange.last_write() + every : kNever;
  }
  // A sign of life commits the status 200, so the first one waits until proxies would give up.
  auto first = stream ? option.value_or(settings.commit_head) : patience_for_json();
  return first.count() > 0 ? request_.started + first : kNever;
}

net::awaitable<void> ClientSide::ping() {
  if (ping_due() > request_.exchange.worker().wheel().now()) co_return;
  static constexpr net::Header kJson[] = {{"Content-Type", "application/json"}, {"X-Accel-Buffering", "no"}};
  if (request_.openai.stream)
    begin_stream();
  else if (!request_.exchange.started())
    request_.exchange.start(200, kJson);
  std::string_view pieces[] = {request_.openai.stream ? ": PING\n\n" : " "};
  auto sent = co_await request_.exchange.write(pieces);
  if (!sent) left();
}

}  // namespace tollgate::relay
