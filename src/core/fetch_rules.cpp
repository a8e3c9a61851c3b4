#include "core/fetch_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "core/ascii.h"

namespace tollgate::core {
namespace {

// Cloud metadata services: credentials lie open there, so no option allows them.
constexpr std::string_view kMetadata[] = {"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253",
                                          "100.100.100.200", "192.0.0.192",   "168.63.129.16",  "fd00:ec2::254",
                                          "fd00:ec2::23",    "fd20:ce::254"};
constexpr std::string_view kMetadataNames[] = {"metadata", "metadata.google.internal", "instance-data"};

// RFC 6890 and its updates: what is not a place on the public internet.
constexpr std::string_view kPrivate[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
                                         "fec0::/10",  "100.64.0.0/10", "198.18.0.0/15"};
constexpr std::string_view kNeverPublic[] = {
    "0.0.0.0/8",    "::/128",        "127.0.0.0/8",    "::1/128",         "169.254.0.0/16", "fe80::/10",
    "192.0.0.0/24", "192.0.2.0/24",  "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
    "100::/64",     "2001:db8::/32", "2001:10::/28",   "2001:20::/28",    "3fff::/20",      "5f00::/16",
    "224.0.0.0/4",  "ff00::/8",      "64:ff9b:1::/48"};

// Services that are talked into doing things by an HTTP request.
constexpr unsigned kBlockedPorts[] = {22,   23,   25,   53,   110,  111,   135,   137,   138,   139,  143,
                                      389,  445,  465,  587,  993,  995,   1433,  2049,  2375,  2376, 2379,
                                      2380, 3306, 5432, 6379, 6443, 10250, 11211, 16379, 26379, 27017};

bool in(std::span<const std::string_view> blocks, const IpAddress& address) {
  return std::ranges::any_of(blocks, [&](auto text) { return parse_ip_block(text)->contains(address); });
}

// IPv4 addresses that IPv6 ones carry: NAT64, 6to4, Teredo (there the client, inverted), and the deprecated form.
std::optional<IpAddress> embedded(const IpAddress& address) {
  const auto& bytes = address.bytes;
  auto ipv4 = [&](std::size_t at, std::uint8_t flip) {
    IpAddress out;
    out.bytes[10] = out.bytes[11] = 0xFF;
    for (std::size_t i = 0; i < 4; ++i) out.bytes[12 + i] = static_cast<std::uint8_t>(bytes[at + i] ^ flip);
    return out;
  };
  auto within = [&](std::string_view block) { return parse_ip_block(block)->contains(address); };
  if (within("64:ff9b::/96") || within("::/96")) return ipv4(12, 0);
  if (within("2002::/16")) return ipv4(2, 0);
  if (within("2001::/32")) return ipv4(12, 0xFF);
  return std::nullopt;
}

std::vector<std::string> texts_of(std::string_view array) {
  // The option's own check keeps it a JSON array of texts or numbers without escapes that matter here.
  std::vector<std::string> out;
  std::string item;
  for (char c : array) {
    if (c == ',' || c == ']') {
      if (!item.empty()) out.push_back(std::move(item));
      item.clear();
    } else if (c != '[' && c != '"' && c != ' ' && c != '\n' && c != '\t' && c != '\r') {
      item.push_back(c);
    }
  }
  return out;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool is_private_name(std::string_view host) {
  if (host == "localhost") return true;
  for (std::string_view end : {".localhost", ".local", ".internal", ".home.arpa"})
    if (host.ends_with(end)) return true;
  return false;
}

// Names and addresses in the one spelling that every program reads alike.
const char* wrong_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return "length of the host";
  std::string_view label;
  for (auto rest = host;;) {
    auto dot = rest.find('.');
    label = rest.substr(0, dot);
    if (label.empty() || label.size() > 63) return "label of the host";
    if (dot == std::string_view::npos) break;
    rest = rest.substr(dot + 1);
  }
  for (char c : host)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_')) return "host";
  if (label.starts_with("0x") || (label.front() >= '0' && label.front() <= '9')) return "spelling of an address";
  return nullptr;
}

}  // namespace

FetchRules::FetchRules(const Options& options)
    : protect_(options.boolean("fetch_setting.enable_ssrf_protection")),
      allow_private_(options.boolean("fetch_setting.allow_private_ip")),
      only_listed_domains_(options.boolean("fetch_setting.domain_filter_mode")),
      only_listed_addresses_(options.boolean("fetch_setting.ip_filter_mode")),
      list_counts_for_names_(options.boolean("fetch_setting.apply_ip_filter_for_domain")) {
  for (const auto& text : texts_of(options.text("fetch_setting.domain_list"))) domains_.push_back(ascii_lower(text));
  for (const auto& text : texts_of(options.text("fetch_setting.ip_list")))
    if (auto block = parse_ip_block(text)) addresses_.push_back(*block);
  for (const auto& text : texts_of(options.text("fetch_setting.allowed_ports"))) {
    auto dash = text.find('-');
    auto first = number(std::string_view(text).substr(0, dash));
    auto last = dash == std::string::npos ? first : number(std::string_view(text).substr(dash + 1));
    // What cannot be read allows nothing, but is there: an empty list would allow everything.
    ports_.push_back(first && last ? PortRange{*first, *last} : PortRange{1, 0});
  }
}

bool FetchRules::listed_address(const IpAddress& address) const {
  return std::ranges::any_of(addresses_, [&](const auto& block) { return block.contains(address); });
}

bool FetchRules::listed_domain(std::string_view host) const {
  return std::ranges::any_of(domains_, [&](std::string_view domain) {
    if (!domain.starts_with("*.")) return host == domain;
    return host == domain.substr(2) || host.ends_with(domain.substr(1));
  });
}

bool FetchRules::allowed_port(std::uint16_t port) const {
  if (port < 20 || std::ranges::find(kBlockedPorts, port) != std::end(kBlockedPorts)) return false;
  return ports_.empty() ||
         std::ranges::any_of(ports_, [&](const auto& range) { return port >= range.first && port <= range.last; });
}

Result<void> FetchRules::check_url(std::string_view url, std::string* why) const {
  auto refuse = [&](const char* reason) {
    if (why) *why = reason;
    return error(Errc::kDenied, "request reject: address not allowed");
  };
  for (char c : url)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F || c == '\\')
      return refuse("characters of the URL");
  const auto mark = url.find("://");
  const auto scheme = ascii_lower(url.substr(0, mark));
  if (mark == std::string_view::npos || (scheme != "http" && scheme != "https")) return refuse("scheme");
  auto authority = url.substr(mark + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return refuse("user information");

  std::string host;
  std::string_view tail;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return refuse("host");
    host = authority.substr(1, close - 1);
    tail = authority.substr(close + 1);
    if (host.find(':') == std::string::npos) return refuse("host");
  } else {
    const auto colon = authority.find(':');
    host = ascii_lower(authority.substr(0, colon));
    if (host.ends_with('.')) host.pop_back();
    if (colon != std::string_view::npos) tail = authority.substr(colon);
  }
  unsigned port = scheme == "https" ? 443 : 80;
  if (!tail.empty()) {
    auto given = tail.size() > 1 && tail.front() == ':' ? number(tail.substr(1)) : std::nullopt;
    if (!given || *given == 0 || *given > 65535) return refuse("port");
    port = *given;
  }

  if (auto address = parse_ip(host)) {
    if (!admits(*address, static_cast<std::uint16_t>(port), false)) return refuse("address or port");
    return {};
  }
  if (const char* wrong = wrong_name(host)) return refuse(wrong);
  if (std::ranges::find(kMetadataNames, host) != std::end(kMetadataNames)) return refuse("metadata service");
  if (!protect_) return {};
  if (!allowed_port(static_cast<std::uint16_t>(port))) return refuse("port");
  if (is_private_name(host) && !allow_private_) return refuse("private name");
  if (listed_domain(host) != only_listed_domains_) return refuse("list of domains");
  return {};
}

bool FetchRules::never(const IpAddress& address) {
  const auto inner = embedded(address);
  return in(kMetadata, address) || (inner && in(kMetadata, *inner));
}

bool FetchRules::admits(const IpAddress& address, std::uint16_t port, bool named) const {
  if (never(address)) return false;
  if (!protect_) return true;
  if (!allowed_port(port)) return false;
  auto allowed = [&](const IpAddress& place) {
    return !in(kNeverPublic, place) && (allow_private_ || !in(kPrivate, place));
  };
  const auto inner = embedded(address);
  if (!allowed(address) || (inner && !allowed(*inner))) return false;
  if (named && !list_counts_for_names_) return true;
  return listed_address(address) == only_listed_addresses_;
}

}  // namespace tollgate::core
