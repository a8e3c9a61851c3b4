#include "model/schema.h"

#include <set>

namespace tollgate::model {
namespace {

using sql::Dialect;

std::string quoted_list(Dialect dialect, std::string_view columns) {
  std::string text;
  while (!columns.empty()) {
    auto comma = columns.find(',');
    if (!text.empty()) text += ',';
    text += sql::quoted(dialect, columns.substr(0, comma));
    columns = comma == std::string_view::npos ? std::string_view() : columns.substr(comma + 1);
  }
  return text;
}

// SQLite's spelling of each class; the other databases get theirs when they are spoken.
std::string_view type_name(const Column& column) {
  switch (column.cls) {
    case ColumnClass::kPk:
    case ColumnClass::kPkUnsigned:
    case ColumnClass::kInt:
    case ColumnClass::kUnsigned:
    case ColumnClass::kUnsigned32: return "integer";
    case ColumnClass::kBig: return "bigint";
    case ColumnClass::kReal: return "real";
    case ColumnClass::kBool: return "numeric";
    case ColumnClass::kLong:
    case ColumnClass::kText:
    case ColumnClass::kString: return "text";
    case ColumnClass::kTime: return "datetime";
    case ColumnClass::kJson: return "json";
    case ColumnClass::kLiteral: return column.literal;
  }
  return "text";
}

bool is_key(const Column& column) { return column.cls == ColumnClass::kPk || column.cls == ColumnClass::kPkUnsigned; }

std::string definition(const Table& table, const Column& column) {
  // The one table that the compatible product makes by hand on SQLite spells its key and its booleans another way.
  bool by_hand = table.name == "subscription_plans";
  std::string text = sql::quoted(Dialect::kSqlite, column.name) + " " + std::string(type_name(column));
  if (is_key(column) && !by_hand) text += " PRIMARY KEY AUTOINCREMENT";
  if (column.not_null) text += " NOT NULL";
  if (column.unique) text += " UNIQUE";
  if (column.text_default) {
    text += " DEFAULT \"" + std::string(column.default_value) + "\"";
  } else if (!column.default_value.empty() && !(by_hand && column.name == "price_amount")) {
    bool yes = column.default_value == "true";
    text += " DEFAULT " + (by_hand && yes ? "1" : std::string(column.default_value));
  }
  return text;
}

std::string create_table(const Table& table) {
  std::string text = "CREATE TABLE " + sql::quoted(Dialect::kSqlite, table.name) + " (";
  std::string_view key = table.primary_key;
  if (table.name == "subscription_plans") key = "id";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) text += ',';
    text += definition(table, table.columns[i]);
  }
  if (!key.empty()) text += ",PRIMARY KEY (" + quoted_list(Dialect::kSqlite, key) + ")";
  return text + ")";
}

std::string create_index(const Table& table, const Index& index) {
  std::string text = index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  text += sql::quoted(Dialect::kSqlite, index.name) + " ON " + sql::quoted(Dialect::kSqlite, table.name) + "(" +
          quoted_list(Dialect::kSqlite, index.columns) + ")";
  if (!index.where.empty()) text += " WHERE " + std::string(index.where);
  return text;
}

}  // namespace

sql::Result<std::vector<std::string>> plan_migration(sql::Connection& db) {
  auto objects = db.query("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'index')", {});
  if (!objects) return objects.error();
  std::set<std::string> present_tables;
  std::set<std::string> present_indexes;
  for (const auto& row : *objects) (row.text(0) == "table" ? present_tables : present_indexes).insert(row.text(1));

  std::vector<std::string> statements;
  for (const auto& table : tables()) {
    if (!present_tables.contains(std::string(table.name))) {
      statements.push_back(create_table(table));
    } else {
      auto columns = db.query("SELECT name FROM pragma_table_info(?)", {sql::Param(table.name)});
      if (!columns) return columns.error();
      std::set<std::string> present;
      for (const auto& row : *columns) present.insert(row.text(0));
      for (const auto& column : table.columns) {
        if (present.contains(std::string(column.name))) continue;
        // SQLite adds no unique column, and no NOT NULL one without a default; the index and the program see to both.
        Column added = column;
        added.unique = false;
        if (added.not_null && added.default_value.empty() && !added.text_default) added.not_null = false;
        statements.push_back("ALTER TABLE " + sql::quoted(Dialect::kSqlite, table.name) + " ADD COLUMN " +
                             definition(table, added));
      }
    }
    for (const auto& index : table.indexes)
      if (!present_indexes.contains(std::string(index.name))) statements.push_back(create_index(table, index));
  }
  return statements;
}

sql::Result<std::size_t> migrate(sql::Connection& db) {
  if (auto begun = db.begin(); !begun) return begun.error();
  auto plan = plan_migration(db);
  if (!plan) {
    db.rollback();
    return plan.error();
  }
  for (const auto& statement : *plan) {
    if (auto done = db.execute(statement, {}); !done) {
      db.rollback();
      return done.error();
    }
  }
  if (auto committed = db.commit(); !committed) {
    db.rollback();
    return committed.error();
  }
  return plan->size();
}

}  // namespace tollgate::model
