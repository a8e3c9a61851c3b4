#include "tasks/upstream.h"

#include <algorithm>

#include "net/worker.h"

namespace tollgate::tasks {

core::Result<net::Url> address_of(const relay::Channel& channel, std::string_view path) {
  std::string base = channel.base_url;
  if (base.empty() && channel.provider) base = channel.provider->base_url;
  if (base.empty()) return core::error(core::Errc::kInvalid, "the channel has no base URL");
  while (base.ends_with('/')) base.pop_back();
  return net::parse_url(base.append(path));
}

net::awaitable<Answer> call_upstream(const relay::Channel& channel, Call call, CallSettings settings) {
  Answer answer;
  auto url = address_of(channel, call.path);
  if (!url) {
    answer.failure = url.error().message;
    co_return answer;
  }
  std::vector<net::Header> headers;
  for (const auto& [name, value] : call.headers) {
    // A value with a line break would begin a header of its own.
    if (value.find_first_of("\r\n") != std::string::npos) {
      answer.failure = "the channel's key cannot be sent";
      co_return answer;
    }
    headers.push_back({name, value});
  }
  const std::string_view pieces[] = {call.body};
  net::UpstreamRequest request;
  request.method = call.method;
  request.url = &*url;
  request.headers = headers;
  request.body = pieces;
  request.proxy = call.through_proxy && channel.proxy ? &*channel.proxy : nullptr;
  request.timeouts = channel.timeouts;
  request.verify_tls = settings.verify_tls;
  if (call.limit.count() > 0) {
    auto& limits = request.timeouts;
    limits.total = limits.total.count() > 0 ? std::min(limits.total, call.limit) : call.limit;
    limits.first_byte = std::min(limits.first_byte, call.limit);
    limits.gap = std::min(limits.gap, call.limit);
  }
  net::CallControl control;
  auto sent = co_await net::Worker::current().upstreams().send(request, control);
  if (!sent) {
    answer.failure = sent.error().message;
    co_return answer;
  }
  auto& upstream = **sent;
  answer.content_type = upstream.header("content-type").value_or("");
  answer.passed = relay::passed_headers(upstream, channel, settings.pass_upstream_id);
  for (;;) {
    auto got = co_await upstream.read();
    if (!got) {
      answer.failure = got.error().message;
      co_return answer;
    }
    if (got->empty()) break;
    if (answer.body.size() + got->size() > settings.max_bytes) {
      answer.failure = "the answer is too long";
      co_return answer;
    }
    answer.body += *got;
  }
  answer.status = upstream.status();
  co_return answer;
}

}  // namespace tollgate::tasks
