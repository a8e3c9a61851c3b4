#include "model/schema_types.h"

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

struct Spelling {
  std::string_view sqlite, mysql, postgres;
};

Spelling spelling(const Column& column) {
  switch (column.cls) {
    case ColumnClass::kPk: return {"integer", "bigint", "bigserial"};
    case ColumnClass::kPkUnsigned: return {"integer", "bigint unsigned", "bigserial"};
    case ColumnClass::kInt: return {"integer", "bigint", "bigint"};
    case ColumnClass::kUnsigned: return {"integer", "bigint unsigned", "bigint"};
    case ColumnClass::kUnsigned32: return {"integer", "int unsigned", "bigint"};
    case ColumnClass::kBig: return {"bigint", "bigint", "bigint"};
    case ColumnClass::kReal: return {"real", "double", "decimal"};
    case ColumnClass::kBool: return {"numeric", "boolean", "boolean"};
    case ColumnClass::kLong: return {"text", "longtext", "text"};
    case ColumnClass::kText: return {"text", "text", "text"};
    case ColumnClass::kString:
      if (!column.literal.empty()) return {"text", column.literal, column.literal};
      return {"text", "varchar(191)", "text"};
    case ColumnClass::kTime: return {"datetime", "datetime(3) NULL", "timestamptz"};
    case ColumnClass::kJson: return {"json", "json", "json"};
    case ColumnClass::kLiteral: return {column.literal, column.literal, column.literal};
  }
  return {"text", "text", "text"};
}

std::string_view type_name(Dialect dialect, const Column& column) {
  auto all = spelling(column);
  return dialect == Dialect::kSqlite ? all.sqlite : dialect == Dialect::kMysql ? all.mysql : all.postgres;
}

bool is_key(const Column& column) { return column.cls == ColumnClass::kPk || column.cls == ColumnClass::kPkUnsigned; }

}  // namespace

std::string definition(Dialect dialect, const Table& table, const Column& column) {
  const bool sqlite = dialect == Dialect::kSqlite;
  // The one table that the compatible product makes by hand on SQLite spells its key and its booleans another way.
  const bool by_hand = sqlite && table.name == "subscription_plans";
  std::string text = sql::quoted(dialect, column.name) + " " + std::string(type_name(dialect, column));
  if (is_key(column) && sqlite && !by_hand) text += " PRIMARY KEY AUTOINCREMENT";
  if (is_key(column) && dialect == Dialect::kMysql) text += " AUTO_INCREMENT";
  if (column.not_null) text += " NOT NULL";
  if (column.unique) text += " UNIQUE";
  if (column.text_default) {
    const char mark = sqlite ? '"' : '\'';
    text += std::string(" DEFAULT ") + mark + std::string(column.default_value) + mark;
  } else if (!column.default_value.empty() && !(by_hand && column.name == "price_amount")) {
    const bool yes = column.default_value == "true";
    text += " DEFAULT " + (by_hand && yes ? "1" : std::string(column.default_value));
  }
  return text;
}

std::string create_table(Dialect dialect, const Table& table) {
  std::string text = "CREATE TABLE " + sql::quoted(dialect, table.name) + " (";
  std::string_view key = table.primary_key;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) text += ',';
    text += definition(dialect, table, table.columns[i]);
    const bool clause = dialect != Dialect::kSqlite || table.name == "subscription_plans";
    if (is_key(table.columns[i]) && clause) key = table.columns[i].name;
  }
  if (!key.empty()) text += ",PRIMARY KEY (" + quoted_list(dialect, key) + ")";
  // MySQL makes its indexes with the table: one statement that happens whole.
  if (dialect == Dialect::kMysql)
    for (const auto& index : table.indexes)
      text += std::string(index.unique ? ",UNIQUE INDEX " : ",INDEX ") + sql::quoted(dialect, index.name) + " (" +
              quoted_list(dialect, index.columns) + ")";
  return text + ")";
}

std::string create_index(Dialect dialect, const Table& table, const Index& index) {
  std::string text = index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  if (dialect == Dialect::kPostgres) text += "IF NOT EXISTS ";
  text += sql::quoted(dialect, index.name) + " ON " + sql::quoted(dialect, table.name) + "(" +
          quoted_list(dialect, index.columns) + ")";
  // MySQL has no partial indexes: there the name stays taken by rows that are deleted.
  if (!index.where.empty() && dialect != Dialect::kMysql) text += " WHERE " + std::string(index.where);
  return text;
}

}  // namespace tollgate::model
