#include "relay/realtime.h"

#include <simdjson.h>

#include <algorithm>

#include "core/fault_point.h"
#include "core/log.h"
#include "core/percent.h"
#include "net/stream.h"
#include "net/websocket_handshake.h"
#include "net/worker.h"
#include "relay/attempt.h"
#include "relay/client_side.h"
#include "relay/credentials.h"
#include "relay/realtime_bill.h"
#include "relay/realtime_session.h"
#include "relay/upstream_request.h"

namespace tollgate::relay {
namespace {

using dialect::RelayError;

constexpr std::string_view kPath = "/v1/realtime";
constexpr std::string_view kProtocol = "realtime";
constexpr std::string_view kBetaProtocol = "openai-beta.realtime-v1";
constexpr std::chrono::milliseconds kOpening{60'000};  // for the upstream's answer to the handshake

// Goes to whoever set the proxy up: the request itself has nothing that could be wrong with it.
constexpr std::string_view kNoUpgrade =
    "realtime sessions need a WebSocket, and this request asks for none; if you sent one, a proxy in front of the "
    "gateway "
    "does not pass it on. nginx needs these lines in its location: proxy_http_version 1.1; proxy_set_header Upgrade "
    "$http_upgrade; proxy_set_header Connection \"upgrade\"; proxy_read_timeout 3600s;";

RelayError client_error(int status, std::string_view code, std::string message) {
  auto error = dialect::invalid_request(std::move(message));
  error.status = status;
  error.code = "\"" + std::string(code) + "\"";
  error.no_retry = true;
  return error;
}

// The client left before an upstream had anything.
net::awaitable<void> settle_unopened(Request& request) {
  dialect::RealtimeMeter nothing(request.openai.model);
  RealtimeBill bill(request, nothing);
  EndOfRequest end;
  end.end = End::kClientGone;
  end.taken = false;
  co_await bill.settle_last(end);
}

// The headers of the upstream's handshake that are not the connection's.
struct Handshake {
  Handshake(const Request& request, std::string_view model) : key(net::new_websocket_key()) {
    const auto& exchange = request.exchange;
    const auto protocols = exchange.header("sec-websocket-protocol").value_or("");
    const bool beta = speaks_realtime_beta(model, protocols, exchange.header("openai-beta").value_or(""));
    const bool bearer = request.channel->provider->caller == provider::bearer;
    headers = {{"Upgrade", "websocket"},
               {"Connection", "Upgrade"},
               {"Sec-WebSocket-Version", "13"},
               {"Sec-WebSocket-Key", key}};
    if (!protocols.empty() && bearer) {
      offered = std::string(kProtocol) + ",openai-insecure-api-key." + request.key.text;
      if (beta) offered.append(",").append(kBetaProtocol);
      headers.push_back({"Sec-WebSocket-Protocol", offered});
    } else if (beta && bearer) {
      headers.push_back({"openai-beta", "realtime=v1"});
    }
  }
  const std::string key;
  std::string offered;
  std::vector<net::Header> headers;
};

}  // namespace

bool is_realtime(const net::RequestHead& head) { return head.method == "GET" && head.path == kPath; }

std::optional<RelayError> check_realtime(Request& request) {
  auto& exchange = request.exchange;
  switch (net::upgrade_asked(exchange.head())) {
    case net::UpgradeAsked::kYes: break;
    case net::UpgradeAsked::kNo: {
      exchange.add_header("Upgrade", "websocket");
      return client_error(426, "upgrade_required", std::string(kNoUpgrade));
    }
    case net::UpgradeAsked::kOtherVersion: {
      exchange.add_header("Upgrade", "websocket");
      exchange.add_header("Sec-WebSocket-Version", "13");
      return client_error(426, "upgrade_required", "WebSockets are spoken in version 13");
    }
    case net::UpgradeAsked::kBadKey: return client_error(400, "bad_websocket_key", "Sec-WebSocket-Key is not valid");
  }
  const auto& origins = request.relay.settings.websocket_origins;
  if (origins.empty()) return std::nullopt;
  auto origin = exchange.header("origin");
  if (origin && std::ranges::find(origins, *origin) != origins.end()) return std::nullopt;
  return client_error(403, "origin_not_allowed", "realtime sessions are not taken from this Origin");
}

void read_realtime(Request& request) {
  auto model = query_parameter(request.exchange.head().query, "model").value_or("");
  const bool is_text = simdjson::validate_utf8(model) &&
                       std::ranges::none_of(model, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  if (is_text) request.openai.model = std::move(model);
  request.estimate = 0;  // what a session will say is not known
}

net::awaitable<bool> open_realtime(Request& request) {
  auto offered = request.exchange.header("sec-websocket-protocol").value_or("");
  auto opened = co_await request.exchange.upgrade(net::has_element(offered, kProtocol) ? kProtocol : "");
  if (!opened) co_return false;
  request.socket = std::move(*opened);
  co_return true;
}

std::string realtime_query(std::string_view query, std::string_view model) {
  std::string out;
  while (!query.empty()) {
    auto amp = query.find('&');
    auto pair = query.substr(0, amp);
    if (!out.empty()) out += '&';
    auto equals = pair.find('=');
    auto value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (core::percent_decoded(pair.substr(0, equals)) != "model" || core::percent_decoded(value) == model)
      out += pair;  // byte for byte
    else
      out.append("model=").append(core::query_escaped(model));
    query = amp == std::string_view::npos ? std::string_view() : query.substr(amp + 1);
  }
  return out;
}

bool speaks_realtime_beta(std::string_view model, std::string_view protocols, std::string_view beta_header) {
  if (net::has_element(protocols, kBetaProtocol) || net::has_element(beta_header, "realtime=v1")) return true;
  return !model.starts_with("gpt-realtime");
}

net::awaitable<std::optional<RelayError>> attempt_realtime(Request& request) {
  const auto& channel = *request.channel;
  const auto& settings = request.relay.settings;
  auto& exchange = request.exchange;
  if (request.relay.shutting_down()) co_return stopped_error();
  if (exchange.client_gone() || exchange.probe_client_gone()) {
    co_await settle_unopened(request);
    co_return std::nullopt;
  }
  const Handshake handshake(request, request.upstream_model);
  const auto query = realtime_query(exchange.head().query, request.upstream_model);
  UpstreamRequestHead head;
  if (auto wrong = head.build({.channel = channel,
                               .key = request.key.text,
                               .route = request.route,
                               .upstream_model = request.upstream_model,
                               .query = query,
                               .client_headers = exchange.head().headers.all(),
                               .handshake = handshake.headers,
                               .key_in_handshake = !handshake.offered.empty()}))
    co_return wrong;
  auto upstream = head.request();
  upstream.method = "GET";
  upstream.upgrade = true;
  upstream.verify_tls = settings.verify_tls;
  upstream.timeouts.first_byte = std::min(upstream.timeouts.first_byte, kOpening);

  ClientSide client(request);
  net::CallControl control;
  client.cancel = [&control] {
    if (control.cancel) control.cancel();
  };
  auto answered = co_await exchange.worker().upstreams().send(upstream, control);
  client.cancel = nullptr;
  if (client.gone()) {
    co_await settle_unopened(request);
    co_return std::nullopt;
  }
  if (client.stopped()) co_return stopped_error();
  if (!answered) {
    request.attempts.back().limit = answered.error().limit;
    core::log::warn("request {}: channel {}: {}", request.id, channel.id.value, answered.error().message);
    co_return dialect::upstream_unreachable(answered.error().message);
  }
  auto call = std::move(*answered);
  request.attempts.back().upstream_status = call->status();
  if (call->status() < 200 && call->status() != 101) co_return dialect::bad_answer("bad_response", "no answer", 502);
  if (call->status() >= 300) {
    client.cancel = [raw = call.get()] { raw->cancel(); };
    auto error = co_await read_refusal(request, *call);
    client.cancel = nullptr;
    if (client.stopped()) co_return stopped_error();
    co_return error;
  }
  const char* fault = call->status() == 101 ? net::why_not_open(call->header_list(), handshake.key, handshake.offered)
                                            : "the upstream answers without opening a WebSocket";
  if (fault) {
    auto error = dialect::bad_answer("bad_response", "the upstream does not open a WebSocket", 502);
    error.internal = fault;
    co_return error;
  }
  request.attempts.back().upstream_status = 200;
  std::string early;
  auto stream = call->take_stream(early);
  call.reset();
  exchange.on_client_gone(nullptr);  // from here on its frames are read
  core::fault_point("realtime.opened");
  co_await run_realtime_session(request, net::WebSocket::of_upstream(std::move(stream), std::move(early)), client);
  co_return std::nullopt;
}

}  // namespace tollgate::relay
