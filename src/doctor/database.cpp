// D-01 … D-10: the main database and, if there is another one, the log's.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "doctor/doctor.h"
#include "sql/server_clock.h"

namespace tollgate::doctor {
namespace {

using sql::Dialect;
using std::chrono::steady_clock;

constexpr int kRounds = 20;
constexpr double kSlowMs = 50;
constexpr std::int64_t kClockMs = 2000;

// One value, or empty text when it cannot be had.
std::string value_of(sql::Connection& db, std::string_view statement) {
  auto rows = db.query(statement, {});
  return rows && !rows->empty() ? rows->front().text(0) : std::string();
}

// D-01: found and reached, logged in, the database exists. The server's own words tell which it was not.
void report_away(Patient& patient, std::string_view id, const std::string& place, const sql::Error& error) {
  auto& report = patient.report;
  const auto& text = error.message;
  auto says = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (says("ccess denied") || says("password authentication failed") || says("1045"))
    report.fail(
        id, "SQL log-in", place + ": " + text, "user or password are refused",
        "correct the credentials in SQL_DSN; a MySQL password is taken literally, in a URL @ is %40 and / is %2F");
  else if (says("nknown database") || says("does not exist"))
    report.fail(id, "SQL database", place + ": " + text, "the server has no such database",
                "CREATE DATABASE with the name at the end of SQL_DSN, CHARACTER SET utf8mb4");
  else if (says("nknown host") || says("translate host") || says("not known") || says("resol"))
    report.fail(id, "SQL name", place + ": " + text, "the host's name does not resolve here",
                "correct the host in SQL_DSN, or let this machine know it (DNS, /etc/hosts, the compose network)");
  else
    report.fail(id, "SQL connect", place + ": " + text, "the database server does not answer here",
                "start it, open its port to this machine, and check host and port in SQL_DSN");
}

void check_latency(Report& report, sql::Connection& db, const std::string& place) {
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    const auto began = steady_clock::now();
    if (!db.query("SELECT 1", {})) break;
    times.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - began).count());
  }
  if (times.empty()) return;
  std::ranges::sort(times);
  const auto median = times[times.size() / 2];
  const auto evidence = fmt::format("{}: round trip p50 {:.1f} ms, most {:.1f} ms", place, median, times.back());
  if (median > kSlowMs)
    report.warn("D-08", "SQL latency", evidence, "every flush and every cold key waits for this",
                "bring nodes and database closer together; docs/cluster.md");
  else
    report.pass("D-08", "SQL latency", evidence);
}

void check_charset(Report& report, sql::Connection& db) {
  std::string found;
  if (db.dialect() == Dialect::kMysql)
    found = value_of(db, "SELECT @@character_set_database");
  else
    found = value_of(db, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()");
  const bool well = db.dialect() == Dialect::kMysql ? found == "utf8mb4" : found == "UTF8";
  if (well)
    report.pass("D-04", "SQL charset", found);
  else
    report.fail("D-04", "SQL charset", "the database's character set is " + found,
                "names and texts with characters outside of it cannot be stored, and rows with them are refused",
                db.dialect() == Dialect::kMysql
                    ? "ALTER DATABASE `name` CHARACTER SET utf8mb4; and ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4"
                    : "dump, CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, restore");
}

// Whether it takes writes: by its own word, since a replica accepts connections as the primary does.
bool check_writes(Report& report, sql::Connection& db, const std::string& place) {
  const bool mysql = db.dialect() == Dialect::kMysql;
  const auto word = value_of(db, mysql ? "SELECT @@global.read_only" : "SELECT pg_is_in_recovery()");
  const bool read_only = word != "0" && word != "f" && word != "false" && word != "OFF" && !word.empty();
  if (!read_only) {
    report.pass("D-06", "SQL writes", place + " takes writes");
    return true;
  }
  report.fail(
      "D-06", "SQL writes", place + (mysql ? ": read_only is on" : ": it is a standby in recovery"),
      "SQL_DSN names a replica: it accepts log-ins, and refuses every write",
      "point SQL_DSN at the primary; a PostgreSQL DSN with several hosts takes target_session_attrs=read-write");
  return false;
}

// DDL on a master, in a table of our own that is dropped again.
void check_rights(Report& report, sql::Connection& db, bool master) {
  auto failed = [&](std::string_view what, const sql::Error& error) {
    report.fail("D-05", "SQL rights", fmt::format("{}: {}", what, error.message),
                "the database user lacks a right that the program needs",
                "GRANT ALL PRIVILEGES on this database to the user of SQL_DSN");
  };
  if (!master) return report.pass("D-05", "SQL rights", "a slave changes no schema");
  const auto table = fmt::format("tg_probe_{}", steady_clock::now().time_since_epoch().count() % 1'000'000'000);
  if (auto made = db.execute("CREATE TABLE " + table + " (id bigint)", {}); !made)
    return failed("CREATE", made.error());
  auto written = db.execute("INSERT INTO " + table + " (id) VALUES (1)", {});
  auto changed = db.execute("ALTER TABLE " + table + " ADD COLUMN more bigint", {});
  auto dropped = db.execute("DROP TABLE " + table, {});
  if (!written) return failed("INSERT", written.error());
  if (!changed) return failed("ALTER", changed.error());
  if (!dropped) return failed("DROP", dropped.error());
  report.pass("D-05", "SQL rights", "tables can be made, changed and dropped");
}

void check_connections(Patient& patient, sql::Connection& db) {
  const auto most =
      db.dialect() == Dialect::kMysql ? value_of(db, "SELECT @@max_connections") : value_of(db, "SHOW max_connections");
  const auto limit = core::parse_integer(most).value_or(0);
  std::int64_t nodes = 1;
  if (patient.cluster)
    nodes = std::max<std::int64_t>(1, std::ranges::count_if(patient.cluster->nodes.rows, [&](const auto& row) {
                                     return cluster::is_live(row, patient.cluster->nodes.now);
                                   }));
  const auto& config = patient.setting.config;
  const auto pool = config.is_set("SQL_MAX_OPEN_CONNS") ? config.integer("SQL_MAX_OPEN_CONNS") : 32;
  const auto evidence = fmt::format("max_connections {}, {} node(s) × at most {}", limit, nodes, pool);
  if (limit > 0 && nodes * pool > limit)
    patient.report.warn("D-07", "SQL connections", evidence, "under load nodes take connections from each other",
                        fmt::format("set SQL_MAX_OPEN_CONNS={} on each node, or raise max_connections",
                                    std::max<std::int64_t>(2, (limit - 10) / nodes)));
  else
    patient.report.pass("D-07", "SQL connections", evidence);
}

void check_clock(Report& report, sql::Connection& db) {
  auto now_ms = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const auto before = now_ms();
  auto rows = db.query("SELECT " + sql::server_now_ms(db.dialect()), {});
  const auto after = now_ms();
  if (!rows || rows->empty()) return;
  const auto off = (before + after) / 2 - rows->front().integer(0);
  const auto evidence =
      fmt::format("this machine is {} ms {} the database", std::abs(off), off < 0 ? "behind" : "before");
  if (std::abs(off) > kClockMs)
    report.warn("D-09", "SQL clock", evidence, "log rows, expiries and cookies are judged by two times",
                "let both machines follow NTP (timedatectl set-ntp true)");
  else
    report.pass("D-09", "SQL clock", evidence);
}

void read_cluster(Patient& patient, sql::Connection& db) {
  auto view = cluster::read_view(db);
  if (view) {
    patient.cluster = std::move(*view);
    return patient.report.pass("D-03", "schema", fmt::format("{} node(s) known", patient.cluster->nodes.rows.size()));
  }
  patient.report.warn("D-03", "schema", view.error().message, "no node has completed the schema of this database yet",
                      "start a master (NODE_TYPE=master) against it");
}

}  // namespace

void check_sql(Patient& patient) {
  auto& setting = patient.setting;
  auto& report = patient.report;
  if (!setting.main)
    return report.fail("D-01", "SQL", setting.main_error, "SQL_DSN cannot be used",
                       "correct SQL_DSN; docs/databases.md");
  auto lease = setting.main->lease();
  if (!lease) {
    report_away(patient, "D-01", setting.main_place, lease.error());
    for (auto id : {"D-02", "D-03", "D-04", "D-05", "D-06", "D-07", "D-08", "D-09"})
      report.skip(id, "SQL", "the database cannot be reached");
  } else {
    auto& db = **lease;
    report.pass("D-01", "SQL connect", setting.main_place);
    if (db.dialect() == Dialect::kSqlite) {
      report.pass("D-02", "SQL server", "SQLite " + value_of(db, "SELECT sqlite_version()"));
      if (!patient.master())
        report.fail("D-02", "SQL server", "NODE_TYPE=slave on SQLite", "a file is not shared: this node would be alone",
                    "set SQL_DSN to the database of the master");
      read_cluster(patient, db);
    } else {
      report.pass("D-02", "SQL server", value_of(db, "SELECT version()"));
      read_cluster(patient, db);
      check_charset(report, db);
      if (check_writes(report, db, setting.main_place)) check_rights(report, db, patient.master());
      check_connections(patient, db);
      check_clock(report, db);
    }
    check_latency(report, db, setting.main_place);
  }
  if (!setting.log_error.empty())
    return report.fail("D-10", "log database", setting.log_error, "LOG_SQL_DSN cannot be used", "correct LOG_SQL_DSN");
  if (!setting.log) return report.pass("D-10", "log database", "logs are in the main database");
  auto log = setting.log->lease();
  if (!log) return report_away(patient, "D-10", setting.log_place, log.error());
  report.pass("D-10", "log database", setting.log_place);
}

}  // namespace tollgate::doctor
