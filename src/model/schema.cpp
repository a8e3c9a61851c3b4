#include "model/schema.h"

#include <algorithm>
#include <set>

#include "core/ascii.h"
#include "core/log.h"
#include "model/schema_types.h"

namespace tollgate::model {
namespace {

using sql::Dialect;

// Making an index on a large table of logs takes its time.
constexpr auto kLongest = std::chrono::hours(2);

struct Present {
  std::set<std::string> tables, columns, indexes;  // columns as table.column, MySQL's indexes as table.index
};

std::string index_name(Dialect dialect, std::string_view table, std::string_view index) {
  // Only MySQL's names of indexes belong to a table.
  return dialect == Dialect::kMysql ? std::string(table) + "." + std::string(index) : std::string(index);
}

sql::Result<Present> look(sql::Connection& db) {
  const char *tables = nullptr, *columns = nullptr, *indexes = nullptr;
  switch (db.dialect()) {
    case Dialect::kSqlite:
      tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
      columns = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'";
      indexes = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'";
      break;
    case Dialect::kMysql:
      tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
      columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()";
      indexes =
          "SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema = DATABASE()";
      break;
    case Dialect::kPostgres:
      tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()";
      columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()";
      indexes = "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = current_schema()";
      break;
  }
  Present present;
  auto rows = db.query(tables, {});
  if (!rows) return rows.error();
  for (const auto& row : *rows) present.tables.insert(core::ascii_lower(row.text(0)));
  rows = db.query(columns, {});
  if (!rows) return rows.error();
  for (const auto& row : *rows)
    present.columns.insert(core::ascii_lower(row.text(0)) + "." + core::ascii_lower(row.text(1)));
  rows = db.query(indexes, {});
  if (!rows) return rows.error();
  for (const auto& row : *rows)
    present.indexes.insert(index_name(db.dialect(), core::ascii_lower(row.text(0)), row.text(1)));
  return present;
}

bool in_scope(const Table& table, Scope scope) {
  return scope == Scope::kMain || table.name == "logs" || table.name == "tg_marks" || table.name == "tg_quarantine";
}

// Somebody else has made it between our look and our statement. 1050, 1060, 1061: table, column, index; PostgreSQL adds
// unique violations of its own catalog.
bool made_already(const sql::Error& error) {
  if (error.cls == sql::ErrorClass::kDuplicate) return true;
  for (int code : {1050, 1060, 1061, sql::sqlstate("42P07"), sql::sqlstate("42701"), sql::sqlstate("42710")})
    if (error.code == code) return true;
  return false;
}

sql::Result<std::size_t> run(sql::Connection& db, const std::vector<std::string>& statements, bool forgive) {
  for (const auto& statement : statements)
    if (auto done = db.execute(statement, {}); !done && !(forgive && made_already(done.error())))
      return sql::Error{done.error().cls, done.error().code,
                        done.error().message + " (" + statement.substr(0, statement.find('(')) + "…)"};
  return statements.size();
}

// Whole or not at all: SQLite's definitions are part of a transaction.
sql::Result<std::size_t> migrate_file(sql::Connection& db, Scope scope) {
  if (auto begun = db.begin(); !begun) return begun.error();
  auto plan = plan_migration(db, scope);
  auto done = plan ? run(db, *plan, false) : sql::Result<std::size_t>(plan.error());
  if (done)
    if (auto committed = db.commit(); !committed) done = committed.error();
  if (!done) db.rollback();
  return done;
}

}  // namespace

sql::Result<std::vector<std::string>> plan_migration(sql::Connection& db, Scope scope) {
  const auto dialect = db.dialect();
  auto present = look(db);
  if (!present) return present.error();
  std::vector<std::string> statements;
  for (const auto& table : tables()) {
    if (!in_scope(table, scope)) continue;
    const bool fresh = !present->tables.contains(std::string(table.name));
    if (fresh) statements.push_back(create_table(dialect, table));
    for (const auto& column : table.columns) {
      if (fresh || present->columns.contains(std::string(table.name) + "." + std::string(column.name))) continue;
      // SQLite adds no unique column, and nobody a NOT NULL one without a default to rows that are there; the index and
      // the program see to both.
      Column added = column;
      added.unique = false;
      if (added.not_null && added.default_value.empty() && !added.text_default) added.not_null = false;
      statements.push_back("ALTER TABLE " + sql::quoted(dialect, table.name) + " ADD COLUMN " +
                           definition(dialect, table, added));
    }
    if (fresh && dialect == Dialect::kMysql) continue;  // made with the table
    for (const auto& index : table.indexes)
      if (!present->indexes.contains(index_name(dialect, table.name, index.name)))
        statements.push_back(create_index(dialect, table, index));
  }
  return statements;
}

sql::Result<std::size_t> migrate(sql::Connection& db, Scope scope) {
  if (db.dialect() == Dialect::kSqlite) return migrate_file(db, scope);
  auto plan = plan_migration(db, scope);
  if (!plan) return plan.error();
  if (plan->empty()) return std::size_t{0};
  db.limit_statements(kLongest);
  auto done = run(db, *plan, true);
  db.limit_statements({});
  return done;
}

}  // namespace tollgate::model
