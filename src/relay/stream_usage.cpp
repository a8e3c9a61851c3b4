#include "relay/stream_usage.h"

#include "core/log.h"
#include "relay/attempt.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;

bool tries_stream_options(const Request& request) {
  return request.openai.stream && request.channel->provider->stream_options == provider::StreamOptions::kTry;
}

bool refuses_stream_options(const Request& request, const RelayError& error) {
  return tries_stream_options(request) && !goes_without_stream_options(request) &&
         error.kind == dialect::ErrorKind::kUpstream && request.attempts.back().upstream_status == 400 &&
         (error.message + error.internal + error.detail).find("stream_options") != std::string::npos;
}

net::awaitable<std::optional<RelayError>> attempt_and_learn(Request& request) {
  const auto model = request.upstream_model;
  auto failed = co_await attempt(request);
  if (!failed || !refuses_stream_options(request, *failed)) co_return failed;
  core::log::info("channel {}: goes on without stream_options, which its upstream refuses", request.channel->id.value);
  request.local.no_stream_options.insert(request.channel->id.value);
  request.upstream_model = model;
  failed = co_await attempt(request);
  co_return failed;
}

}  // namespace

bool goes_without_stream_options(const Request& request) {
  return tries_stream_options(request) && request.local.no_stream_options.contains(request.channel->id.value);
}

net::awaitable<std::optional<RelayError>> attempt_with_usage(Request& request) {
  return tries_stream_options(request) ? attempt_and_learn(request) : attempt(request);
}

}  // namespace tollgate::relay
