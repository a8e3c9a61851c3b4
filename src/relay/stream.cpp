#include "relay/stream.h"

#include "core/fault_point.h"
#include "core/json_edit.h"
#include "core/log.h"
#include "dialect/openai_stream.h"
#include "net/sse.h"
#include "net/worker.h"
#include "relay/estimate.h"
#include "relay/secrets.h"
#include "relay/settle.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;
using dialect::StreamAction;

constexpr std::string_view kDone = "data: [DONE]\n\n";
constexpr std::size_t kBufferKept = 128 * 1024;
constexpr auto kNoteEvery = std::chrono::seconds(1);  // what a killed process would charge is kept up to date
constexpr auto kUsageWait = std::chrono::seconds(5);  // for the usage of an answer whose client left at its end

// A buffer of the worker, held only while there is something in it: an idle stream holds none.
class Outbox {
 public:
  explicit Outbox(Relay::Local& local) : local_(local) {}
  ~Outbox() { give_back(); }

  void event(std::string_view data) {
    borrow();
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
  void raw(std::string_view text) {
    borrow();
    text_ += text;
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
    text_ = std::string();
  }
  Relay::Local& local_;
  std::string text_;
  bool held_ = false;
};

// How the reading of the upstream came to its end.
struct Reading {
  bool over = false;
  End end = End::kFinished;
  net::TimeLimit limit = net::TimeLimit::kNone;
  std::string why;
};

class StreamRelay {
 public:
  StreamRelay(Request& request, std::unique_ptr<net::UpstreamCall> call)
      : request_(request),
        call_(std::move(call)),
        sse_(request.relay.settings.max_event_bytes),
        reader_(request.openai.include_usage != dialect::IncludeUsage::kFalse),
        outbox_(request.local) {}

  net::awaitable<std::optional<RelayError>> run();

 private:
  void take_events(Reading& reading);
  net::awaitable<void> read_some(Reading& reading);
  net::awaitable<bool> send_ready();
  net::awaitable<void> wait_for_usage();
  net::awaitable<void> note_for_recovery();
  EndOfRequest end_of(const Reading& reading) const;
  RelayError error_of(const Reading& reading) const;
  void begin_answer();

  Request& request_;
  std::unique_ptr<net::UpstreamCall> call_;
  net::SseReader sse_;
  dialect::OpenAiStreamReader reader_;
  Outbox outbox_;
  bool answer_begun_ = false;
  std::chrono::milliseconds silent_{0};
  core::SteadyTime noted_ = request_.relay.clock.steady();
};

void StreamRelay::begin_answer() {
  if (answer_begun_) return;
  answer_begun_ = true;
  static constexpr net::Header kHeaders[] = {
      {"Content-Type", "text/event-stream; charset=utf-8"}, {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
  request_.exchange.start(200, kHeaders);
}

// Everything that the bytes just read complete goes into the outbox.
void StreamRelay::take_events(Reading& reading) {
  net::SseEvent event;
  while (!reading.over && sse_.next(event)) {
    if (!request_.first_event) request_.first_event = request_.relay.clock.steady();
    switch (reader_.on_event(event.data)) {
      case StreamAction::kForward: outbox_.event(event.data); break;
      case StreamAction::kHoldBack: break;
      case StreamAction::kDone: reading.over = true; break;
      case StreamAction::kError:
        reading = {true, End::kUpstreamErrorEvent, net::TimeLimit::kNone, "error event"};
        break;
    }
  }
  if (sse_.too_long()) reading = {true, End::kUpstreamReset, net::TimeLimit::kNone, "an event is too long"};
}

net::awaitable<void> StreamRelay::read_some(Reading& reading) {
  auto keepalive = std::min(request_.relay.settings.keepalive, request_.channel->timeouts.gap);
  call_->set_gap(keepalive);
  auto got = co_await call_->read();
  if (got) {
    silent_ = {};
    if (got->empty()) {
      net::SseEvent event;
      // A last event without its empty line counts when it is whole.
      if (sse_.finish(event) && (event.data == "[DONE]" || core::is_valid_json(event.data))) {
        switch (reader_.on_event(event.data)) {
          case StreamAction::kForward: outbox_.event(event.data); break;
          case StreamAction::kError: reading.end = End::kUpstreamErrorEvent; break;
          default: break;
        }
      }
      reading.over = true;
      reading.why = "end of the answer";
      co_return;
    }
    sse_.feed(*got);
    take_events(reading);
    co_return;
  }
  const auto& failure = got.error();
  if (failure.code == core::Errc::kTimeout && failure.limit == net::TimeLimit::kGap) {
    silent_ += keepalive;
    if (request_.relay.shutting_down()) {
      reading = {true, End::kGatewayShutdown, net::TimeLimit::kNone, "the gateway is stopped"};
    } else if (silent_ >= request_.channel->timeouts.gap) {
      reading = {true, End::kIdleTimeout, failure.limit, failure.message};
    } else if (answer_begun_ || silent_ >= request_.relay.settings.commit_head) {
      begin_answer();
      outbox_.raw(": PING\n\n");
    }
    co_return;
  }
  if (failure.code == core::Errc::kCancelled) {
    bool gone = request_.exchange.client_gone();
    reading = {true, gone ? End::kClientGone : End::kGatewayShutdown, net::TimeLimit::kNone, failure.message};
  } else if (failure.code == core::Errc::kTimeout) {
    reading = {true, End::kIdleTimeout, failure.limit, failure.message};
  } else {
    reading = {true, End::kUpstreamReset, net::TimeLimit::kNone, failure.message};
  }
}

// False when the client is gone.
net::awaitable<bool> StreamRelay::send_ready() {
  if (outbox_.empty() || (!answer_begun_ && !reader_.meaningful())) co_return true;
  begin_answer();
  std::string_view pieces[] = {outbox_.text()};
  auto sent = co_await request_.exchange.write(pieces);
  core::fault_point("stream.event");
  outbox_.clear();
  co_return bool(sent);
}

// Streams that last leave a row in the journal by which a later process charges them if this one is killed.
net::awaitable<void> StreamRelay::note_for_recovery() {
  auto now = request_.relay.clock.steady();
  if (now - noted_ < kNoteEvery || !reader_.has_output() || !request_.reservation) co_return;
  noted_ = now;
  Reading cut;
  cut.end = End::kGatewayShutdown;
  auto end = end_of(cut);
  if (needs_estimate(end)) co_await estimate_prompt(request_);
  auto record = make_record(request_, end, request_.estimate.value_or(0));
  record.token_limited = request_.reservation->token() != nullptr;
  request_.relay.billing.inflight_put({.settle = std::move(record), .begun = true});
}

// The client left between the last content and the usage: a moment more makes the charge exact.
net::awaitable<void> StreamRelay::wait_for_usage() {
  call_->set_gap(kUsageWait);
  auto due = request_.relay.clock.steady() + kUsageWait;
  Reading rest;
  while (!rest.over && !reader_.has_usage() && request_.relay.clock.steady() < due) {
    auto got = co_await call_->read();
    if (!got || got->empty()) co_return;
    sse_.feed(*got);
    take_events(rest);
    outbox_.clear();
  }
}

EndOfRequest StreamRelay::end_of(const Reading& reading) const {
  EndOfRequest end;
  end.end = reading.end;
  end.limit = reading.limit;
  end.output_seen = reader_.has_output();
  end.whole = reading.end == End::kFinished;
  if (reader_.has_usage()) end.usage = reader_.usage();
  end.usage_refused = reader_.usage_refused();
  end.counted_output = reader_.counted_tokens(request_.upstream_model);
  end.content_filtered = reader_.content_filtered();
  return end;
}

RelayError StreamRelay::error_of(const Reading& reading) const {
  switch (reading.end) {
    case End::kUpstreamErrorEvent: {
      auto error = dialect::read_upstream_error(500, reader_.error(), secrets_of(request_));
      if (error.message == "openai_error") error.message = "the upstream reported an error";
      return error;
    }
    case End::kIdleTimeout:
      return dialect::bad_answer("upstream_timeout", "the upstream fell silent in the middle of the answer", 504);
    case End::kGatewayShutdown: return dialect::bad_answer("server_restart", "the gateway is restarting", 503);
    case End::kEmpty: return dialect::bad_answer("empty_response", "the upstream's answer is empty");
    default: {
      auto error = dialect::bad_answer("upstream_reset", "the upstream broke off in the middle of the answer", 502);
      error.internal = reading.why;
      return error;
    }
  }
}

net::awaitable<std::optional<RelayError>> StreamRelay::run() {
  request_.answered_as_stream = true;
  Reading reading;
  while (!reading.over) {
    co_await read_some(reading);
    // What comes with the end leaves together with it, after the charge is in the journal.
    if (reading.over) break;
    bool there = co_await send_ready();
    if (!there) reading = {true, End::kClientGone, net::TimeLimit::kNone, "the client hung up"};
    co_await note_for_recovery();
  }
  bool done_is_end = reader_.saw_done() && request_.channel->done_is_end && reader_.meaningful();
  if (reading.end == End::kFinished && !reader_.ended_well() && !done_is_end) {
    reading.end = reader_.meaningful() ? End::kUpstreamReset : End::kEmpty;
    if (reading.end == End::kUpstreamReset) reading.why = "the stream ended without a finish reason";
  }
  if (reading.end == End::kFinished && call_ && !call_->ended())
    net::UpstreamCall::finish_in_background(std::move(call_));

  if (reading.end == End::kClientGone) {
    if (reader_.ended_well() && !reader_.has_usage() && call_ && !call_->ended()) co_await wait_for_usage();
    auto end = end_of(reading);
    // Its usage came after all: what the upstream counted is what it costs.
    if (reader_.ended_well() && reader_.has_usage()) end.whole = true;
    call_.reset();
    co_await settle(request_, end);
    request_.exchange.abort();
    co_return std::nullopt;
  }
  if (reading.end != End::kFinished) {
    auto error = error_of(reading);
    core::log::warn("request {}: channel {}: {}", request_.id, request_.channel->id.value, error.log_text());
    call_.reset();
    if (!answer_begun_ && !reader_.meaningful()) co_return error;  // nothing has left: another channel may do better
    co_await settle(request_, end_of(reading));
    begin_answer();
    // No [DONE], no finish reason that the upstream did not give: the client must see that this is not whole.
    outbox_.event(dialect::error_body(error, request_.id));
    std::string_view pieces[] = {outbox_.text()};
    auto sent = co_await request_.exchange.finish(pieces);
    if (!sent) core::log::debug("request {}: {}", request_.id, sent.error().message);
    log_failure(request_, error);
    co_return std::nullopt;
  }

  auto end = end_of(reading);
  bool wants_usage = request_.openai.include_usage != dialect::IncludeUsage::kFalse;
  if (!reader_.has_usage() && wants_usage && request_.route == dialect::OpenAiRoute::kChatCompletions) {
    if (needs_estimate(end)) co_await estimate_prompt(request_);
    auto chunk = reader_.usage_chunk(rule_of(end, request_.estimate.value_or(0)).usage);
    if (!chunk.empty()) outbox_.event(chunk);
  }
  co_await settle(request_, end);
  begin_answer();
  std::string_view pieces[] = {outbox_.text(), kDone};
  auto sent = co_await request_.exchange.finish(pieces);
  core::fault_point("answer.sent");
  if (!sent) core::log::debug("request {}: {}", request_.id, sent.error().message);
  co_return std::nullopt;
}

}  // namespace

net::awaitable<std::optional<RelayError>> relay_stream(Request& request, std::unique_ptr<net::UpstreamCall> call) {
  StreamRelay stream(request, std::move(call));
  auto failed = co_await stream.run();
  co_return failed;
}

}  // namespace tollgate::relay
