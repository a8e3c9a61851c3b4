#include "relay/file_fetch.h"

#include <fmt/core.h>

#include "core/config.h"
#include "core/log.h"
#include "net/http_client.h"
#include "net/resolver.h"
#include "net/suspend.h"

namespace tollgate::relay {
namespace {

using core::Errc;
using std::chrono::steady_clock;

constexpr int kMostRedirects = 3;
constexpr std::chrono::milliseconds kConnect{5'000}, kSilence{10'000};

core::Error refused(std::string_view why) {
  core::log::info("file of a request: address not allowed: {}", why);
  return core::error(Errc::kDenied, "request reject: address not allowed");
}

std::chrono::milliseconds left(steady_clock::time_point due) {
  return std::max(std::chrono::milliseconds(1),
                  std::chrono::ceil<std::chrono::milliseconds>(due - steady_clock::now()));
}

// All of them, or the reason why none.
net::awaitable<core::Result<net::Resolver::Addresses>> addresses_of(net::Worker& worker, const net::Url& url,
                                                                    const core::FetchRules& rules) {
  using Resolved = core::Result<net::Resolver::Addresses>;
  auto& resolver = worker.resolver();
  auto resolved = co_await net::suspend<std::shared_ptr<Resolved>>([&resolver, host = url.host](auto done) {
    resolver.resolve(host, [done](Resolved result) { done(std::make_shared<Resolved>(std::move(result))); });
  });
  if (!*resolved) co_return core::error(resolved->error().code, resolved->error().message);
  const bool of_name = !core::parse_ip(url.host);
  for (const auto& text : **resolved) {
    auto address = core::parse_ip(text);
    if (!address || !rules.admits(*address, url.port, of_name)) co_return refused("address");
  }
  co_return std::move(**resolved);
}

// RFC 3986 §5.2, as far as servers use it.
core::Result<net::Url> follow(const net::Url& from, std::string_view location) {
  std::string text(location);
  const std::string site = from.scheme + "://" + from.authority();
  if (location.starts_with("//"))
    text = from.scheme + ":" + text;
  else if (location.starts_with("/"))
    text = site + text;
  else if (location.find("://") == std::string_view::npos)
    text = site + from.target.substr(0, from.target.substr(0, from.target.find('?')).rfind('/') + 1) + text;
  auto url = net::parse_url(text);
  if (url && from.tls() && !url->tls()) return core::error(Errc::kDenied, "from https to http");
  return url;
}

bool redirects(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

net::awaitable<core::Result<std::unique_ptr<net::UpstreamCall>>> call(net::Worker& worker, const net::Url& url,
                                                                      const core::FetchRules& rules,
                                                                      const FetchLimits& limits) {
  std::string why;
  if (!url.user_info.empty()) co_return refused("user information");
  if (!rules.check_url(url.scheme + "://" + url.authority() + url.target, &why)) co_return refused(why);
  auto addresses = co_await addresses_of(worker, url, rules);
  if (!addresses) co_return addresses.error();
  if (steady_clock::now() >= limits.due)
    co_return core::error(Errc::kTimeout, "the files of the request take too long");
  const net::Header headers[] = {{"Accept", "*/*"}, {"User-Agent", "Tollgate"}, {"Connection", "close"}};
  net::UpstreamRequest request;
  request.method = "GET";
  request.url = &url;
  request.headers = headers;
  request.addresses = &*addresses;
  request.timeouts = {.connect = std::min(kConnect, left(limits.due)),
                      .first_byte = kSilence,
                      .gap = kSilence,
                      .total = left(limits.due)};
  request.verify_tls = limits.verify_tls;
  net::CallControl control;
  auto answered = co_await worker.upstreams().send(request, control);
  if (!answered) co_return core::error(answered.error().code, answered.error().message);
  co_return std::move(*answered);
}

net::awaitable<core::Result<FileStart>> read_start(net::UpstreamCall& call, const FetchLimits& limits,
                                                   const std::function<bool(const FileStart&)>& enough) {
  const auto too_large = [&] {
    return core::error(Errc::kTooLarge, fmt::format("the file is larger than {} MB", limits.file_bytes >> 20U));
  };
  if (auto length = call.header("content-length"))
    if (auto bytes = core::parse_integer(*length); bytes && static_cast<std::uint64_t>(*bytes) > limits.file_bytes)
      co_return too_large();
  FileStart start;
  start.content_type = call.header("content-type").value_or("");
  while (start.bytes.size() < limits.read_bytes) {
    auto got = co_await call.read();
    if (!got) co_return core::error(got.error().code, got.error().message);
    if (got->empty()) break;
    start.bytes += *got;
    if (start.bytes.size() > limits.file_bytes) co_return too_large();
    if (enough(start)) break;
  }
  co_return start;
}

}  // namespace

net::awaitable<core::Result<FileStart>> fetch_file(net::Worker& worker, std::string text, const core::FetchRules& rules,
                                                   FetchLimits limits, std::function<bool(const FileStart&)> enough) {
  auto url = net::parse_url(text);
  for (int hops = 0; url; ++hops) {
    auto answered = co_await call(worker, *url, rules, limits);
    if (!answered) co_return answered.error();
    const int status = (*answered)->status();
    if (redirects(status)) {
      auto location = (*answered)->header("location");
      if (!location || hops == kMostRedirects) co_return core::error(Errc::kInvalid, "too many redirects");
      url = follow(*url, *location);
      continue;
    }
    if (status != 200) co_return core::error(Errc::kInvalid, fmt::format("status code {}", status));
    auto start = co_await read_start(**answered, limits, enough);
    co_return start;
  }
  co_return refused(url.error().message);
}

}  // namespace tollgate::relay
