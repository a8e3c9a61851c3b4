#include "redis/address.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/ascii.h"
#include "core/config.h"
#include "core/log.h"
#include "core/percent.h"

namespace tollgate::redis {
namespace {

using core::Errc;
using core::Result;

constexpr std::uint16_t kPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;

struct Scheme {
  std::string_view name;
  Mode mode;
  bool tls;
};
constexpr std::array<Scheme, 7> kSchemes{{{"redis", Mode::kAuto, false},
                                          {"rediss", Mode::kAuto, true},
                                          {"unix", Mode::kAuto, false},
                                          {"redis+sentinel", Mode::kSentinel, false},
                                          {"rediss+sentinel", Mode::kSentinel, true},
                                          {"redis+cluster", Mode::kCluster, false},
                                          {"rediss+cluster", Mode::kCluster, true}}};

core::Error invalid(std::string why) { return core::error(Errc::kInvalid, std::move(why)); }

std::string decoded(std::string_view text) { return core::percent_decoded(text, core::Plus::kStays); }

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Splits "a://x,b://y" into URLs; a comma inside of one separates its hosts.
std::vector<std::string_view> urls(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0, at = 0; at <= text.size(); ++at) {
    bool ends = at == text.size();
    if (!ends && text[at] == ',') {
      auto rest = text.substr(at + 1);
      auto name = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+ ");
      ends = name != std::string_view::npos && name > 0 && rest.substr(name).starts_with("://");
    }
    if (!ends) continue;
    parts.push_back(core::trimmed(text.substr(from, at - from)));
    from = at + 1;
  }
  return parts;
}

Result<Endpoint> endpoint(std::string_view text, std::uint16_t port, bool alone) {
  Endpoint found;
  found.port = port;
  std::string_view after;
  if (text.starts_with('[')) {
    auto close = text.find(']');
    if (close == std::string_view::npos) return invalid("an address has no closing bracket");
    found.host = std::string(text.substr(1, close - 1));
    after = text.substr(close + 1);
  } else {
    auto colon = text.find(':');
    found.host = std::string(text.substr(0, colon));
    if (colon != std::string_view::npos) after = text.substr(colon);
  }
  if (!after.empty()) {
    auto given = number<std::uint16_t>(after.substr(1));
    if (!after.starts_with(':') || !given || *given == 0) return invalid("a port is not a number from 1 to 65535");
    found.port = *given;
  }
  if (found.host.empty()) {
    if (!alone) return invalid("a host in the list is empty");
    found.host = "localhost";
  }
  return found;
}

// "user:password" before the hosts.
Credentials credentials(std::string_view text) {
  auto colon = text.find(':');
  Credentials found{decoded(text.substr(0, colon)), ""};
  if (colon != std::string_view::npos) found.password = decoded(text.substr(colon + 1));
  return found;
}

Result<void> take_parameter(Address& address, std::string_view name, std::string_view value) {
  if (name == "db") {
    auto database = number<int>(value);
    if (!database || *database < 0) return invalid("the database is not a number");
    address.database = *database;
  } else if (name == "dial_timeout" || name == "read_timeout") {
    // Zero and less mean the default, as in the compatible product.
    if (value.starts_with('-')) return {};
    auto time = core::parse_duration(value);
    if (!time) return invalid(fmt::format("{} is not a duration", name));
    if (time->count() > 0) (name == "dial_timeout" ? address.connect_timeout : address.command_timeout) = *time;
  } else if (name == "master_name") {
    address.master_name = value;
  } else if (name == "sentinel_password") {
    address.sentinel.password = value;
  } else if (name == "sentinel_username") {
    address.sentinel.user = value;
  } else {
    core::log::debug("REDIS_CONN_STRING: the parameter {} has no effect here", name);
  }
  return {};
}

Result<void> take_parameters(Address& address, std::string_view text) {
  while (!text.empty()) {
    auto end = text.find('&');
    auto pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    auto equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    if (auto taken = take_parameter(address, pair.substr(0, equals), decoded(pair.substr(equals + 1))); !taken)
      return taken;
  }
  return {};
}

// The part of a URL behind its hosts: "/3", "/mymaster", "/mymaster/3".
Result<void> take_path(Address& address, std::string_view path) {
  if (address.mode == Mode::kSentinel && !path.empty()) {
    auto slash = path.find('/');
    address.master_name = decoded(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  if (path.empty()) return {};
  auto database = number<int>(path);
  if (!database || *database < 0) return invalid("the database is not a number");
  address.database = *database;
  return {};
}

Result<Address> parse_url(std::string_view text) {
  Address address;
  auto mark = text.find("://");
  auto scheme_name = mark == std::string_view::npos ? std::string("redis") : core::ascii_lower(text.substr(0, mark));
  if (mark != std::string_view::npos) text.remove_prefix(mark + 3);
  const auto* scheme =
      std::find_if(kSchemes.begin(), kSchemes.end(), [&](const Scheme& s) { return s.name == scheme_name; });
  if (scheme == kSchemes.end())
    return invalid("the scheme is not one of redis, rediss, unix, redis+sentinel, redis+cluster");
  address.mode = scheme->mode;
  address.tls = scheme->tls;

  // The last @ ends the credentials: what has to be encoded in them stands in the way of nothing else.
  std::string_view before;
  if (auto at = text.substr(0, text.find('?')).rfind('@'); at != std::string_view::npos) {
    before = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  if (!before.empty()) {
    address.credentials = credentials(before);
    if (before.find('@') != std::string_view::npos)
      address.warnings.emplace_back("an @ in the password should be written as %40");
  }
  std::string_view parameters;
  if (auto question = text.find('?'); question != std::string_view::npos) {
    parameters = text.substr(question + 1);
    text = text.substr(0, question);
  }
  if (scheme->name == "unix") {
    if (text.empty() || text.front() != '/') return invalid("a unix socket needs an absolute path");
    address.endpoints.push_back({.path = decoded(text)});
  } else {
    auto slash = text.find('/');
    auto hosts = text.substr(0, slash);
    auto path = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    // "redis://a/3,b": more hosts behind the path.
    std::string_view more;
    if (auto comma = path.find(','); comma != std::string_view::npos) {
      more = path.substr(comma + 1);
      path = path.substr(0, comma);
    }
    if (auto taken = take_path(address, path); !taken) return taken.error();
    bool alone = more.empty() && hosts.find(',') == std::string_view::npos;
    auto port = address.mode == Mode::kSentinel ? kSentinelPort : kPort;
    auto take_hosts = [&](std::string_view list) -> Result<void> {
      for (std::size_t from = 0; from <= list.size();) {
        auto comma = std::min(list.find(',', from), list.size());
        auto found = endpoint(core::trimmed(list.substr(from, comma - from)), port, alone);
        if (!found) return found.error();
        address.endpoints.push_back(std::move(*found));
        from = comma + 1;
      }
      return {};
    };
    if (auto taken = take_hosts(hosts); !taken) return taken.error();
    if (!more.empty())
      if (auto taken = take_hosts(more); !taken) return taken.error();
  }
  if (auto taken = take_parameters(address, parameters); !taken) return taken.error();
  if (address.mode == Mode::kCluster && address.database > 0) return invalid("a cluster has only database 0");
  return address;
}

}  // namespace

const char* to_string(Mode mode) {
  switch (mode) {
    case Mode::kAuto: return "auto";
    case Mode::kStandalone: return "standalone";
    case Mode::kSentinel: return "sentinel";
    case Mode::kCluster: return "cluster";
  }
  return "";
}

std::string Endpoint::text() const {
  if (!path.empty()) return path;
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<Address> parse_address(std::string_view text) {
  std::optional<Address> all;
  for (auto part : urls(core::trimmed(text))) {
    auto one = parse_url(part);
    if (!one) return one.error();
    if (!all) {
      all = std::move(*one);
      continue;
    }
    if (one->mode != all->mode || one->tls != all->tls ||
        all->endpoints[0].path.empty() != one->endpoints[0].path.empty())
      return invalid("the addresses of the list have different schemes");
    if (one->credentials != all->credentials) return invalid("the addresses of the list have different credentials");
    if (one->database != all->database) return invalid("the addresses of the list have different databases");
    for (auto& more : one->endpoints) all->endpoints.push_back(std::move(more));
    for (auto& warning : one->warnings) all->warnings.push_back(std::move(warning));
  }
  return std::move(*all);
}

}  // namespace tollgate::redis
