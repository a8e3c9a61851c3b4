#include "relay/fetch_rules.h"

#include <algorithm>
#include <boost/json.hpp>

#include "core/ascii.h"
#include "core/config.h"
#include "net/address_class.h"

namespace tollgate::relay {
namespace {

// Services that are never files, whatever the list of ports says: mail, shells, databases, control planes.
constexpr int kNeverPorts[] = {22,   23,   25,   53,   110,  111,   135,   137,   138,   139,  143,
                               389,  445,  465,  587,  993,  995,   1433,  2049,  2375,  2376, 2379,
                               2380, 3306, 5432, 6379, 6443, 10250, 11211, 16379, 26379, 27017};

std::vector<std::string> texts(std::string_view source) {
  std::vector<std::string> out;
  boost::system::error_code ec;
  auto list = boost::json::parse(source, ec);
  if (ec || !list.is_array()) return out;
  for (const auto& item : list.get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
    if (item.is_int64()) out.push_back(std::to_string(item.get_int64()));
  }
  return out;
}

// A range that cannot be read admits nothing.
std::pair<int, int> range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = core::parse_integer(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : core::parse_integer(text.substr(dash + 1));
  if (!first || !last || *first < 0 || *last > 65535) return {1, 0};
  return {static_cast<int>(*first), static_cast<int>(*last)};
}

bool below(std::string_view host, std::string_view domain) {
  return host == domain ||
         (host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

bool in_domains(const std::vector<std::string>& domains, std::string_view host) {
  return std::ranges::any_of(domains, [&](std::string_view domain) {
    return domain.starts_with("*.") ? below(host, domain.substr(2)) : host == domain;
  });
}

// Names that mean this machine or its network wherever they are resolved.
bool is_own_name(std::string_view host) {
  for (std::string_view name : {"localhost", "local", "internal", "home.arpa", "metadata", "instance-data"})
    if (below(host, name)) return true;
  return false;
}

// 127.1, 0x7f000001, 2130706433: programs read them as addresses, each in its own way.
bool looks_numeric(std::string_view host) {
  const auto last = host.substr(host.rfind('.') + 1);
  return last.starts_with("0x") || (!last.empty() && last.find_first_not_of("0123456789") == std::string_view::npos);
}

bool plain_name(std::string_view host) {
  if (host.size() > 253) return false;
  std::size_t label = 0;
  for (char c : host) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '.' ? label == 0 : !letter) return false;
    label = c == '.' ? 0 : label + 1;
    if (label > 63) return false;
  }
  return label > 0;
}

}  // namespace

bool FetchRules::take_url(const net::Url& url) const {
  if ((url.scheme != "http" && url.scheme != "https") || !url.user_info.empty()) return false;
  const auto clean = [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F && c != '\\';
  };
  if (!std::ranges::all_of(url.target, clean)) return false;
  if (core::parse_ip(url.host)) {
    // Checked as an address.
  } else if (!plain_name(url.host) || looks_numeric(url.host)) {
    return false;
  } else if (protect && (is_own_name(url.host) || in_domains(domains, url.host) != domains_allow)) {
    return false;
  }
  if (!protect) return true;
  const int port = url.port;
  if (port < 20 || std::ranges::find(kNeverPorts, port) != std::end(kNeverPorts)) return false;
  return ports.empty() ||
         std::ranges::any_of(ports, [&](const auto& range) { return port >= range.first && port <= range.second; });
}

bool FetchRules::take_address(const core::IpAddress& address, bool of_name) const {
  const auto kind = net::address_class(address);
  if (kind == net::AddressClass::kMetadata) return false;
  if (!protect) return true;
  if (kind != net::AddressClass::kPublic && !(kind == net::AddressClass::kPrivate && allow_private)) return false;
  if (of_name && !addresses_of_names) return true;
  const bool listed = std::ranges::any_of(addresses, [&](const auto& block) { return block.contains(address); });
  return listed == addresses_allow;
}

FetchRules read_fetch_rules(const core::Options& options) {
  FetchRules rules;
  rules.protect = options.boolean("fetch_setting.enable_ssrf_protection");
  rules.allow_private = options.boolean("fetch_setting.allow_private_ip");
  rules.domains_allow = options.boolean("fetch_setting.domain_filter_mode");
  for (const auto& domain : texts(options.text("fetch_setting.domain_list")))
    rules.domains.push_back(core::ascii_lower(domain));
  rules.addresses_allow = options.boolean("fetch_setting.ip_filter_mode");
  for (const auto& text : texts(options.text("fetch_setting.ip_list")))
    if (auto block = core::parse_ip_block(text)) rules.addresses.push_back(*block);
  rules.addresses_of_names = options.boolean("fetch_setting.apply_ip_filter_for_domain");
  for (const auto& text : texts(options.text("fetch_setting.allowed_ports"))) rules.ports.push_back(range(text));
  return rules;
}

}  // namespace tollgate::relay
