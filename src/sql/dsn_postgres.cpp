// libpq's two forms: URIs and key=value texts (PostgreSQL 15 manual, 34.1.1 "Connection Strings").
#include <array>
#include <span>

#include "sql/dsn.h"
#include "sql/dsn_text.h"

namespace tollgate::sql {
namespace {

using dsn::wrong;

constexpr std::string_view kEncoding =
    "; special characters in a password are written %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #, %25 for %";

constexpr std::array<std::string_view, 6> kSslModes{"disable", "allow",     "prefer",
                                                    "require", "verify-ca", "verify-full"};
constexpr std::array<std::string_view, 6> kSessionKinds{"any",     "read-write", "read-only",
                                                        "primary", "standby",    "prefer-standby"};
// Handed to libpq as they are.
constexpr std::array<std::string_view, 19> kForLibpq{"sslmode",
                                                     "sslrootcert",
                                                     "sslcert",
                                                     "sslkey",
                                                     "sslpassword",
                                                     "sslcrl",
                                                     "sslsni",
                                                     "application_name",
                                                     "options",
                                                     "target_session_attrs",
                                                     "keepalives",
                                                     "keepalives_idle",
                                                     "tcp_user_timeout",
                                                     "gssencmode",
                                                     "keepalives_interval",
                                                     "channel_binding",
                                                     "keepalives_count",
                                                     "krbsrvname",
                                                     "ssl_min_protocol_version"};
// Of other drivers, or settled by us: taken without effect.
constexpr std::array<std::string_view, 11> kWithoutEffect{
    "pool_max_conns",          "pool_min_conns",           "pool_max_conn_lifetime",
    "pool_max_conn_idle_time", "pool_health_check_period", "pool_max_conn_lifetime_jitter",
    "default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity",
    "client_encoding",         "fallback_application_name"};

bool one_of(std::string_view text, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::string choices(std::span<const std::string_view> list) {
  std::string text;
  for (auto item : list) text += (text.empty() ? "" : item == list.back() ? " or " : ", ") + std::string(item);
  return text;
}

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> items;
  for (;;) {
    auto comma = list.find(',');
    items.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    list = list.substr(comma + 1);
  }
}

// Hosts of key=value texts and of the parameters `host` and `port`: two lists, the second of the same length or of one.
core::Result<void> set_hosts(PostgresDsn& out, std::string_view hosts, std::string_view ports) {
  auto names = split(hosts);
  auto numbers = split(ports);
  if (numbers.size() != 1 && numbers.size() != names.size())
    return wrong("as many ports as hosts are expected, or one for all");
  out.hosts.clear();
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto text = numbers.size() == 1 ? numbers.front() : numbers[i];
    auto port = text.empty() ? std::optional<std::uint16_t>(5432) : dsn::port_of(text);
    if (!port) return wrong(dsn::kPortRange);
    out.hosts.push_back({std::string(names[i]), *port});
  }
  return {};
}

struct Given {
  std::optional<std::string> host, port;
};

core::Result<void> take_parameter(PostgresDsn& out, Given& given, std::string_view name, std::string value) {
  if (name == "host" || name == "hostaddr") return given.host = std::move(value), core::Result<void>();
  if (name == "port") return given.port = std::move(value), core::Result<void>();
  if (name == "user") return out.user = std::move(value), core::Result<void>();
  if (name == "password") return out.password = std::move(value), core::Result<void>();
  if (name == "dbname") return out.database = std::move(value), core::Result<void>();
  if (name == "connect_timeout") {
    unsigned seconds = 0;
    auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (value.empty() || ec != std::errc() || end != value.data() + value.size())
      return wrong("connect_timeout must be a number of seconds");
    if (seconds > 0) out.connect_timeout = std::chrono::seconds(seconds);
    return {};
  }
  if (name == "sslmode" && !one_of(value, kSslModes)) return wrong("sslmode must be " + choices(kSslModes));
  if (name == "target_session_attrs" && !one_of(value, kSessionKinds))
    return wrong("target_session_attrs must be " + choices(kSessionKinds));
  if (one_of(name, kWithoutEffect)) return {};
  if (one_of(name, kForLibpq)) {
    out.parameters.emplace_back(name, std::move(value));
    return {};
  }
  // What is left names a setting of the session, as other drivers take it: search_path, TimeZone and their like.
  if (name.empty() || !dsn::only(name, "_."))
    return wrong("a parameter's name may have letters, digits, '_' and '.' only");
  if (!dsn::only(value, "_.,\"$ :/+-"))
    return wrong("the value of \"" + std::string(name) + "\" may have letters, digits, blanks and _.,\"$:/+- only");
  out.settings.emplace_back(name, std::move(value));
  return {};
}

core::Result<PostgresDsn> finished(PostgresDsn out, const Given& given) {
  if (given.host || given.port) {
    std::string names = given.host.value_or("");
    if (!given.host)
      for (const auto& host : out.hosts) names += (&host == out.hosts.data() ? "" : ",") + host.name;
    std::string ports = given.port.value_or("");
    if (!given.port && out.hosts.size() == 1) ports = std::to_string(out.hosts.front().port);
    if (auto set = set_hosts(out, names, ports); !set) return set.error();
  }
  if (out.hosts.empty()) out.hosts.push_back({});
  if (out.user.empty()) return wrong("no user: postgres://user:password@host:port/database is expected");
  if (out.database.empty()) {
    out.database = out.user;
    out.no_database = true;
  }
  return out;
}

}  // namespace

core::Result<PostgresDsn> parse_postgres_url(std::string_view text) {
  auto rest = text.substr(text.find("://") + 3);
  PostgresDsn out;
  std::string_view query;
  auto end = rest.find_first_of("/?");
  auto authority = rest.substr(0, end);
  if (end != std::string_view::npos) {
    auto tail = rest.substr(end);
    auto question = tail.find('?');
    if (question != std::string_view::npos) query = tail.substr(question + 1);
    auto path = tail.substr(0, question);
    if (!path.empty()) out.database = dsn::decoded(path.substr(1));
  }
  if (auto at = authority.find('@'); at != std::string_view::npos) {
    if (authority.find('@', at + 1) != std::string_view::npos)
      return wrong("two \"@\" before the database: encode the password" + std::string(kEncoding));
    auto credentials = authority.substr(0, at);
    auto colon = credentials.find(':');
    out.user = dsn::decoded(credentials.substr(0, colon));
    if (colon != std::string_view::npos) out.password = dsn::decoded(credentials.substr(colon + 1));
    authority = authority.substr(at + 1);
  }
  for (auto item : split(authority)) {
    PostgresDsn::Host host;
    std::string_view port;
    if (item.starts_with('[')) {
      auto close = item.find(']');
      if (close == std::string_view::npos) return wrong("\"[\" without \"]\" in the host");
      host.name = item.substr(1, close - 1);
      auto after = item.substr(close + 1);
      if (!after.empty() && !after.starts_with(':')) return wrong("\":port\" is expected after \"]\"");
      if (!after.empty()) port = after.substr(1);
    } else {
      auto colon = item.find(':');
      host.name = dsn::decoded(item.substr(0, colon));
      if (colon != std::string_view::npos) port = item.substr(colon + 1);
    }
    if (!port.empty()) {
      auto number = dsn::port_of(port);
      if (!number) return wrong(dsn::kPortRange + std::string(kEncoding));
      host.port = *number;
    }
    out.hosts.push_back(std::move(host));
  }
  Given given;
  for (auto [name, value] : dsn::query_pairs(query))
    if (auto taken = take_parameter(out, given, name, dsn::decoded(value)); !taken) return taken.error();
  return finished(std::move(out), given);
}

core::Result<PostgresDsn> parse_postgres_pairs(std::string_view text) {
  PostgresDsn out;
  Given given;
  auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  std::size_t at = 0;
  auto skip = [&] {
    while (at < text.size() && blank(text[at])) ++at;
  };
  for (skip(); at < text.size(); skip()) {
    auto equals = text.find('=', at);
    if (equals == std::string_view::npos) return wrong("name=value is expected at character " + std::to_string(at + 1));
    auto name = text.substr(at, equals - at);
    while (!name.empty() && blank(name.back())) name.remove_suffix(1);
    // A blank inside means that the value before it was not quoted: nothing of it is shown.
    if (!dsn::only(name, "_")) return wrong("name=value is expected at character " + std::to_string(at + 1));
    at = equals + 1;
    skip();
    std::string value;
    const bool in_quotes = at < text.size() && text[at] == '\'';
    if (in_quotes) ++at;
    bool closed = !in_quotes;
    for (; at < text.size(); ++at) {
      char c = text[at];
      if (c == '\\' && at + 1 < text.size())
        c = text[++at];
      else if (in_quotes ? c == '\'' : blank(c)) {
        closed = true;
        ++at;
        break;
      }
      value.push_back(c);
    }
    if (!closed) return wrong("a value begins with ' and does not end with it");
    if (auto taken = take_parameter(out, given, name, std::move(value)); !taken) return taken.error();
  }
  return finished(std::move(out), given);
}

}  // namespace tollgate::sql
