// Connection strings: which database a value of SQL_DSN names, and how to reach it. Parsing never touches the network.
// The MySQL form is that of Go's driver, the PostgreSQL forms are those of libpq (docs/databases.md has the tables).
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/result.h"

namespace tollgate::sql {

enum class TlsMode {
  kOff,
  kPreferred,   // when the server has it; nothing is verified
  kSkipVerify,  // always; nothing is verified
  kVerifyCa,    // the chain
  kVerifyFull,  // the chain and the host's name
};

struct SqliteDsn {
  std::string path_and_params;
};

struct MysqlDsn {
  std::string user, password;
  std::string host = "127.0.0.1";
  std::uint16_t port = 3306;
  std::string socket;  // not empty: instead of host and port
  std::string database;
  TlsMode tls = TlsMode::kOff;
  bool own_ca = false;                           // tls=custom: TOLLGATE_SQL_CA must be set
  std::vector<std::string> charsets{"utf8mb4"};  // the first that the server takes
  std::string collation;
  std::optional<std::chrono::milliseconds> connect_timeout, read_timeout, write_timeout;
  std::uint64_t max_packet = 64U << 20U;  // 0: the server's own
  bool cleartext_passwords = false;
  std::vector<std::pair<std::string, std::string>> variables;  // SET SESSION name = value, checked
};

struct PostgresDsn {
  struct Host {
    std::string name;  // a directory: of a socket; empty: the default socket
    std::uint16_t port = 5432;
  };
  std::string user, password, database;
  std::vector<Host> hosts;
  std::optional<std::chrono::milliseconds> connect_timeout;
  std::vector<std::pair<std::string, std::string>> parameters;  // for libpq
  std::vector<std::pair<std::string, std::string>> settings;    // SET name = value
  bool no_database = false;  // none was named: the user's name is used, as libpq does
};

using Dsn = std::variant<SqliteDsn, MysqlDsn, PostgresDsn>;

// By SQL_DSN's rules, in this order: empty → SQLite at `sqlite_path`; postgres:// → PostgreSQL; local… → SQLite; then
// the other URLs, libpq's key=value text, and MySQL for all the rest. The error says what was expected where, and holds
// no part of a password.
core::Result<Dsn> parse_dsn(std::string_view text, std::string_view sqlite_path);

core::Result<MysqlDsn> parse_mysql_dsn(std::string_view text);
core::Result<MysqlDsn> parse_mysql_url(std::string_view text);
core::Result<PostgresDsn> parse_postgres_url(std::string_view text);
core::Result<PostgresDsn> parse_postgres_pairs(std::string_view text);

// For people: user:***@tcp(host:port)/database and the like.
std::string to_string(const Dsn& dsn);
// host:port, or the path of a socket or a file.
std::string place_of(const Dsn& dsn);
std::string database_of(const Dsn& dsn);

// "30s", "1m30s", "500ms" as Go writes them; nullopt for anything else.
std::optional<std::chrono::milliseconds> parse_go_duration(std::string_view text);

}  // namespace tollgate::sql
