#include "net/proxy.h"

#include "core/byte_text.h"
#include "core/ip_address.h"
#include "net/http_head.h"

namespace tollgate::net {
namespace {

using core::Errc;

core::Error fault_error(StreamFault fault) {
  switch (fault) {
    case StreamFault::kTimeout: return core::error(Errc::kTimeout, "the proxy takes too long");
    case StreamFault::kCancelled: return core::error(Errc::kCancelled, "cancelled");
    default: return core::error(Errc::kClosed, "the proxy closed the connection");
  }
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::sscanf(std::string(text.substr(i + 1, 2)).c_str(), "%2x", &value) == 1) {
      out.push_back(static_cast<char>(value));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

awaitable<core::Result<void>> send_text(Stream& stream, const std::string& text) {
  iovec pieces[] = {{const_cast<char*>(text.data()), text.size()}};
  auto fault = co_await stream.write_all(pieces);
  if (fault != StreamFault::kNone) co_return fault_error(fault);
  co_return core::Result<void>();
}

// Exactly `size` bytes: what follows belongs to the tunnel.
awaitable<core::Result<std::string>> receive(Stream& stream, std::size_t size) {
  std::string text(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    auto got = stream.read_some(text.data() + have, size - have);
    if (got == 0 || got == -2) co_return fault_error(StreamFault::kClosed);
    if (got == -1) {
      auto fault = co_await stream.wait_readable();
      if (fault != StreamFault::kNone) co_return fault_error(fault);
      continue;
    }
    have += static_cast<std::size_t>(got);
  }
  co_return text;
}

awaitable<core::Result<void>> open_http(Stream& stream, const Url& proxy, const Url& target) {
  auto host = target.host.find(':') == std::string::npos ? target.host : "[" + target.host + "]";
  auto where = host + ":" + std::to_string(target.port);
  std::string request = "CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\n";
  if (!proxy.user_info.empty())
    request += "Proxy-Authorization: Basic " + core::base64_encode(unescaped(proxy.user_info)) + "\r\n";
  request += "\r\n";
  auto sent = co_await send_text(stream, request);
  if (!sent) co_return sent.error();
  std::string head;
  while (!find_head_end(head)) {
    if (head.size() > 16 * 1024) co_return core::error(Errc::kInvalid, "the proxy's answer is too long");
    auto byte = co_await receive(stream, 1);
    if (!byte) co_return byte.error();
    head += *byte;
  }
  ResponseHead parsed;
  if (parse_response_head(head, "CONNECT", parsed))
    co_return core::error(Errc::kInvalid, "the proxy's answer is no HTTP");
  if (parsed.status != 200)
    co_return core::error(Errc::kDenied, "the proxy refused with status " + std::to_string(parsed.status));
  co_return core::Result<void>();
}

awaitable<core::Result<void>> open_socks5(Stream& stream, const Url& proxy, const Url& target) {
  // RFC 1928; user and password by RFC 1929.
  bool login = !proxy.user_info.empty();
  std::string greeting = login ? std::string("\x05\x02\x00\x02", 4) : std::string("\x05\x01\x00", 3);
  auto sent = co_await send_text(stream, greeting);
  if (!sent) co_return sent.error();
  auto choice = co_await receive(stream, 2);
  if (!choice) co_return choice.error();
  if ((*choice)[0] != 5) co_return core::error(Errc::kInvalid, "the proxy does not speak SOCKS5");
  if ((*choice)[1] == 2 && login) {
    auto colon = proxy.user_info.find(':');
    auto user = unescaped(proxy.user_info.substr(0, colon));
    auto password = colon == std::string::npos ? std::string() : unescaped(proxy.user_info.substr(colon + 1));
    if (user.size() > 255 || password.size() > 255)
      co_return core::error(Errc::kInvalid, "proxy user or password too long");
    std::string text = "\x01";
    text.push_back(static_cast<char>(user.size()));
    text += user;
    text.push_back(static_cast<char>(password.size()));
    text += password;
    auto tried = co_await send_text(stream, text);
    if (!tried) co_return tried.error();
    auto verdict = co_await receive(stream, 2);
    if (!verdict) co_return verdict.error();
    if ((*verdict)[1] != 0) co_return core::error(Errc::kDenied, "the proxy refused user or password");
  } else if ((*choice)[1] != 0) {
    co_return core::error(Errc::kDenied, "the proxy wants another log-in");
  }
  std::string request("\x05\x01\x00", 3);
  if (auto address = core::parse_ip(target.host)) {
    bool v4 = target.host.find(':') == std::string::npos;
    request.push_back(v4 ? '\x01' : '\x04');
    request.append(reinterpret_cast<const char*>(address->bytes.data()) + (v4 ? 12 : 0), v4 ? 4 : 16);
  } else {
    if (target.host.size() > 255) co_return core::error(Errc::kInvalid, "host name too long");
    request.push_back('\x03');
    request.push_back(static_cast<char>(target.host.size()));
    request += target.host;
  }
  request.push_back(static_cast<char>(target.port >> 8));
  request.push_back(static_cast<char>(target.port & 0xFF));
  auto asked = co_await send_text(stream, request);
  if (!asked) co_return asked.error();
  auto reply = co_await receive(stream, 4);
  if (!reply) co_return reply.error();
  if ((*reply)[1] != 0)
    co_return core::error(Errc::kDenied, "the proxy cannot reach the upstream (code " +
                                             std::to_string(static_cast<unsigned char>((*reply)[1])) + ")");
  std::size_t rest = 0;
  if ((*reply)[3] == 1) rest = 4 + 2;
  if ((*reply)[3] == 4) rest = 16 + 2;
  if ((*reply)[3] == 3) {
    auto length = co_await receive(stream, 1);
    if (!length) co_return length.error();
    rest = static_cast<unsigned char>((*length)[0]) + 2U;
  }
  auto bound = co_await receive(stream, rest);
  if (!bound) co_return bound.error();
  co_return core::Result<void>();
}

}  // namespace

awaitable<core::Result<void>> open_tunnel(Stream& stream, const Url& proxy, const Url& target) {
  return proxy.scheme.starts_with("socks5") ? open_socks5(stream, proxy, target) : open_http(stream, proxy, target);
}

}  // namespace tollgate::net
