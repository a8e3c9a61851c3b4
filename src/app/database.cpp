#include "app/database.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

#include "app/command_line.h"
#include "app/node_name.h"
#include "app/signals.h"
#include "core/log.h"
#include "model/schema.h"
#include "sql/server.h"

namespace tollgate::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kLook = milliseconds(250);
constexpr auto kTell = std::chrono::seconds(10);
constexpr std::string_view kGrammar = "docs/databases.md shows the forms";

sql::ServerSettings settings_of(const core::Config& config, std::size_t connections) {
  sql::ServerSettings settings;
  settings.max_open = connections;
  settings.max_idle = static_cast<std::size_t>(config.integer("SQL_MAX_IDLE_CONNS"));
  settings.lifetime = std::chrono::seconds(config.integer("SQL_MAX_LIFETIME"));
  settings.statement = config.duration("TOLLGATE_SQL_TIMEOUT");
  settings.connect = config.duration("TOLLGATE_SQL_CONNECT_TIMEOUT");
  settings.ca_file = config.text("TOLLGATE_SQL_CA");
  settings.certificate_file = config.text("TOLLGATE_SQL_CERT");
  settings.key_file = config.text("TOLLGATE_SQL_KEY");
  settings.node = node_name(config);
  return settings;
}

bool wrong_login(const sql::Error& error) {
  return error.code == 1045 || error.code == 1698 || error.code == 1251 || error.code == 2059 ||
         error.code == sql::sqlstate("28P01") || error.code == sql::sqlstate("28000");
}
bool missing_database(const sql::Error& error) { return error.code == 1049 || error.code == sql::sqlstate("3D000"); }
bool wrong_tls(const sql::Error& error) { return error.code == 2026; }

std::string create_statement(const sql::Dsn& dsn) {
  auto name = sql::database_of(dsn);
  if (std::holds_alternative<sql::MysqlDsn>(dsn)) return "CREATE DATABASE `" + name + "` CHARACTER SET utf8mb4";
  return "CREATE DATABASE \"" + name + "\" ENCODING 'UTF8'";
}

// Through a database that every server has.
sql::Result<void> create_database(sql::Dsn dsn, const sql::ServerSettings& settings) {
  auto statement = create_statement(dsn);
  if (sql::database_of(dsn).find_first_of("`\"") != std::string::npos)
    return sql::Error{sql::ErrorClass::kOther, 0, "a database of that name is not created"};
  if (auto* mysql = std::get_if<sql::MysqlDsn>(&dsn)) mysql->database = "information_schema";
  if (auto* postgres = std::get_if<sql::PostgresDsn>(&dsn)) postgres->database = "postgres";
  auto pool = sql::open_pool(dsn, settings);
  if (!pool) return pool.error();
  auto lease = (*pool)->lease();
  if (!lease) return lease.error();
  auto done = (*lease)->execute(statement, {});
  // Another master may have been faster: 1007, duplicate_database.
  if (!done && done.error().code != 1007 && done.error().code != sql::sqlstate("42P04")) return done.error();
  return {};
}

// Empty, or what to run: every text of the program must have a place in the schema and in each of its tables.
sql::Result<std::string> character_sets(sql::Connection& db) {
  if (db.dialect() == sql::Dialect::kPostgres) {
    auto rows =
        db.query("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()", {});
    if (!rows) return rows.error();
    if (!rows->empty() && rows->front().text(0) != "UTF8" && rows->front().text(0) != "SQL_ASCII")
      return std::string("create the database anew with ENCODING 'UTF8'");
    return std::string();
  }
  if (db.dialect() != sql::Dialect::kMysql) return std::string();
  auto holds_all = [](std::string_view name) {
    for (std::string_view set : {"utf8mb4", "utf8mb3", "utf8", "gbk", "big5", "gb18030"})
      if (name == set || (name.starts_with(set) && name.substr(set.size()).starts_with('_'))) return true;
    return name.empty();
  };
  auto schema = db.query(
      "SELECT schema_name, default_character_set_name FROM information_schema.schemata WHERE schema_name = DATABASE()",
      {});
  if (!schema) return schema.error();
  std::string statements;
  if (!schema->empty() && !holds_all(schema->front().text(1)))
    statements = "ALTER DATABASE `" + schema->front().text(0) + "` CHARACTER SET utf8mb4";
  auto tables = db.query(
      "SELECT table_name, table_collation FROM information_schema.tables WHERE table_schema = DATABASE() AND "
      "table_type = 'BASE TABLE' ORDER BY table_name",
      {});
  if (!tables) return tables.error();
  int named = 0;
  for (const auto& row : *tables) {
    if (holds_all(row.text(1)) || ++named > 20) continue;
    if (!statements.empty()) statements += "; ";
    statements += "ALTER TABLE `" + row.text(0) + "` CONVERT TO CHARACTER SET utf8mb4";
  }
  return statements;
}

sql::Result<bool> read_only(sql::Connection& db) {
  if (db.dialect() == sql::Dialect::kSqlite) return false;
  auto rows = db.query(db.dialect() == sql::Dialect::kMysql
                           ? "SELECT @@global.read_only"
                           : "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'",
                       {});
  if (!rows) return rows.error();
  return !rows->empty() && rows->front().boolean(0);
}

// What stops a start at once; kOk: it may be tried again.
int final_failure(std::string_view variable, const sql::Dsn& dsn, const sql::Error& error, const core::Config& config) {
  const auto& text = config.text(variable);
  if (wrong_login(error))
    return fatal(kConfiguration, variable, fmt::format("{}: {}", sql::place_of(dsn), error.message),
                 text.find('%') != std::string::npos && std::holds_alternative<sql::MysqlDsn>(dsn)
                     ? "check user and password, which this form takes as they are: no %XX in them"
                     : "check user and password");
  if (missing_database(error))
    return fatal(kDependencyAway, variable,
                 fmt::format("database \"{}\" does not exist on {}", sql::database_of(dsn), sql::place_of(dsn)),
                 "create it with: " + create_statement(dsn) + "; or set TOLLGATE_CREATE_DATABASE=true");
  if (wrong_tls(error))
    return fatal(kConfiguration, variable, fmt::format("{}: {}", sql::place_of(dsn), error.message),
                 "name the authority's certificate in TOLLGATE_SQL_CA and the host as the server's certificate does");
  return kOk;
}

// Completes the schema of the log database when it is first reached, and checks what a start could not.
class LogPool final : public sql::Pool {
 public:
  LogPool(std::unique_ptr<sql::Pool> inner, bool migrate) : inner_(std::move(inner)), migrate_(migrate) {}
  sql::Dialect dialect() const override { return inner_->dialect(); }
  State state() const override { return inner_->state(); }

  sql::Result<Lease> lease() override {
    auto lease = inner_->lease();
    if (!lease || !migrate_ || prepared_.load(std::memory_order_acquire)) return lease;
    std::lock_guard one_at_a_time(mutex_);
    if (prepared_) return lease;
    auto done = model::migrate(**lease, model::Scope::kLog);
    if (!done) return done.error();
    if (*done > 0) core::log::info("schema of the log database completed by {} statements", *done);
    prepared_.store(true, std::memory_order_release);
    return lease;
  }

 protected:
  void give_back(std::unique_ptr<sql::Connection>) override {}  // leases belong to the pool inside

 private:
  std::unique_ptr<sql::Pool> inner_;
  const bool migrate_;
  std::mutex mutex_;
  std::atomic<bool> prepared_ = false;
};

int open_log_database(const core::Config& config, const sql::ServerSettings& settings, Databases& out) {
  const auto& text = config.text("LOG_SQL_DSN");
  if (text.empty()) return kOk;
  auto dsn = sql::parse_dsn(text, config.text("SQLITE_PATH"));
  if (!dsn) return fatal(kConfiguration, "LOG_SQL_DSN", dsn.error().message, kGrammar);
  auto pool = sql::open_pool(*dsn, settings);
  if (!pool) return fatal(kCannotWrite, "LOG_SQL_DSN", pool.error().message, "");
  const bool master = config.text("NODE_TYPE") == "master";
  if (auto lease = (*pool)->lease(); lease) {
    auto statements = character_sets(**lease);
    if (statements && !statements->empty())
      return fatal(kConfiguration, "LOG_SQL_DSN", "a character set cannot hold every text", "run: " + *statements);
  } else {
    if (master && missing_database(lease.error()) && config.boolean("TOLLGATE_CREATE_DATABASE"))
      (void)create_database(*dsn, settings);
    else if (int code = final_failure("LOG_SQL_DSN", *dsn, lease.error(), config); code != kOk)
      return code;
    core::log::warn("the log database at {} is away: {}; log rows wait in the journal", sql::place_of(*dsn),
                    lease.error().message);
  }
  out.log = std::make_unique<LogPool>(std::move(*pool), master);
  return kOk;
}

}  // namespace

int open_databases(const core::Config& config, std::size_t connections, Databases& out) {
  auto dsn = sql::parse_dsn(config.text("SQL_DSN"), config.text("SQLITE_PATH"));
  if (!dsn) return fatal(kConfiguration, "SQL_DSN", dsn.error().message, kGrammar);
  const auto settings = settings_of(config, connections);
  if (const auto* mysql = std::get_if<sql::MysqlDsn>(&*dsn); mysql && mysql->own_ca && settings.ca_file.empty())
    return fatal(kConfiguration, "SQL_DSN", "tls=custom needs a certificate authority",
                 "name its file in TOLLGATE_SQL_CA");
  auto pool = sql::open_pool(*dsn, settings);
  if (!pool)
    return fatal(kCannotWrite, "SQLITE_PATH", pool.error().message, "name a file in a directory that can be written");

  const bool master = config.text("NODE_TYPE") == "master";
  const auto begun = steady_clock::now();
  auto told = begun - kTell;
  bool created = false;
  for (;;) {
    std::string trouble;
    if (auto lease = (*pool)->lease(); lease) {
      auto replica = read_only(**lease);
      auto statements = replica ? character_sets(**lease) : sql::Result<std::string>(replica.error());
      if (!statements) {
        trouble = statements.error().message;
      } else if (!statements->empty()) {
        return fatal(kConfiguration, "SQL_DSN", "a character set cannot hold every text", "run: " + *statements);
      } else if (*replica && master) {
        trouble = fmt::format("the server at {} is read-only (a replica?)", sql::place_of(*dsn));
      } else {
        break;
      }
    } else {
      if (missing_database(lease.error()) && master && config.boolean("TOLLGATE_CREATE_DATABASE") &&
          !std::exchange(created, true)) {
        if (auto done = create_database(*dsn, settings); !done)
          return fatal(
              kDependencyAway, "SQL_DSN",
              fmt::format("database \"{}\" cannot be created: {}", sql::database_of(*dsn), done.error().message),
              "create it with: " + create_statement(*dsn));
        core::log::info("database {} created", sql::database_of(*dsn));
        // The pool remembers for a moment that it was missing.
        pool = sql::open_pool(*dsn, settings);
        continue;
      }
      if (int code = final_failure("SQL_DSN", *dsn, lease.error(), config); code != kOk) return code;
      trouble = fmt::format("{} is not reached: {}", sql::place_of(*dsn), lease.error().message);
    }
    const auto now = steady_clock::now();
    if (now - begun >= config.duration("TOLLGATE_START_WAIT") || stop_is_asked())
      return fatal(kDependencyAway, "SQL_DSN", trouble, "start the database that takes writes, or mend SQL_DSN");
    if (now - told >= kTell) {
      told = now;
      core::log::info("waiting for the database: {}", trouble);
    }
    std::this_thread::sleep_for(kLook);
  }
  if (const auto* postgres = std::get_if<sql::PostgresDsn>(&*dsn); postgres && postgres->no_database)
    core::log::warn("SQL_DSN names no database: the user's name is taken");
  out.main = std::move(*pool);
  return open_log_database(config, settings, out);
}

}  // namespace tollgate::app
