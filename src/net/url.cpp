#include "net/url.h"

#include <charconv>

namespace tollgate::net {

std::string Url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  auto standard = scheme == "https" ? 443 : 80;
  if (port != standard) text += ":" + std::to_string(port);
  return text;
}

core::Result<Url> parse_url(std::string_view text) {
  auto wrong = [](const char* what) { return core::error(core::Errc::kInvalid, what); };
  for (char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return wrong("URL with blanks or control characters");
  Url url;
  auto mark = text.find("://");
  if (mark == std::string_view::npos) return wrong("URL without a scheme");
  for (char c : text.substr(0, mark)) url.scheme.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  if (url.scheme != "http" && url.scheme != "https" && url.scheme != "socks5" && url.scheme != "socks5h")
    return wrong("unsupported URL scheme");
  auto rest = text.substr(mark + 3);
  auto path = rest.find_first_of("/?#");
  auto authority = rest.substr(0, path);
  if (path != std::string_view::npos) {
    auto target = rest.substr(path);
    target = target.substr(0, target.find('#'));
    if (!target.starts_with('/')) url.target = "/";
    url.target += target;
  } else {
    url.target = "/";
  }
  if (auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = authority.substr(0, at);
    authority = authority.substr(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    auto close = authority.find(']');
    if (close == std::string_view::npos) return wrong("URL with a bad host");
    url.host = authority.substr(1, close - 1);
    auto tail = authority.substr(close + 1);
    if (!tail.empty() && !tail.starts_with(':')) return wrong("URL with a bad host");
    if (!tail.empty()) port = tail.substr(1);
  } else {
    auto colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  }
  if (url.host.empty()) return wrong("URL without a host");
  for (char& c : url.host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (c == '"' || c == '<' || c == '>' || c == '\\') return wrong("URL with a bad host");
  }
  url.port = url.scheme == "https" ? 443 : url.scheme == "http" ? 80 : 1080;
  if (!port.empty()) {
    unsigned value = 0;
    auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (ec != std::errc() || end != port.data() + port.size() || value == 0 || value > 65535)
      return wrong("URL with a bad port");
    url.port = static_cast<std::uint16_t>(value);
  }
  return url;
}

}  // namespace tollgate::net
