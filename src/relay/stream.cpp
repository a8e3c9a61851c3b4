#include "relay/stream.h"

#include "core/fault_point.h"
#include "core/json_edit.h"
#include "core/log.h"
#include "dialect/media_stream.h"
#include "dialect/openai_stream.h"
#include "dialect/transcript.h"
#include "net/sse.h"
#include "net/worker.h"
#include "relay/channel_health.h"
#include "relay/client_side.h"
#include "relay/estimate.h"
#include "relay/media_charge.h"
#include "relay/routes.h"
#include "relay/secrets.h"
#include "relay/settle.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;
using dialect::StreamAction;

constexpr std::size_t kBufferKept = 128 * 1024;
constexpr std::size_t kMostHeld = 256 * 1024;           // of events that say nothing, before the first that does
constexpr auto kNoteEvery = std::chrono::seconds(1);    // what a killed process would charge is kept up to date
constexpr std::chrono::milliseconds kUsageWait{5'000};  // for the usage of an answer whose client left at its end

// A buffer of the worker, held only while there is something in it: an idle stream holds none.
class Outbox {
 public:
  explicit Outbox(Relay::Local& local) : local_(local) {}
  ~Outbox() { give_back(); }

  void event(std::string_view data, std::string_view name = {}) {
    borrow();
    if (!name.empty()) {
      text_ += "event: ";
      text_ += name;
      text_ += '\n';
    }
    // One data line a line of the payload: a raw line feed would end the event.
    while (true) {
      auto end = data.find('\n');
      text_ += "data: ";
      text_ += data.substr(0, end);
      text_ += '\n';
      if (end == std::string_view::npos) break;
      data = data.substr(end + 1);
    }
    text_ += '\n';
  }
  bool empty() const { return text_.empty(); }
  std::string_view text() const { return text_; }
  void clear() {
    text_.clear();
    give_back();
  }

 private:
  void borrow() {
    if (held_) return;
    held_ = true;
    if (local_.buffers.empty()) return;
    text_ = std::move(local_.buffers.back());
    local_.buffers.pop_back();
  }
  void give_back() {
    if (!held_) return;
    held_ = false;
    if (text_.capacity() <= kBufferKept && local_.buffers.size() < 32) {
      text_.clear();
      local_.buffers.push_back(std::move(text_));
    }
    std::string().swap(text_);  // assigning an empty string would keep the memory
  }
  Relay::Local& local_;
  std::string text_;
  bool held_ = false;
};

// How the events of a route are read.
std::unique_ptr<dialect::StreamReader> reader_for(const Request& request) {
  if (is_transcript(request.route)) return std::make_unique<dialect::TranscriptStreamReader>();
  if (request.openai.image) return std::make_unique<dialect::MediaStreamReader>(request.openai.image->n);
  if (request.route == dialect::OpenAiRoute::kSpeech) return std::make_unique<dialect::MediaStreamReader>(1);
  return std::make_unique<dialect::OpenAiStreamReader>(request.openai.include_usage != dialect::IncludeUsage::kFalse);
}

// How the reading of the upstream came to its end.
struct Reading {
  bool over = false;
  End end = End::kFinished;
  net::TimeLimit limit = net::TimeLimit::kNone;
  std::string why;
};

class StreamRelay {
 public:
  StreamRelay(Request& request, std::unique_ptr<net::UpstreamCall> call, ClientSide& client)
      : request_(request),
        call_(std::move(call)),
        client_(client),
        sse_(request.relay.settings.max_event_bytes),
        reader_(reader_for(request)),
        outbox_(request.local),
        last_byte_(now()) {
    client_.cancel = [this] { call_->cancel(); };
    client_.reads_on = [this] { return reads_on(); };
  }

  net::awaitable<std::optional<RelayError>> run();

 private:
  core::SteadyTime now() const { return request_.exchange.worker().wheel().now(); }
  std::chrono::milliseconds reads_on() const;
  void take_event(const net::SseEvent& event, Reading& reading);
  void pass_on(const net::SseEvent& event);
  void take_bytes(std::string_view bytes, Reading& reading);
  net::awaitable<void> read_some(Reading& reading);
  net::awaitable<void> send_ready();
  net::awaitable<void> note_for_recovery();
  net::awaitable<void> settle_gone(const Reading& reading);
  net::awaitable<void> end_with_error(const Reading& reading, const RelayError& error);
  net::awaitable<void> end_whole(const Reading& reading);
  // Every choice has its finish reason, or the channel takes [DONE] for one.
  bool whole() const {
    return reader_->ended_well() || (reader_->saw_done() && request_.channel->done_is_end && reader_->meaningful());
  }
  EndOfRequest end_of(const Reading& reading) const;
  RelayError error_of(const Reading& reading) const;

  Request& request_;
  std::unique_ptr<net::UpstreamCall> call_;
  ClientSide& client_;
  net::SseReader sse_;
  const std::unique_ptr<dialect::StreamReader> reader_;
  Outbox outbox_;
  bool event_sent_ = false;     // a byte of the answer has left: no other attempt may follow
  core::SteadyTime last_byte_;  // of the upstream
  core::SteadyTime noted_ = request_.relay.clock.steady();
};

std::chrono::milliseconds StreamRelay::reads_on() const {
  const auto& channel = *request_.channel;
  auto drain = request_.relay.settings.drain_time;
  bool drains = channel.drains || (channel.bills_after_cancel && !reader_->meaningful());
  if (reader_->ended_well() && reader_->has_usage()) return {};
  if (reader_->ended_well()) return drains ? std::max(kUsageWait, drain) : kUsageWait;
  return drains ? drain : std::chrono::milliseconds(0);
}

void StreamRelay::pass_on(const net::SseEvent& event) {
  if (client_.gone()) return;
  bool named = reader_->named_events() && event.name != "message";
  outbox_.event(event.data, named ? event.name : std::string_view());
}

void StreamRelay::take_event(const net::SseEvent& event, Reading& reading) {
  switch (reader_->on_event(event.data, event.name)) {
    case StreamAction::kForward: pass_on(event); break;
    case StreamAction::kHoldBack: break;
    case StreamAction::kLast:
      pass_on(event);
      reading.over = true;
      break;
    case StreamAction::kDone: reading.over = true; break;
    case StreamAction::kError: reading = {true, End::kUpstreamErrorEvent, net::TimeLimit::kNone, "error event"}; break;
  }
}

// Everything that the bytes complete goes into the outbox.
void StreamRelay::take_bytes(std::string_view bytes, Reading& reading) {
  sse_.feed(bytes);
  net::SseEvent event;
  while (!reading.over && sse_.next(event)) {
    if (!request_.first_event) request_.first_event = request_.relay.clock.steady();
    take_event(event, reading);
  }
  if (sse_.too_long()) reading = {true, End::kUpstreamReset, net::TimeLimit::kNone, "an event is too long"};
}

net::awaitable<void> StreamRelay::read_some(Reading& reading) {
  // Until the upstream has been silent for too long, or the client.
  auto gap = request_.channel->timeouts.gap;
  auto due = std::min(last_byte_ + gap, client_.ping_due());
  call_->set_gap(std::chrono::ceil<std::chrono::milliseconds>(std::max(due - now(), {})));
  auto got = co_await call_->read();
  if (got) {
    last_byte_ = now();
    if (got->empty()) {
      net::SseEvent event;
      // A last event without its empty line counts when it is whole.
      if (sse_.finish(event) && (event.data == "[DONE]" || core::is_valid_json(event.data))) take_event(event, reading);
      reading.over = true;
      if (reading.why.empty()) reading.why = "end of the answer";
      co_return;
    }
    take_bytes(*got, reading);
    if (client_.gone() && !reading.over && !client_.read_on(got->size()))
      reading = {true, End::kClientGone, net::TimeLimit::kNone, "enough was read on"};
    co_return;
  }
  const auto& failure = got.error();
  if (failure.code == core::Errc::kCancelled) {
    reading = {true, client_.gone() ? End::kClientGone : End::kGatewayShutdown, net::TimeLimit::kNone, failure.message};
  } else if (failure.code != core::Errc::kTimeout) {
    reading = {true, End::kUpstreamReset, net::TimeLimit::kNone, failure.message};
  } else if (failure.limit != net::TimeLimit::kGap || now() - last_byte_ >= gap) {
    reading = {true, End::kIdleTimeout, failure.limit, failure.message};
  } else {
    co_await client_.ping();
  }
}

// Events are held until one says something: until then another channel may still answer.
net::awaitable<void> StreamRelay::send_ready() {
  if (outbox_.empty() || (!event_sent_ && !reader_->meaningful() && outbox_.text().size() < kMostHeld)) co_return;
  client_.begin_stream();
  event_sent_ = true;
  call_->release_view();  // a slow client holds the outbox alone
  std::string_view pieces[] = {outbox_.text()};
  auto sent = co_await request_.exchange.write(pieces);
  core::fault_point("stream.event");
  outbox_.clear();
  if (!sent) client_.left();
}

// Streams that last leave a row in the journal by which a later process charges them if this one is killed.
net::awaitable<void> StreamRelay::note_for_recovery() {
  auto now = request_.relay.clock.steady();
  if (now - noted_ < kNoteEvery || !reader_->has_output() || !request_.reservation) co_return;
  noted_ = now;
  Reading cut;
  cut.end = End::kGatewayShutdown;
  auto end = end_of(cut);
  if (needs_estimate(end)) co_await estimate_prompt(request_);
  auto record = make_record(request_, end, request_.estimate.value_or(0));
  record.token_limited = request_.reservation->token() != nullptr;
  request_.relay.billing.inflight_put({.settle = std::move(record), .begun = true});
}

EndOfRequest StreamRelay::end_of(const Reading& reading) const {
  EndOfRequest end;
  end.end = reading.end;
  end.limit = reading.limit;
  end.output_seen = reader_->has_output();
  end.whole = reading.end == End::kFinished || (client_.gone() && whole() && reader_->has_usage());
  if (reader_->has_usage()) end.usage = reader_->usage();
  end.usage_refused = reader_->usage_refused();
  end.counted_output = reader_->counted_tokens(request_.upstream_model);
  end.content_filtered = reader_->content_filtered();
  end.unreported = unreported_usage(request_);
  return end;
}

RelayError StreamRelay::error_of(const Reading& reading) const {
  switch (reading.end) {
    case End::kUpstreamErrorEvent: {
      auto error = dialect::read_upstream_error(500, reader_->error(), secrets_of(request_));
      if (error.message == "openai_error") error.message = "the upstream reported an error";
      return error;
    }
    case End::kIdleTimeout:
      return dialect::bad_answer("upstream_timeout",
                                 reading.limit == net::TimeLimit::kTotal
                                     ? "the upstream takes longer than the whole answer may take"
                                     : "the upstream fell silent in the middle of the answer",
                                 504);
    case End::kGatewayShutdown: return dialect::bad_answer("server_restart", "the gateway is restarting", 503);
    case End::kEmpty: return dialect::bad_answer("empty_response", "the upstream's answer is empty");
    default: {
      auto error = dialect::bad_answer("upstream_reset", "the upstream broke off in the middle of the answer", 502);
      error.internal = reading.why;
      return error;
    }
  }
}

// Nobody is there to be answered. What the upstream sent until it was cancelled, or read on, is charged.
net::awaitable<void> StreamRelay::settle_gone(const Reading& reading) {
  auto end = end_of(reading);
  end.end = End::kClientGone;
  end.limit = net::TimeLimit::kNone;
  // An upstream that was read on and then failed before it said anything has nothing to bill.
  bool failed = reading.end == End::kUpstreamErrorEvent || reading.end == End::kEmpty;
  end.taken = !failed || reader_->has_usage();
  if (request_.relay.settings.charge_abandoned_bound && !reader_->ended_well())
    end.abandoned_output = request_.openai.max_output_tokens;
  co_await settle(request_, end);
  request_.exchange.abort();
}

// No [DONE], no finish reason that the upstream did not give: the client must see that this is not whole.
net::awaitable<void> StreamRelay::end_with_error(const Reading& reading, const RelayError& error) {
  co_await settle(request_, end_of(reading));
  client_.begin_stream();
  outbox_.event(dialect::error_body(error, request_.id), reader_->named_events() ? "error" : "");
  std::string_view pieces[] = {outbox_.text()};
  auto sent = co_await request_.exchange.finish(pieces);
  if (!sent) core::log::debug("request {}: {}", request_.id, sent.error().message);
  log_failure(request_, error);
  // The client has its answer, but what this says of the channel counts like a failure before it.
  if (reading.end != End::kGatewayShutdown && calls_for_disabling(request_.snapshot->relay, *request_.channel, error))
    request_.relay.health.report(fault_of(*request_.channel, request_.key, error));
}

net::awaitable<void> StreamRelay::end_whole(const Reading& reading) {
  auto end = end_of(reading);
  bool wants_usage = request_.openai.include_usage != dialect::IncludeUsage::kFalse;
  if (!reader_->has_usage() && wants_usage && request_.route == dialect::OpenAiRoute::kChatCompletions) {
    if (needs_estimate(end)) co_await estimate_prompt(request_);
    auto chunk = reader_->usage_chunk(rule_of(end, request_.estimate.value_or(0)).usage);
    if (!chunk.empty()) outbox_.event(chunk);
  }
  co_await settle(request_, end);
  client_.begin_stream();
  std::string_view pieces[] = {outbox_.text(), reader_->end_mark()};
  auto sent = co_await request_.exchange.finish(pieces);
  core::fault_point("answer.sent");
  if (!sent) core::log::debug("request {}: {}", request_.id, sent.error().message);
}

net::awaitable<std::optional<RelayError>> StreamRelay::run() {
  request_.answered_as_stream = true;
  Reading reading;
  while (!reading.over) {
    co_await read_some(reading);
    // What comes with the end leaves together with it, after the charge is in the journal.
    if (reading.over) break;
    if (client_.gone()) {
      outbox_.clear();
      reading.over = reader_->ended_well() && reader_->has_usage();
      if (!reading.over) co_await client_.forget();
    } else {
      co_await send_ready();
    }
    co_await note_for_recovery();
  }
  client_.cancel = nullptr;
  client_.reads_on = nullptr;
  if (reading.end == End::kFinished && !whole()) {
    reading.end = reader_->meaningful() ? End::kUpstreamReset : End::kEmpty;
    if (reading.end == End::kUpstreamReset) reading.why = "the stream ended without a finish reason";
  }
  if (reading.end == End::kFinished && !client_.gone() && !call_->ended())
    net::UpstreamCall::finish_in_background(std::move(call_));
  call_.reset();

  if (client_.gone()) {
    co_await settle_gone(reading);
    co_return std::nullopt;
  }
  if (reading.end == End::kFinished) {
    co_await end_whole(reading);
    co_return std::nullopt;
  }
  auto error = error_of(reading);
  core::log::warn("request {}: channel {}: {}", request_.id, request_.channel->id.value, error.log_text());
  request_.attempts.back().limit = reading.limit;
  if (!event_sent_ && !reader_->meaningful()) {  // no byte of an answer has left: another channel may do better
    if (reader_->has_usage()) request_.attempts.back().billed = reader_->usage();
    // Silence that began behind the head is no other failure than silence before it.
    if (reading.end == End::kIdleTimeout) error = dialect::upstream_unreachable(reading.why);
    error.no_retry = reading.end == End::kGatewayShutdown;
    co_return error;
  }
  co_await end_with_error(reading, error);
  co_return std::nullopt;
}

}  // namespace

net::awaitable<std::optional<RelayError>> relay_stream(Request& request, std::unique_ptr<net::UpstreamCall> call,
                                                       ClientSide& client) {
  StreamRelay stream(request, std::move(call), client);
  auto failed = co_await stream.run();
  co_return failed;
}

}  // namespace tollgate::relay
