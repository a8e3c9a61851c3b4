#include "net/environment_proxy.h"

#include "core/ascii.h"
#include "core/config.h"

namespace tollgate::net {
namespace {

using core::Errc;

core::Result<std::optional<Url>> read_proxy(std::string_view variable, std::string_view text) {
  if (text.empty()) return std::optional<Url>();
  auto url = parse_url(text.find("://") == std::string_view::npos ? "http://" + std::string(text) : std::string(text));
  if (!url) return core::error(Errc::kInvalid, std::string(variable) + ": " + url.error().message);
  return std::optional(std::move(*url));
}

// Takes ":port" off a name or an IPv4 address, and "[…]:port" off an IPv6 one.
std::uint16_t take_port(std::string_view& item) {
  auto colon = item.rfind(':');
  if (colon == std::string_view::npos) return 0;
  const bool bracketed = colon > 0 && item[colon - 1] == ']';
  if (!bracketed && item.find(':') != colon) return 0;
  auto port = core::parse_integer(std::string(item.substr(colon + 1)));
  if (!port || *port < 1 || *port > 65535) return 0;
  item = item.substr(0, colon);
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

core::Result<EnvironmentProxies> EnvironmentProxies::make(const Texts& texts) {
  EnvironmentProxies out;
  auto http = read_proxy(texts.http.empty() ? "ALL_PROXY" : "HTTP_PROXY", texts.http.empty() ? texts.all : texts.http);
  if (!http) return http.error();
  auto https =
      read_proxy(texts.https.empty() ? "ALL_PROXY" : "HTTPS_PROXY", texts.https.empty() ? texts.all : texts.https);
  if (!https) return https.error();
  out.http_ = std::move(*http);
  out.https_ = std::move(*https);
  for (auto rest = texts.none; !rest.empty();) {
    auto comma = rest.find(',');
    auto item = core::trimmed(rest.substr(0, comma), core::kHttpBlanks);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (item.empty()) continue;
    if (item == "*") {
      out.none_ = true;
      continue;
    }
    Exception exception;
    exception.port = take_port(item);
    if (item.starts_with('[') && item.ends_with(']')) item = item.substr(1, item.size() - 2);
    exception.block = core::parse_ip_block(item);
    if (item.starts_with("*.")) item.remove_prefix(1);
    exception.only_below = item.starts_with('.');
    if (exception.only_below) item.remove_prefix(1);
    exception.domain = core::ascii_lower(item);
    out.exceptions_.push_back(std::move(exception));
  }
  return out;
}

bool EnvironmentProxies::is_direct(const Url& target) const {
  static const auto kLoopback4 = *core::parse_ip_block("127.0.0.0/8");
  static const auto kLoopback6 = *core::parse_ip_block("::1");
  auto address = core::parse_ip(target.host);
  if (none_ || target.host == "localhost") return true;
  if (address && (kLoopback4.contains(*address) || kLoopback6.contains(*address))) return true;
  for (const auto& exception : exceptions_) {
    if (exception.port != 0 && exception.port != target.port) continue;
    if (exception.block) {
      if (address && exception.block->contains(*address)) return true;
      continue;
    }
    const std::string_view host = target.host;
    if (host == exception.domain && !exception.only_below) return true;
    if (host.size() > exception.domain.size() && host.ends_with(exception.domain) &&
        host[host.size() - exception.domain.size() - 1] == '.')
      return true;
  }
  return false;
}

const Url* EnvironmentProxies::proxy_for(const Url& target) const {
  const auto& proxy = target.tls() ? https_ : http_;
  return proxy && !is_direct(target) ? &*proxy : nullptr;
}

}  // namespace tollgate::net
