#include "relay/realtime_session.h"

#include <boost/asio.hpp>
#include <utility>

#include "core/fault_point.h"
#include "core/log.h"
#include "dialect/realtime_events.h"
#include "model/token.h"
#include "net/suspend.h"
#include "relay/attempt.h"
#include "relay/channel_health.h"
#include "relay/realtime_bill.h"
#include "relay/secrets.h"
#include "relay/settle.h"

namespace tollgate::relay {
namespace {

namespace asio = boost::asio;
using dialect::RelayError;
using net::CloseCode;
using net::WebSocketEnd;
using net::WebSocketMessage;
using std::chrono::seconds;

constexpr seconds kLook{1};                   // how often a session is looked at
constexpr seconds kPing{30};                  // keeps proxies and address translators open
constexpr std::chrono::minutes kIdle{10};     // without an event of either side
constexpr std::chrono::minutes kLongest{60};  // as providers have it
constexpr seconds kDrain{30};                 // of a gateway that stops
constexpr seconds kStuck{300};                // a peer that takes nothing
constexpr seconds kCloseWait{2};              // for the peer's answer to a close frame, and for the last usage
constexpr std::size_t kReadHere =
    256 * 1024;  // bytes of an event; longer ones cost more than a network thread may spend

// The spare bytes that events are read with.
std::string_view padded(std::string& text) {
  auto size = text.size();
  text.append(64, '\0');
  text.resize(size);
  return text;
}

std::string error_event(const RelayError& error, const std::string& request_id) {
  auto body = dialect::error_body(error, request_id);  // {"error":{…}}
  return "{\"event_id\":\"evt_" + request_id + "\",\"type\":\"error\"," + body.substr(1);
}

// How a session ends.
struct Ending {
  End end = End::kFinished;
  net::TimeLimit limit = net::TimeLimit::kNone;
  CloseCode to_client = CloseCode::kNormal, to_upstream = CloseCode::kNormal;
  std::string reason = {};               // of the close frame to the client
  std::optional<RelayError> error = {};  // an event before it
  bool client_open = true;               // it can still be told
  bool hurry = false;                    // the gateway ends at once
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Request& request, std::unique_ptr<net::WebSocket> upstream)
      : request_(request),
        client_(*request.socket),
        upstream_(std::move(upstream)),
        meter_(request.openai.model),
        bill_(request, meter_),
        changed_(request.exchange.worker().io()),
        tick_(request.exchange.worker().io()),
        began_(now()),
        heard_(began_),
        settled_(began_),
        pinged_(began_) {}

  net::awaitable<void> run();
  void stop();  // the gateway's drain is over

 private:
  using Part = net::awaitable<void> (Session::*)();
  core::SteadyTime now() const { return request_.exchange.worker().wheel().now(); }
  void spawn(Part part, bool& done);
  void finish(Ending ending);
  void finish_for_room(RealtimeBill::Room room);
  net::awaitable<void> wait_for(const bool& done, core::SteadyTime due);

  net::awaitable<void> from_client();
  net::awaitable<void> from_upstream();
  net::awaitable<void> keep();
  bool refuse_model(const dialect::RealtimeEvent& event);
  void client_ended(const WebSocketMessage& message);
  void upstream_ended(const WebSocketMessage& message);
  net::awaitable<dialect::RealtimeEvent> read_event(std::string& text, bool of_client);
  net::awaitable<void> pass_down(WebSocketMessage message);
  void look_at_clock();
  net::awaitable<void> settle_if_due();
  net::awaitable<bool> key_holds();

  net::awaitable<void> end_upstream();
  net::awaitable<void> end_client();

  Request& request_;
  net::WebSocket& client_;
  std::unique_ptr<net::WebSocket> upstream_;
  dialect::RealtimeMeter meter_;
  RealtimeBill bill_;
  asio::steady_timer changed_;  // never expires by itself: cancelled when something changed
  asio::steady_timer tick_;
  net::Deadline guard_;  // for the end: nobody waits for a peer that does not answer
  std::optional<Ending> ending_;
  bool client_done_ = false, upstream_done_ = false, keep_done_ = false;
  core::SteadyTime began_, heard_, settled_, pinged_;
  std::optional<core::SteadyTime> draining_;
};

void Session::spawn(Part part, bool& done) {
  // Parameters, not captures: they live in the coroutine's frame.
  auto run = [](std::shared_ptr<Session> self, Part what, bool& over) -> net::awaitable<void> {
    try {
      co_await ((*self).*what)();
    } catch (const std::exception& failure) {
      core::log::error("request {}: the session ends: {}", self->request_.id, failure.what());
      self->finish({.end = End::kUpstreamReset, .to_client = CloseCode::kServerError});
    }
    over = true;
    self->changed_.cancel();
  };
  request_.exchange.worker().spawn(run(shared_from_this(), part, done));
}

// The first reason counts.
void Session::finish(Ending ending) {
  if (ending_) return;
  ending_ = std::move(ending);
  changed_.cancel();
  tick_.cancel();
}

void Session::finish_for_room(RealtimeBill::Room room) {
  if (room == RealtimeBill::Room::kEnough) return;
  const bool none = room == RealtimeBill::Room::kNone;
  finish({.end = End::kExhausted,
          .to_client = none ? CloseCode::kPolicy : CloseCode::kTryLater,
          .reason = none ? "insufficient quota" : "the balance cannot be checked"});
}

net::awaitable<void> Session::wait_for(const bool& done, core::SteadyTime due) {
  while (!done && std::chrono::steady_clock::now() < due) {
    changed_.expires_at(due);
    co_await changed_.async_wait(asio::as_tuple(asio::deferred));
  }
}

net::awaitable<dialect::RealtimeEvent> Session::read_event(std::string& text, bool of_client) {
  auto read = [of_client](std::string_view event) {
    return of_client ? dialect::read_client_event(event) : dialect::read_server_event(event);
  };
  auto view = padded(text);
  if (view.size() <= kReadHere) co_return read(view);
  using Event = std::shared_ptr<dialect::RealtimeEvent>;
  auto event = co_await net::suspend<Event>([&](auto done) {
    bool taken = request_.relay.cpu_threads.submit(
        [view, read, done] { done(std::make_shared<dialect::RealtimeEvent>(read(view))); });
    if (!taken) done(nullptr);
  });
  if (event) co_return std::move(*event);
  co_return read(view);  // all computing threads are busy
}

net::awaitable<void> Session::from_client() {
  for (;;) {
    auto message = co_await client_.read();
    if (message.end != WebSocketEnd::kNone) {
      client_ended(message);
      co_return;
    }
    if (ending_) continue;  // until its close frame
    heard_ = now();
    if (message.text) {
      auto event = co_await read_event(message.data, true);
      if (ending_ || refuse_model(event)) continue;
      meter_.add(event);
    }
    // Why it takes nothing is for its reader to find: there may be a last word to read.
    co_await upstream_->send(message.text, message.data);
  }
}

// What is charged is the model that was asked for: a session that wants to go on with another ends.
bool Session::refuse_model(const dialect::RealtimeEvent& event) {
  if (!event.model || *event.model == request_.openai.model || *event.model == request_.upstream_model) return false;
  finish({.to_client = CloseCode::kPolicy,
          .to_upstream = CloseCode::kGoingAway,
          .reason = "the model of a session cannot change",
          .error = dialect::invalid_request("the model of a session cannot change")});
  return true;
}

void Session::client_ended(const WebSocketMessage& message) {
  switch (message.end) {
    case WebSocketEnd::kClosed: finish({.to_client = message.code, .to_upstream = CloseCode::kNormal}); break;
    case WebSocketEnd::kWrong:
      core::log::info("request {}: the client's WebSocket: {}", request_.id, message.reason);
      finish({.end = End::kClientGone,
              .to_client = message.code,
              .to_upstream = CloseCode::kGoingAway,
              .reason = message.reason});
      break;
    default: finish({.end = End::kClientGone, .to_upstream = CloseCode::kGoingAway, .client_open = false});
  }
}

net::awaitable<void> Session::from_upstream() {
  for (;;) {
    auto message = co_await upstream_->read();
    if (message.end != WebSocketEnd::kNone) {
      upstream_ended(message);
      co_return;
    }
    heard_ = now();
    if (!request_.first_event) request_.first_event = request_.relay.clock.steady();
    co_await pass_down(std::move(message));
  }
}

net::awaitable<void> Session::pass_down(WebSocketMessage message) {
  using Kind = dialect::RealtimeEvent::Kind;
  auto room = RealtimeBill::Room::kEnough;
  if (message.text) {
    auto event = co_await read_event(message.data, false);
    if (event.kind == Kind::kResponseDone) bill_.look_up_price();
    meter_.add(event);
    if (event.kind == Kind::kError) message.data = secrets_of(request_).hide(message.data);
    if (event.kind == Kind::kResponseDone) {
      // Who has seen that a response is done has paid for it, whatever happens to this process.
      settled_ = now();
      co_await bill_.settle_part();
      if (!ending_) room = co_await bill_.make_room();
    }
  }
  const bool can_pass = !client_.closing() && !client_done_;
  if (can_pass && !co_await client_.send(message.text, message.data))
    finish({.end = End::kClientGone, .to_upstream = CloseCode::kGoingAway, .client_open = false});
  core::fault_point("realtime.passed");
  finish_for_room(room);
}

void Session::upstream_ended(const WebSocketMessage& message) {
  if (message.end == WebSocketEnd::kClosed) {
    const bool well =
        message.code == CloseCode::kNormal || message.code == CloseCode::kGoingAway || message.code == CloseCode::kNone;
    finish({.end = well ? End::kFinished : End::kUpstreamReset,
            .to_client = message.code,
            .to_upstream = CloseCode::kNormal,
            .reason = message.reason.empty() ? std::string() : core::scrub(message.reason, secrets_of(request_))});
    return;
  }
  if (ending_) return;
  auto error = dialect::bad_answer("upstream_reset", "the upstream broke off the session", 502);
  error.internal = message.end == WebSocketEnd::kWrong ? message.reason : "the upstream closed the connection";
  core::log::warn("request {}: channel {}: {}", request_.id, request_.channel->id.value, error.internal);
  finish({.end = End::kUpstreamReset,
          .to_client = CloseCode::kServerError,
          .to_upstream = message.end == WebSocketEnd::kWrong ? message.code : CloseCode::kGoingAway,
          .reason = "the upstream broke off the session",
          .error = std::move(error)});
}

void Session::look_at_clock() {
  const auto time = now();
  if (request_.exchange.draining() && !draining_) draining_ = time;
  auto stuck = [&](net::WebSocket& socket) {
    auto since = socket.stuck_since();
    return since && time - *since >= kStuck;
  };
  if (draining_ && time - *draining_ >= kDrain) {
    finish({.end = End::kGatewayShutdown,
            .to_client = CloseCode::kRestart,
            .to_upstream = CloseCode::kGoingAway,
            .reason = "service restart"});
  } else if (time - heard_ >= kIdle) {
    finish({.end = End::kIdleTimeout,
            .limit = net::TimeLimit::kGap,
            .to_client = CloseCode::kGoingAway,
            .to_upstream = CloseCode::kGoingAway,
            .reason = "no event for 10 minutes"});
  } else if (time - began_ >= kLongest) {
    finish({.limit = net::TimeLimit::kTotal,
            .to_client = CloseCode::kGoingAway,
            .to_upstream = CloseCode::kGoingAway,
            .reason = "a session lasts 60 minutes"});
  } else if (stuck(client_)) {
    finish({.end = End::kClientGone, .to_upstream = CloseCode::kGoingAway, .client_open = false});
  } else if (stuck(*upstream_)) {
    upstream_->stop();
  } else if (!request_.relay.billing.can_charge()) {
    finish_for_room(RealtimeBill::Room::kUnknown);
  }
  if (time - pinged_ < kPing || ending_) return;
  pinged_ = time;
  client_.ping();
  upstream_->ping();
}

// Of the key and its owner as they are now; when nobody can be asked they hold on.
net::awaitable<bool> Session::key_holds() {
  KeySource source{};
  auto identity = co_await request_.local.identities.get(request_.identity->token.key, source);
  if (!identity) co_return true;
  const auto& token = identity->token;
  const bool expired = token.expired_time != -1 && token.expired_time < request_.relay.clock.unix_seconds();
  co_return identity->found&& token.status == static_cast<std::int64_t>(model::TokenStatus::kEnabled) && !expired &&
      identity->user_found && identity->user_status == 1;
}

// Charges what is only counted, and looks whether the key still may spend.
net::awaitable<void> Session::settle_if_due() {
  if (now() - settled_ < request_.relay.settings.realtime_settle) co_return;
  settled_ = now();
  co_await bill_.settle_part();
  const bool holds = co_await key_holds();
  if (!holds)
    finish({.end = End::kRevoked,
            .to_client = CloseCode::kPolicy,
            .to_upstream = CloseCode::kGoingAway,
            .reason = "the key may no longer be used"});
}

net::awaitable<void> Session::keep() {
  while (!ending_) {
    tick_.expires_after(kLook);
    co_await tick_.async_wait(asio::as_tuple(asio::deferred));
    if (ending_) co_return;
    look_at_clock();
    if (ending_) co_return;
    co_await settle_if_due();
    if (ending_) co_return;
    bill_.note_for_recovery();
    auto room = co_await bill_.make_room();
    finish_for_room(room);
  }
}

void Session::stop() {
  finish({.end = End::kGatewayShutdown,
          .to_client = CloseCode::kRestart,
          .to_upstream = CloseCode::kGoingAway,
          .reason = "service restart",
          .hurry = true});
}

// It may still say what the last response used.
net::awaitable<void> Session::end_upstream() {
  upstream_->close(ending_->to_upstream, {});
  if (!ending_->hurry) co_await wait_for(upstream_done_, std::chrono::steady_clock::now() + kCloseWait);
  upstream_->stop();
  co_await wait_for(upstream_done_, std::chrono::steady_clock::now() + kCloseWait);
  if (upstream_done_) co_return;
  client_.stop();  // it takes nothing
  co_await wait_for(upstream_done_, core::SteadyTime::max());
}

net::awaitable<void> Session::end_client() {
  auto& wheel = request_.exchange.worker().wheel();
  if (!ending_->client_open) client_.stop();
  guard_.set(wheel, wheel.now() + (ending_->hurry ? seconds(1) : kCloseWait), [this] { client_.stop(); });
  if (ending_->error && !client_done_) {
    auto event = error_event(*ending_->error, request_.id);
    co_await client_.send(true, event);
  }
  client_.close(ending_->to_client, ending_->reason);
  co_await client_.flush();
  co_await wait_for(client_done_, core::SteadyTime::max());
  guard_.clear();
}

net::awaitable<void> Session::run() {
  spawn(&Session::from_client, client_done_);
  spawn(&Session::from_upstream, upstream_done_);
  spawn(&Session::keep, keep_done_);
  while (!ending_) {
    changed_.expires_at(core::SteadyTime::max());
    co_await changed_.async_wait(asio::as_tuple(asio::deferred));
  }
  co_await end_upstream();
  co_await wait_for(keep_done_, core::SteadyTime::max());
  EndOfRequest end;
  end.end = ending_->end;
  end.limit = ending_->limit;
  end.whole = ending_->end == End::kFinished;
  end.output_seen = meter_.responses() > 0 || meter_.pending();
  end.usage_refused = meter_.usage_refused();
  request_.attempts.back().limit = ending_->limit;
  co_await bill_.settle_last(end);
  core::fault_point("realtime.ended");
  if (ending_->error && ending_->end == End::kUpstreamReset) {
    log_failure(request_, *ending_->error);
    if (calls_for_disabling(request_.snapshot->relay, *request_.channel, *ending_->error))
      request_.relay.health.report(fault_of(*request_.channel, request_.key, *ending_->error));
  }
  co_await end_client();
}

}  // namespace

net::awaitable<void> run_realtime_session(Request& request, std::unique_ptr<net::WebSocket> upstream,
                                          ClientSide& client) {
  auto session = std::make_shared<Session>(request, std::move(upstream));
  client.cancel = [session] { session->stop(); };
  co_await session->run();
  client.cancel = nullptr;
}

net::awaitable<void> refuse_realtime(Request& request, const RelayError& error) {
  auto& socket = *request.socket;
  auto& wheel = request.exchange.worker().wheel();
  net::Deadline guard;
  guard.set(wheel, wheel.now() + kCloseWait, [&socket] { socket.stop(); });
  auto event = error_event(error, request.id);
  if (!co_await socket.send(true, event)) co_return;
  const bool policy = error.status == 401 || error.status == 403 || error.status == 429;
  socket.close(policy ? CloseCode::kPolicy : error.status == 503 ? CloseCode::kTryLater : CloseCode::kServerError, {});
  co_await socket.flush();
  for (;;) {
    auto message = co_await socket.read();
    if (message.end != WebSocketEnd::kNone) co_return;
  }
}

}  // namespace tollgate::relay
