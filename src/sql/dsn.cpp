#include "sql/dsn.h"

#include <algorithm>
#include <array>

namespace tollgate::sql {
namespace {

// libpq's other form begins with the name of one of its parameters.
bool looks_like_pairs(std::string_view text) {
  constexpr std::array<std::string_view, 7> kNames{"host", "hostaddr", "port", "dbname", "user", "password", "sslmode"};
  auto equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  auto name = text.substr(0, equals);
  while (name.ends_with(' ')) name.remove_suffix(1);
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

template <class T>
core::Result<Dsn> any(core::Result<T> parsed) {
  if (!parsed) return parsed.error();
  return Dsn(std::move(*parsed));
}

}  // namespace

core::Result<Dsn> parse_dsn(std::string_view text, std::string_view sqlite_path) {
  if (text.empty()) return Dsn(SqliteDsn{std::string(sqlite_path)});
  if (text.starts_with("postgres://") || text.starts_with("postgresql://")) return any(parse_postgres_url(text));
  if (text.starts_with("local")) return Dsn(SqliteDsn{std::string(sqlite_path)});
  if (text.starts_with("sqlite://")) {
    if (text.size() == 9) return core::error(core::Errc::kInvalid, "a path is expected after sqlite://");
    return Dsn(SqliteDsn{std::string(text.substr(9))});
  }
  if (text.starts_with("mysql://") || text.starts_with("mariadb://")) return any(parse_mysql_url(text));
  if (looks_like_pairs(text)) return any(parse_postgres_pairs(text));
  return any(parse_mysql_dsn(text));
}

std::string place_of(const Dsn& dsn) {
  if (const auto* file = std::get_if<SqliteDsn>(&dsn))
    return file->path_and_params.substr(0, file->path_and_params.find('?'));
  if (const auto* mysql = std::get_if<MysqlDsn>(&dsn))
    return mysql->socket.empty() ? mysql->host + ":" + std::to_string(mysql->port) : mysql->socket;
  std::string text;
  for (const auto& host : std::get<PostgresDsn>(dsn).hosts) {
    if (!text.empty()) text += ',';
    text += host.name.empty() ? "the local socket" : host.name + ":" + std::to_string(host.port);
  }
  return text;
}

std::string database_of(const Dsn& dsn) {
  if (const auto* mysql = std::get_if<MysqlDsn>(&dsn)) return mysql->database;
  if (const auto* postgres = std::get_if<PostgresDsn>(&dsn)) return postgres->database;
  return {};
}

std::string to_string(const Dsn& dsn) {
  if (const auto* mysql = std::get_if<MysqlDsn>(&dsn)) {
    auto text = mysql->user;
    if (!mysql->password.empty()) text += ":***";
    if (!text.empty()) text += '@';
    return text + (mysql->socket.empty() ? "tcp(" : "unix(") + place_of(dsn) + ")/" + mysql->database;
  }
  if (const auto* postgres = std::get_if<PostgresDsn>(&dsn)) {
    auto text = "postgres://" + postgres->user;
    if (!postgres->password.empty()) text += ":***";
    return text + "@" + place_of(dsn) + "/" + postgres->database;
  }
  return place_of(dsn);
}

std::optional<std::chrono::milliseconds> parse_go_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  if (text.empty() || text.size() > 24) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    double number = 0, scale = 1;
    std::size_t digits = 0, at = 0;
    bool point = false;
    for (; at < text.size() && (text[at] == '.' || (text[at] >= '0' && text[at] <= '9')); ++at) {
      if (text[at] == '.') {
        if (std::exchange(point, true)) return std::nullopt;
        continue;
      }
      ++digits;
      number = number * 10 + (text[at] - '0');
      if (point) scale *= 10;
    }
    text.remove_prefix(at);
    if (digits == 0) return std::nullopt;
    auto unit = text.substr(0, std::min(text.size(), text.find_first_of("0123456789.")));
    double factor = unit == "h"    ? 3'600'000
                    : unit == "m"  ? 60'000
                    : unit == "s"  ? 1000
                    : unit == "ms" ? 1
                    : unit == "us" ? 0.001
                    : unit == "ns" ? 0.000001
                                   : 0;
    if (factor == 0) return std::nullopt;
    total += number / scale * factor;
    text.remove_prefix(unit.size());
  }
  if (total > 1e12) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

}  // namespace tollgate::sql
