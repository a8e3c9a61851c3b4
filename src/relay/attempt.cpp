#include "relay/attempt.h"

#include "billing/media_tokens.h"
#include "billing/token_estimate.h"
#include "core/fault_point.h"
#include "core/log.h"
#include "dialect/openai_answer.h"
#include "dialect/openai_usage.h"
#include "dialect/transcript.h"
#include "net/suspend.h"
#include "net/worker.h"
#include "provider/enterprise.h"
#include "relay/answer_headers.h"
#include "relay/apply_override.h"
#include "relay/client_side.h"
#include "relay/estimate.h"
#include "relay/media_charge.h"
#include "relay/reserve.h"
#include "relay/routes.h"
#include "relay/secrets.h"
#include "relay/settle.h"
#include "relay/speech_answer.h"
#include "relay/stream.h"
#include "relay/stream_usage.h"
#include "relay/upstream_request.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;

void map_status(const Request& request, RelayError& error) {
  if (error.status == 200) return;
  auto mapped = request.channel->status_mapping.find(error.status);
  if (mapped != request.channel->status_mapping.end() && mapped->second != 0) error.status = mapped->second;
}

// The rest of an answer, at most `limit` bytes, and why it is not whole when it is not. After the client left it is
// read on as far as the client's side allows.
struct Body {
  std::string text;
  std::optional<net::Failure> failure;
};
net::awaitable<Body> read_all(net::UpstreamCall& call, std::size_t limit, std::chrono::milliseconds gap,
                              ClientSide& client) {
  Body body;
  if (auto length = call.header("content-length"))
    body.text.reserve(std::min<std::size_t>(limit, static_cast<std::size_t>(std::atoll(std::string(*length).c_str()))) +
                      64);
  using std::chrono::milliseconds;
  auto last_byte = std::chrono::steady_clock::now();
  for (;;) {
    // Until the upstream has been silent for too long, or towards the client.
    auto now = std::chrono::steady_clock::now();
    auto due = last_byte + gap;
    if (auto ping = client.ping_due(); ping < due) due = ping;
    call.set_gap(std::chrono::ceil<milliseconds>(std::max(due - now, {})));
    auto got = co_await call.read();
    if (!got && got.error().limit == net::TimeLimit::kGap && std::chrono::steady_clock::now() - last_byte < gap) {
      co_await client.ping();
      continue;
    }
    if (!got) body.failure = got.error();
    if (!got || got->empty()) co_return body;
    last_byte = std::chrono::steady_clock::now();
    body.text += *got;
    if (client.gone() && !client.read_on(got->size()))
      body.failure = net::Failure{core::Errc::kCancelled, net::TimeLimit::kNone, "the client left"};
    else if (body.text.size() > limit)
      body.failure = net::Failure{core::Errc::kTooLarge, net::TimeLimit::kNone, "the answer is too long"};
    if (body.failure) co_return body;
    co_await client.forget();
  }
}

// The client left: what the upstream may bill for is charged, an answer goes nowhere.
net::awaitable<void> settle_gone(Request& request, EndOfRequest end) {
  end.end = End::kClientGone;
  if (!request.answered_as_stream) request.answered_as_stream = request.openai.stream;
  co_await settle(request, end);
  request.exchange.abort();
}

// Before anything of the answer came. `taken`: the upstream has the request and may bill it.
EndOfRequest gone_early(const Request& request, bool taken) {
  EndOfRequest end;
  end.taken = taken;
  if (request.relay.settings.charge_abandoned_bound) end.abandoned_output = request.openai.max_output_tokens;
  return end;
}

// The text of a plain answer of which only the beginning came. It is not yet JSON, so its strings are read one by one.
std::int64_t count_part(const Request& request, std::string_view body) {
  if (!answers_text(request.route)) return 0;
  billing::TokenEstimator text;
  std::string_view name;
  while (true) {
    auto open = body.find('"');
    if (open == std::string_view::npos) break;
    body.remove_prefix(open + 1);
    std::size_t end = 0;
    while (end < body.size() && body[end] != '"') end += body[end] == '\\' ? 2 : 1;
    end = std::min(end, body.size());
    auto string = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    auto next = body.find_first_not_of(" \t\r\n");
    if (next != std::string_view::npos && body[next] == ':')
      name = string;
    else if (name == "content" || name == "reasoning_content" || name == "reasoning" || name == "refusal" ||
             name == "text" || name == "name" || name == "arguments")
      text.add(string);
  }
  return text.tokens(billing::text_family(request.upstream_model));
}

// Our disk failed, no channel.
RelayError upload_lost(const Request& request, std::string_view why) {
  core::log::error("request {}: {}", request.id, why);
  auto error = dialect::gateway_error(500, "read_request_body_failed", "the stored upload could not be read");
  error.no_retry = true;
  return error;
}

std::string with_usage(std::string_view body, const billing::Usage& usage) {
  core::JsonEditor editor(body);
  editor.set("usage", dialect::write_openai_usage(usage));
  return editor.text();
}

// Reading takes a millisecond for some hundred kilobytes: long answers (pictures, embeddings) are read by the computing
// threads.
net::awaitable<dialect::OpenAiAnswer> read_answer(Request& request, std::string_view text) {
  constexpr std::size_t kReadHere = 256 * 1024;
  const auto rules = request.channel->provider->usage;
  if (text.size() > kReadHere) {
    using Answer = std::shared_ptr<dialect::OpenAiAnswer>;
    auto read = co_await net::suspend<Answer>([&](auto done) {
      bool taken = request.relay.cpu_threads.submit([route = request.route, rules, text, done] {
        done(std::make_shared<dialect::OpenAiAnswer>(dialect::read_openai_answer(route, text, rules)));
      });
      if (!taken) done(nullptr);
    });
    if (read) co_return std::move(*read);
  }
  co_return dialect::read_openai_answer(request.route, text, rules);
}

net::awaitable<std::optional<RelayError>> relay_plain(Request& request, net::UpstreamCall& call, ClientSide& client) {
  auto body = co_await read_all(call, request.relay.settings.max_answer_bytes, request.channel->timeouts.gap, client);
  client.cancel = nullptr;
  if (body.failure) {
    if (client.gone()) {
      auto end = gone_early(request, true);
      end.counted_output = count_part(request, body.text);
      end.output_seen = end.counted_output > 0;
      co_await settle_gone(request, end);
      co_return std::nullopt;
    }
    if (client.stopped()) co_return stopped_error();
    request.attempts.back().limit = body.failure->limit;
    core::log::warn("request {}: channel {}: {}", request.id, request.channel->id.value, body.failure->message);
    auto error = dialect::bad_answer("read_response_body_failed", "the upstream's answer could not be read");
    error.internal = body.failure->message;
    co_return error;
  }
  const auto passed = passed_headers(call, *request.channel, request.relay.settings.pass_upstream_id);
  auto size = body.text.size();
  body.text.append(64, '\0');
  std::string_view text(body.text.data(), size);
  if (request.channel->enterprise_answers) {
    auto data = provider::openrouter_data(text);
    if (!data) co_return dialect::bad_answer("bad_response", data.error().message);
    text = *data;
  }
  const bool transcript = is_transcript(request.route);
  const auto type = call.header("content-type").value_or("");
  dialect::OpenAiAnswer answer;
  if (transcript)
    answer = dialect::read_transcript(type, text);
  else
    answer = co_await read_answer(request, text);
  if (!answer.valid) co_return dialect::bad_answer("bad_response_body", "the upstream's answer is not valid JSON");
  if (answer.is_error || answer.is_empty) request.attempts.back().billed = answer.usage;
  if (answer.is_error) {
    co_return dialect::read_upstream_error(200, text, secrets_of(request));
  }
  if (answer.is_empty) co_return dialect::bad_answer("empty_response", "the upstream's answer is empty");

  EndOfRequest end;
  end.whole = true;
  end.output_seen = true;
  end.usage = answer.usage;
  end.usage_refused = answer.usage_refused;
  end.content_filtered = answer.content_filtered;
  end.unreported = unreported_usage(request);
  if (counts_audio(request.route))  // in a format of the provider's own
    end.counted_output = billing::audio_tokens_by_size(static_cast<std::int64_t>(size));
  if (!answer.output_text.empty())
    end.counted_output = billing::estimate_tokens(billing::text_family(request.upstream_model), answer.output_text);
  if (client.gone()) {
    co_await settle_gone(request, end);
    co_return std::nullopt;
  }
  std::string replaced;
  if (request.channel->reshape.any() && request.route == dialect::OpenAiRoute::kChatCompletions) {
    replaced = dialect::OpenAiReshaper(request.channel->reshape).answer(text);
    text = replaced;
  }
  if (answers_text(request.route) && (!answer.usage || !answer.usage->usable())) {
    // The client gets the figures it is charged by.
    if (needs_estimate(end)) co_await estimate_prompt(request);
    auto billed = rule_of(end, request.estimate.value_or(0));
    replaced = with_usage(text, billed.usage);
  }
  co_await settle(request, end);
  std::vector<net::Header> headers = {
      {"Content-Type", transcript ? dialect::transcript_type(type) : std::string_view("application/json")}};
  for (const auto& [name, value] : passed) headers.push_back({name, value});
  const auto whole = replaced.empty() ? text : std::string_view(replaced);
  auto sent = request.exchange.started() ? co_await request.exchange.finish({&whole, 1})
                                         : co_await request.exchange.answer(200, headers, whole);
  core::fault_point("answer.sent");
  if (!sent) core::log::debug("request {}: {}", request.id, sent.error().message);
  co_return std::nullopt;
}

// The operator's rules may let the answer be longer than the client asked for: that is set aside too.
net::awaitable<std::optional<RelayError>> cover_override(Request& request, const std::string& overridden) {
  std::string text = overridden;
  text.append(64, '\0');
  auto read = dialect::read_openai_request(request.route, std::string_view(text).substr(0, overridden.size()));
  if (!read || output_limit(*read) <= output_limit(request.openai)) co_return std::nullopt;
  auto refused = co_await reserve_more(request, output_limit(*read));
  co_return refused;
}

}  // namespace

RelayError stopped_error() {
  auto error = dialect::bad_answer("server_restart", "the gateway is restarting", 503);
  error.no_retry = true;
  return error;
}

net::awaitable<RelayError> read_refusal(const Request& request, net::UpstreamCall& call) {
  constexpr std::size_t kErrorBody = 64 * 1024;
  const auto& settings = request.relay.settings;
  std::string text;
  call.set_gap(std::chrono::seconds(10));
  for (;;) {
    auto got = co_await call.read();
    if (!got || got->empty()) break;
    text.append(got->substr(0, kErrorBody - std::min(kErrorBody, text.size())));
    if (text.size() >= kErrorBody) break;
  }
  auto error = dialect::read_upstream_error(call.status(), text, secrets_of(request), settings.auth_text);
  if (auto after = call.header("retry-after"); after && dialect::is_retry_after(*after)) error.retry_after = *after;
  error.headers = passed_headers(call, *request.channel, settings.pass_upstream_id);
  map_status(request, error);
  co_return error;
}

net::awaitable<std::optional<RelayError>> attempt(Request& request) {
  const auto& channel = *request.channel;
  auto& exchange = request.exchange;
  const auto& settings = request.relay.settings;

  if (request.relay.shutting_down()) co_return stopped_error();
  // Before a first attempt that did not wait for anything a look at the socket would be wasted.
  bool waited = request.waited || request.attempts.size() > 1;
  if (exchange.client_gone() || (waited && exchange.probe_client_gone())) {
    co_await settle_gone(request, gone_early(request, false));
    co_return std::nullopt;
  }

  core::JsonEditor editor(request.body);
  const bool as_it_is = (channel.pass_body || request.snapshot->relay.pass_body) && may_pass_body(request.route);
  std::optional<FormBody> form;
  if (request.form)
    form.emplace(*request.form, as_it_is ? std::string_view() : request.upstream_model);
  else if (!as_it_is)
    request.system_prompt_changed =
        rewrite_openai_body(channel, request.route, request.upstream_model, request.openai,
                            settings.force_stream_option, editor, request.body, goes_without_stream_options(request));
  std::string overridden;
  if (channel.body_override && !form && !as_it_is && takes_body_override(request.route)) {
    if (auto wrong = override_body(channel,
                                   {.upstream_model = request.upstream_model,
                                    .original_model = request.openai.model,
                                    .request_path = exchange.head().target},
                                   editor, overridden))
      co_return wrong;
    if (auto refused = co_await cover_override(request, overridden)) co_return refused;
  }
  UpstreamRequestHead head;
  if (auto wrong = head.build({.channel = channel,
                               .key = request.key.text,
                               .route = request.route,
                               .upstream_model = request.upstream_model,
                               .stream = request.openai.stream,
                               .accept = exchange.header("accept").value_or(""),
                               .query = exchange.head().query,
                               .content_type = form ? std::string_view(form->content_type()) : "application/json",
                               .client_headers = exchange.head().headers.all()}))
    co_return wrong;
  std::vector<std::string_view> pieces;
  if (!overridden.empty())
    pieces.push_back(overridden);
  else if (editor.changed())
    pieces = editor.pieces();
  else
    pieces.push_back(request.body);
  auto upstream = head.request();
  upstream.body = pieces;
  if (form) upstream.source = &*form;
  upstream.verify_tls = settings.verify_tls;

  core::fault_point("attempt.prepared");
  ClientSide client(request);
  net::CallControl control;
  client.cancel = [&control] {
    if (control.cancel) control.cancel();
  };
  // An upstream that has the whole request may bill it whatever becomes of the connection.
  if (channel.drains || channel.bills_after_cancel)
    client.reads_on = [&control, &settings] {
      return control.sent ? settings.drain_time : std::chrono::milliseconds(0);
    };
  if (client.ping_due() != core::SteadyTime::max()) {
    control.wake_at = [&client] { return client.ping_due(); };
    control.woken = [&client] { return client.ping(); };
  }
  request.local.metrics->attempt_begins(request);
  auto answered = co_await exchange.worker().upstreams().send(upstream, control);
  if (!answered) {
    client.cancel = nullptr;
    if (client.gone()) {
      co_await settle_gone(request, gone_early(request, control.sent));
      co_return std::nullopt;
    }
    if (client.stopped()) co_return stopped_error();
    if (form && form->failed()) co_return upload_lost(request, answered.error().message);
    request.attempts.back().limit = answered.error().limit;
    core::log::warn("request {}: channel {}: {}", request.id, channel.id.value, answered.error().message);
    co_return dialect::upstream_unreachable(answered.error().message);
  }
  core::fault_point("attempt.answered");
  auto call = std::move(*answered);
  client.cancel = [raw = call.get()] { raw->cancel(); };

  request.attempts.back().upstream_status = call->status();
  if (call->status() != 200) {
    auto error = co_await read_refusal(request, *call);
    client.cancel = nullptr;
    if (client.gone()) {
      co_await settle_gone(request, gone_early(request, false));
      co_return std::nullopt;
    }
    if (client.stopped()) co_return stopped_error();
    co_return error;
  }
  auto type = call->header("content-type").value_or("");
  const bool is_json = type.starts_with("application/json");
  const bool speech = request.route == dialect::OpenAiRoute::kSpeech;
  bool is_stream = type.starts_with("text/event-stream") ||
                   (request.openai.stream && !speech && !is_transcript(request.route) && !is_json);
  // What keep-alives have begun has to go on in its form.
  if (exchange.started() && is_stream != request.openai.stream)
    co_return dialect::bad_answer("bad_response_body",
                                  is_stream ? "the upstream streams unasked" : "the upstream does not stream");
  std::optional<RelayError> failed;
  if (is_stream)
    failed = co_await relay_stream(request, std::move(call), client);
  else if (speech && !is_json)
    failed = co_await relay_speech(request, *call, client);
  else
    failed = co_await relay_plain(request, *call, client);
  // What was found wrong with a 200 has a status of ours; silence counts as a failure of the network.
  if (failed && !client.stopped() && failed->code != "\"do_request_failed\"") map_status(request, *failed);
  // Nobody waits for another attempt, and this one was refused.
  if (failed && client.gone()) {
    co_await settle_gone(request, gone_early(request, false));
    failed.reset();
  }
  co_return failed;
}

}  // namespace tollgate::relay
