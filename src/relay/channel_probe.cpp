#include "relay/channel_probe.h"

#include <fmt/core.h>

#include <boost/json.hpp>

#include "core/ascii.h"
#include "core/json_text.h"
#include "core/mask.h"
#include "dialect/openai_answer.h"
#include "dialect/openai_stream.h"
#include "net/http_client.h"
#include "net/sse.h"
#include "net/worker.h"
#include "relay/apply_override.h"
#include "relay/secrets.h"
#include "relay/upstream_request.h"

namespace tollgate::relay {
namespace {

using dialect::OpenAiRoute;
using dialect::RelayError;

constexpr std::size_t kMostOfAnswer = 1U << 20U;
constexpr std::size_t kReadable = 64;  // bytes that readers may look at behind a text
constexpr std::int64_t kMokaAi = 44, kVolcEngine = 45;
constexpr std::chrono::milliseconds kWait{60'000}, kWhole{120'000};

net::Timeouts limits_of(const Channel& channel) {
  auto limits = channel.timeouts;
  limits.first_byte = std::min(limits.first_byte, kWait);
  limits.gap = std::min(limits.gap, kWait);
  limits.total = limits.total.count() > 0 ? std::min(limits.total, kWhole) : kWhole;
  return limits;
}

void fail(ProbeResult& result, RelayError error, std::string message = {}) {
  if (message.empty()) message = error.log_text();
  result.message = std::move(message);
  result.error = std::move(error);
}

void map_status(const Channel& channel, RelayError& error) {
  auto mapped = channel.status_mapping.find(error.status);
  if (mapped != channel.status_mapping.end() && mapped->second != 0) error.status = mapped->second;
}

// Whatever stands there but null counts, an object without a type too.
bool has_error(std::string_view body) {
  boost::system::error_code ec;
  auto value = boost::json::parse(boost::json::string_view(body.data(), body.size()), ec);
  if (ec || !value.is_object()) return false;
  const auto* error = value.get_object().if_contains("error");
  return error && !error->is_null();
}

void judge_error_in_200(ProbeResult& result, std::string_view body, const core::SecretSet& secrets) {
  auto error = dialect::read_upstream_error(200, body, secrets);
  auto message = "upstream error: " + error.message;
  fail(result, std::move(error), std::move(message));
}

void judge_plain(ProbeResult& result, const Probe& probe, std::string body, const core::SecretSet& secrets) {
  const auto size = body.size();
  body.append(kReadable, '\0');
  const std::string_view text(body.data(), size);
  if (has_error(text)) return judge_error_in_200(result, text, secrets);
  auto answer = dialect::read_openai_answer(probe.route, text, probe.channel->provider->usage);
  if (!answer.valid)
    return fail(result, dialect::bad_answer("bad_response_body", "the upstream's answer is not valid JSON"));
  if (answer.is_empty) return fail(result, dialect::bad_answer("empty_response", "the upstream's answer is empty"));
  if (answer.usage) result.usage = *answer.usage;
}

void judge_stream(ProbeResult& result, std::string_view body, const core::SecretSet& secrets) {
  net::SseReader events;
  dialect::OpenAiStreamReader reader(true);
  net::SseEvent event;
  events.feed(body);
  while (events.next(event)) {
    auto action = reader.on_event(event.data);
    if (action == dialect::StreamAction::kError) return judge_error_in_200(result, reader.error(), secrets);
    if (action == dialect::StreamAction::kDone) break;
  }
  if (!reader.meaningful())
    return fail(result, dialect::bad_answer("empty_response", "the upstream's answer is empty"));
  if (reader.has_usage()) result.usage = reader.usage();
}

void judge_refusal(ProbeResult& result, const Channel& channel, int status, const std::string& body,
                   const core::SecretSet& secrets) {
  auto error = dialect::read_upstream_error(status, body, secrets);
  auto message = fmt::format("bad response status code {}, message: {}, body: {}", status, error.log_text(),
                             core::scrub(body, secrets));
  map_status(channel, error);
  fail(result, std::move(error), std::move(message));
}

net::awaitable<void> call_upstream(const Probe& probe, ProbeResult& result) {
  const auto& channel = *probe.channel;
  auto body = probe_body(probe);
  const auto size = body.size();
  body.append(kReadable, '\0');
  const std::string_view text(body.data(), size);
  auto parsed = dialect::read_openai_request(probe.route, text);
  if (!parsed) co_return fail(result, dialect::invalid_request(parsed.error().message));

  auto upstream_model = probe.upstream_model;
  core::JsonEditor editor(text);
  // A refusal of stream_options would say nothing about the channel.
  const bool unsure = channel.provider->stream_options == provider::StreamOptions::kTry;
  rewrite_openai_body(channel, probe.route, upstream_model, *parsed, true, editor, text, unsure);
  std::string overridden;
  if (channel.body_override) {
    const auto* path = probe.route == OpenAiRoute::kEmbeddings ? "/v1/embeddings" : "/v1/chat/completions";
    if (auto wrong = override_body(channel,
                                   {.upstream_model = upstream_model,
                                    .original_model = probe.model,
                                    .request_path = path,
                                    .is_channel_test = true},
                                   editor, overridden))
      co_return fail(result, std::move(*wrong));
  }
  UpstreamRequestHead head;
  if (auto wrong = head.build({.channel = channel,
                               .key = probe.key.text,
                               .route = probe.route,
                               .upstream_model = upstream_model,
                               .stream = probe.stream}))
    co_return fail(result, std::move(*wrong));
  std::vector<std::string_view> pieces{overridden};
  if (overridden.empty()) pieces = editor.pieces();
  auto request = head.request();
  request.body = pieces;
  request.timeouts = limits_of(channel);
  request.verify_tls = probe.verify_tls;
  net::CallControl control;
  auto answered = co_await net::Worker::current().upstreams().send(request, control);
  auto unreachable = [](const net::Failure& failure) {
    auto error = dialect::upstream_unreachable(failure.message);
    error.internal = error.message + ": " + core::mask_sensitive(failure.message);
    return error;
  };
  if (!answered) co_return fail(result, unreachable(answered.error()));
  auto call = std::move(*answered);

  std::string answer;
  for (;;) {
    auto got = co_await call->read();
    if (!got) {
      if (call->status() != 200) break;
      co_return fail(result, unreachable(got.error()));
    }
    if (got->empty()) break;
    answer += *got;
    if (answer.size() > kMostOfAnswer) break;
  }
  const auto secrets = secrets_of(channel, probe.key);
  if (call->status() != 200) co_return judge_refusal(result, channel, call->status(), answer, secrets);
  auto type = call->header("content-type").value_or("");
  bool is_stream = type.starts_with("text/event-stream") || (probe.stream && !type.starts_with("application/json"));
  if (is_stream)
    judge_stream(result, answer, secrets);
  else
    judge_plain(result, probe, std::move(answer), secrets);
}

}  // namespace

core::Result<OpenAiRoute> probe_route(std::string_view endpoint_type, std::string_view model,
                                      std::int64_t channel_type) {
  auto not_built = [](std::string_view what) {
    return core::error(core::Errc::kInvalid, fmt::format("endpoint type {} is not supported", what));
  };
  // The formats of Anthropic and Gemini are asked by chat as well: the channel's own format is what is tested.
  if (endpoint_type == "openai" || endpoint_type == "anthropic" || endpoint_type == "gemini")
    return OpenAiRoute::kChatCompletions;
  if (endpoint_type == "embeddings") return OpenAiRoute::kEmbeddings;
  if (endpoint_type == "jina-rerank") return OpenAiRoute::kRerank;
  if (endpoint_type == "image-generation") return OpenAiRoute::kImages;
  if (!endpoint_type.empty()) return not_built(endpoint_type);
  auto name = core::ascii_lower(model);
  auto contains = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  if (name.ends_with("-openai-compact")) return not_built("openai-response-compact");
  if (contains("codex")) return not_built("openai-response");
  if (contains("rerank")) return OpenAiRoute::kRerank;
  if (contains("embed") || contains("bge-") || name.starts_with("m3e") || channel_type == kMokaAi)
    return OpenAiRoute::kEmbeddings;
  if (contains("seedream") && channel_type == kVolcEngine) return OpenAiRoute::kImages;
  if (contains("moderation")) return OpenAiRoute::kModerations;
  return OpenAiRoute::kChatCompletions;
}

std::string probe_body(const Probe& probe) {
  const std::string_view model = probe.model;
  std::string out = "{\"model\":" + core::json_string(model);
  switch (probe.route) {
    case OpenAiRoute::kEmbeddings: return out + ",\"input\":[\"hello world\"]}";
    case OpenAiRoute::kModerations: return out + ",\"input\":\"hello world\"}";
    case OpenAiRoute::kImages: return out + ",\"prompt\":\"a cute cat\",\"n\":1,\"size\":\"1024x1024\"}";
    case OpenAiRoute::kRerank:
      return out +
             ",\"query\":\"What is Deep Learning?\",\"documents\":[\"Deep Learning is a subset of machine learning.\","
             "\"Machine learning is a field of artificial intelligence.\"],\"top_n\":2}";
    default: break;
  }
  out += ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
  auto contains = [&](std::string_view part) { return model.find(part) != std::string_view::npos; };
  if (probe.gemini)
    out += ",\"max_tokens\":3000";
  else if (model.starts_with("o"))
    out += ",\"max_completion_tokens\":16";
  else if (contains("thinking"))
    out += contains("claude") ? "" : ",\"max_tokens\":50";
  else
    out += contains("gemini") ? ",\"max_tokens\":3000" : ",\"max_tokens\":16";
  if (probe.stream) out += ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
  return out + "}";
}

net::awaitable<ProbeResult> run_probe(Probe probe) {
  ProbeResult result;
  auto began = std::chrono::steady_clock::now();
  co_await call_upstream(probe, result);
  result.time = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  co_return result;
}

}  // namespace tollgate::relay
