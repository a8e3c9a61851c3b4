#include "relay/attempt.h"

#include "billing/token_estimate.h"
#include "core/fault_point.h"
#include "core/log.h"
#include "dialect/openai_answer.h"
#include "dialect/openai_patch.h"
#include "dialect/openai_reasoning.h"
#include "dialect/openai_usage.h"
#include "net/worker.h"
#include "relay/estimate.h"
#include "relay/secrets.h"
#include "relay/settle.h"
#include "relay/stream.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;

void map_status(const Request& request, RelayError& error) {
  if (error.status == 200) return;
  auto mapped = request.channel->status_mapping.find(error.status);
  if (mapped != request.channel->status_mapping.end() && mapped->second != 0) error.status = mapped->second;
}

// The rest of an answer, at most `limit` bytes.
net::awaitable<net::CallResult<std::string>> read_all(net::UpstreamCall& call, std::size_t limit) {
  std::string body;
  if (auto length = call.header("content-length"))
    body.reserve(std::min<std::size_t>(limit, static_cast<std::size_t>(std::atoll(std::string(*length).c_str()))) + 64);
  for (;;) {
    auto got = co_await call.read();
    if (!got) co_return got.error();
    if (got->empty()) co_return body;
    if (body.size() + got->size() > limit) {
      co_return net::Failure{core::Errc::kTooLarge, net::TimeLimit::kNone, "the answer is too long"};
    }
    body += *got;
  }
}

// The client left while the upstream was at work: what it used is charged, an answer goes nowhere.
net::awaitable<void> settle_gone(Request& request) {
  EndOfRequest end;
  end.end = End::kClientGone;
  co_await settle(request, end);
  request.exchange.abort();
}

std::string with_usage(std::string_view body, const billing::Usage& usage) {
  core::JsonEditor editor(body);
  editor.set("usage", dialect::write_openai_usage(usage));
  return editor.text();
}

net::awaitable<std::optional<RelayError>> relay_plain(Request& request, net::UpstreamCall& call) {
  auto body = co_await read_all(call, request.relay.settings.max_answer_bytes);
  if (!body) {
    if (body.error().code == core::Errc::kCancelled && request.exchange.client_gone()) {
      co_await settle_gone(request);
      co_return std::nullopt;
    }
    core::log::warn("request {}: channel {}: {}", request.id, request.channel->id.value, body.error().message);
    auto error = dialect::bad_answer("read_response_body_failed", "the upstream's answer could not be read");
    error.internal = body.error().message;
    co_return error;
  }
  auto size = body->size();
  body->append(64, '\0');
  std::string_view text(body->data(), size);
  auto answer = dialect::read_openai_answer(request.route, text);
  if (!answer.valid) co_return dialect::bad_answer("bad_response_body", "the upstream's answer is not valid JSON");
  if (answer.is_error) {
    auto error = dialect::read_upstream_error(200, text, secrets_of(request));
    map_status(request, error);
    co_return error;
  }
  if (answer.is_empty) co_return dialect::bad_answer("empty_response", "the upstream's answer is empty");

  EndOfRequest end;
  end.whole = true;
  end.output_seen = true;
  end.usage = answer.usage;
  end.usage_refused = answer.usage_refused;
  end.content_filtered = answer.content_filtered;
  if (!answer.output_text.empty())
    end.counted_output = billing::estimate_tokens(billing::text_family(request.upstream_model), answer.output_text);
  std::string replaced;
  if (!answer.usage || !answer.usage->usable()) {
    // The client gets the figures it is charged by.
    if (needs_estimate(end)) co_await estimate_prompt(request);
    auto billed = rule_of(end, request.estimate.value_or(0));
    if (request.route != dialect::OpenAiRoute::kEmbeddings) replaced = with_usage(text, billed.usage);
  }
  co_await settle(request, end);
  net::Header headers[] = {{"Content-Type", "application/json"}};
  auto sent = co_await request.exchange.answer(200, headers, replaced.empty() ? text : std::string_view(replaced));
  core::fault_point("answer.sent");
  if (!sent) core::log::debug("request {}: {}", request.id, sent.error().message);
  co_return std::nullopt;
}

}  // namespace

net::awaitable<std::optional<RelayError>> attempt(Request& request) {
  const auto& channel = *request.channel;
  auto& exchange = request.exchange;
  const auto& settings = request.relay.settings;

  auto address = provider::upstream_url(*channel.provider, channel.base_url, request.route, request.upstream_model);
  auto url = address ? net::parse_url(*address) : core::Result<net::Url>(address.error());
  if (!url) {
    auto error = dialect::bad_answer("do_request_failed", "the channel's address cannot be used");
    error.internal = url.error().message;
    co_return error;
  }

  core::JsonEditor editor(request.body);
  if (!channel.pass_body && !request.snapshot->relay.pass_body) {
    bool asks_usage = request.openai.stream && channel.provider->stream_options;
    dialect::OpenAiPatch patch;
    if (request.route == dialect::OpenAiRoute::kChatCompletions)
      dialect::adapt_to_reasoning_model(request.upstream_model, editor, request.body);
    patch.upstream_model = request.upstream_model;
    patch.ask_usage = asks_usage && settings.force_stream_option;
    patch.drop_stream_options = !asks_usage;
    patch.drop_service_tier = !channel.allow_service_tier;
    patch.drop_store = channel.disable_store;
    patch.drop_safety_identifier = !channel.allow_safety_identifier;
    if (request.route == dialect::OpenAiRoute::kChatCompletions) {
      patch.system_prompt = channel.system_prompt;
      patch.system_prompt_override = channel.system_prompt_override;
    }
    request.system_prompt_changed = dialect::patch_openai_request(request.openai, patch, editor, request.body);
  }
  std::vector<std::string_view> pieces;
  if (editor.changed())
    pieces = editor.pieces();
  else
    pieces.push_back(request.body);

  std::string bearer = "Bearer " + request.key.text;
  std::vector<net::Header> headers{{"Content-Type", "application/json"}, {"Authorization", bearer}};
  auto accept = exchange.header("accept");
  headers.push_back({"Accept", accept && !accept->empty() ? *accept
                               : request.openai.stream    ? "text/event-stream"
                                                          : "*/*"});
  if (!channel.organization.empty()) headers.push_back({"OpenAI-Organization", channel.organization});
  // A header value with a line break would begin a header of its own.
  for (const auto& header : headers)
    if (header.value.find_first_of("\r\n") != std::string_view::npos)
      co_return dialect::gateway_error(500, "channel:invalid_key", "the channel's key or organization is not usable");

  net::UpstreamRequest upstream;
  upstream.url = &*url;
  upstream.headers = headers;
  upstream.body = pieces;
  upstream.proxy = channel.proxy ? &*channel.proxy : nullptr;
  upstream.timeouts = channel.timeouts;
  upstream.verify_tls = settings.verify_tls;

  core::fault_point("attempt.prepared");
  // A client that hangs up ends whatever the call waits for.
  std::function<void()> canceller;
  exchange.on_client_gone([&canceller] {
    if (canceller) canceller();
  });
  auto answered = co_await exchange.worker().upstreams().send(upstream, canceller);
  exchange.on_client_gone(nullptr);
  if (exchange.client_gone()) {
    co_await settle_gone(request);
    co_return std::nullopt;
  }
  if (!answered) {
    core::log::warn("request {}: channel {}: {}", request.id, channel.id.value, answered.error().message);
    co_return dialect::upstream_unreachable(answered.error().message);
  }
  core::fault_point("attempt.answered");
  auto call = std::move(*answered);
  exchange.on_client_gone([raw = call.get()] { raw->cancel(); });
  struct Unwatch {
    net::Exchange& exchange;
    ~Unwatch() { exchange.on_client_gone(nullptr); }
  } unwatch{exchange};

  if (call->status() != 200) {
    constexpr std::size_t kErrorBody = 64 * 1024;
    std::string text;
    call->set_gap(std::chrono::seconds(10));
    for (;;) {
      auto got = co_await call->read();
      if (!got || got->empty()) break;
      text.append(got->substr(0, kErrorBody - std::min(kErrorBody, text.size())));
      if (text.size() >= kErrorBody) break;
    }
    auto error = dialect::read_upstream_error(call->status(), text, secrets_of(request), settings.auth_text);
    if (auto after = call->header("retry-after"); after && dialect::is_retry_after(*after)) error.retry_after = *after;
    map_status(request, error);
    co_return error;
  }
  auto type = call->header("content-type").value_or("");
  bool is_stream =
      type.starts_with("text/event-stream") || (request.openai.stream && !type.starts_with("application/json"));
  if (is_stream) co_return co_await relay_stream(request, std::move(call));
  auto failed = co_await relay_plain(request, *call);
  co_return failed;
}

}  // namespace tollgate::relay
