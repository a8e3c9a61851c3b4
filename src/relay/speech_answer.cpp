#include "relay/speech_answer.h"

#include "billing/media_tokens.h"
#include "core/fault_point.h"
#include "core/log.h"
#include "relay/answer_headers.h"
#include "relay/client_side.h"
#include "relay/estimate.h"
#include "relay/settle.h"
#include "relay/speech_audio.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;

constexpr auto kNoteEvery = std::chrono::seconds(1);  // what a killed process would charge is kept up to date

class SpeechRelay {
 public:
  SpeechRelay(Request& request, net::UpstreamCall& call, ClientSide& client)
      : request_(request), call_(call), client_(client), audio_(request.openai.audio_format) {}

  net::awaitable<std::optional<RelayError>> run();

 private:
  net::awaitable<void> pass_on(std::string_view bytes);
  net::awaitable<void> note_for_recovery();
  net::awaitable<void> settle_as(End end, bool whole);
  EndOfRequest end_of(End end, bool whole, std::int64_t tokens) const;

  Request& request_;
  net::UpstreamCall& call_;
  ClientSide& client_;
  SpeechAudio audio_;
  core::SteadyTime noted_ = request_.relay.clock.steady();
};

EndOfRequest SpeechRelay::end_of(End end, bool whole, std::int64_t tokens) const {
  EndOfRequest out;
  out.end = end;
  out.whole = whole;
  out.output_seen = audio_.bytes() > 0;
  out.counted_output = tokens;
  return out;
}

net::awaitable<void> SpeechRelay::settle_as(End end, bool whole) {
  auto tokens = co_await audio_.tokens(request_.relay.cpu_threads);
  auto out = end_of(end, whole, tokens);
  if (end == End::kClientGone) {
    out.whole = false;
    // An upstream that was read on and then said nothing has nothing to bill.
    out.taken = !(whole && audio_.bytes() == 0);
  } else if (!whole) {
    out.limit = request_.attempts.back().limit;
  }
  co_await settle(request_, out);
}

// Answers that last leave a row in the journal by which a later process charges them if this one is killed.
net::awaitable<void> SpeechRelay::note_for_recovery() {
  auto now = request_.relay.clock.steady();
  if (now - noted_ < kNoteEvery || !request_.reservation) co_return;
  noted_ = now;
  auto estimate = co_await estimate_prompt(request_);
  auto cut = end_of(End::kGatewayShutdown, false, billing::audio_tokens_by_size(audio_.bytes()));
  auto record = make_record(request_, cut, estimate);
  record.token_limited = request_.reservation->token() != nullptr;
  request_.relay.billing.inflight_put({.settle = std::move(record), .begun = true});
}

// A client that takes nothing holds the upstream back: nothing is read meanwhile.
net::awaitable<void> SpeechRelay::pass_on(std::string_view bytes) {
  auto& exchange = request_.exchange;
  if (!exchange.started()) {
    auto headers = passed_headers(call_);
    exchange.start(200, headers);
  }
  std::string_view pieces[] = {bytes};
  auto sent = co_await exchange.write(pieces);
  if (!sent) client_.left();
}

net::awaitable<std::optional<RelayError>> SpeechRelay::run() {
  const auto& channel = *request_.channel;
  client_.reads_on = [this, &channel] {
    bool drains = channel.drains || (channel.bills_after_cancel && audio_.bytes() == 0);
    return drains ? request_.relay.settings.drain_time : std::chrono::milliseconds(0);
  };
  std::optional<net::Failure> failure;
  for (;;) {
    auto got = co_await call_.read();
    if (!got) failure = got.error();
    if (!got || got->empty()) break;
    audio_.add(*got);
    if (static_cast<std::size_t>(audio_.bytes()) > request_.relay.settings.max_answer_bytes) {
      failure = net::Failure{core::Errc::kTooLarge, net::TimeLimit::kNone, "the answer is too long"};
      break;
    }
    if (!client_.gone()) {
      co_await pass_on(*got);
      co_await note_for_recovery();
    } else if (!client_.read_on(got->size())) {
      failure = net::Failure{core::Errc::kCancelled, net::TimeLimit::kNone, "enough was read on"};
      break;
    }
    co_await client_.forget();
  }
  client_.cancel = nullptr;
  client_.reads_on = nullptr;

  if (client_.gone()) {
    co_await settle_as(End::kClientGone, !failure);
    request_.exchange.abort();
    co_return std::nullopt;
  }
  if (!failure && audio_.bytes() > 0) {
    co_await settle_as(End::kFinished, true);
    auto sent = co_await request_.exchange.finish();
    core::fault_point("answer.sent");
    if (!sent) core::log::debug("request {}: {}", request_.id, sent.error().message);
    co_return std::nullopt;
  }
  if (!failure) co_return dialect::bad_answer("empty_response", "the upstream's answer is empty");

  request_.attempts.back().limit = failure->limit;
  core::log::warn("request {}: channel {}: {}", request_.id, channel.id.value, failure->message);
  auto error = client_.stopped()
                   ? dialect::bad_answer("server_restart", "the gateway is restarting", 503)
                   : dialect::bad_answer("read_response_body_failed", "the upstream's answer could not be read");
  error.internal = failure->message;
  error.no_retry = client_.stopped();
  if (audio_.bytes() == 0) co_return error;

  auto end = client_.stopped()                       ? End::kGatewayShutdown
             : failure->code == core::Errc::kTimeout ? End::kIdleTimeout
                                                     : End::kUpstreamReset;
  co_await settle_as(end, false);
  request_.exchange.break_off();
  log_failure(request_, error);
  co_return std::nullopt;
}

}  // namespace

net::awaitable<std::optional<RelayError>> relay_speech(Request& request, net::UpstreamCall& call, ClientSide& client) {
  if (!is_media_type(call.header("content-type").value_or("")))
    co_return dialect::bad_answer("bad_response_body", "the upstream's answer is no audio");
  SpeechRelay relay(request, call, client);
  auto failed = co_await relay.run();
  co_return failed;
}

}  // namespace tollgate::relay
