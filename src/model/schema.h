// The whole schema as one table, and the migration that completes a database to it: tables, columns and indexes are
// added, nothing is dropped, narrowed or retyped.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"

namespace tollgate::model {

// Type classes of columns; each database spells them its own way (schema_types.cpp).
enum class ColumnClass {
  kPk,
  kPkUnsigned,
  kInt,
  kUnsigned,
  kUnsigned32,
  kBig,
  kReal,
  kBool,
  kLong,
  kText,
  kString,
  kTime,
  kJson,
  kLiteral
};

struct Column {
  std::string_view name;
  ColumnClass cls;
  std::string_view literal = {};        // the type as written, e.g. varchar(64); of kString: not on SQLite
  std::string_view default_value = {};  // as written in SQL for numbers; texts without quotes
  bool text_default = false;            // default_value is a text (may be empty)
  bool not_null = false;
  bool unique = false;
};

struct Index {
  std::string_view name;
  std::string_view columns;  // comma list
  bool unique = false;
  std::string_view where = {};
};

struct Table {
  std::string_view name;
  std::span<const Column> columns;
  std::span<const Index> indexes;
  std::string_view primary_key = {};  // comma list; empty: the kPk column
};

std::span<const Table> tables();      // all of an installation
std::span<const Table> own_tables();  // of these, the ones that Tollgate adds

// What a database holds: everything, or the table logs with what its flush needs.
enum class Scope { kMain, kLog };

// The statements that bring this database to the schema; empty when it is there.
sql::Result<std::vector<std::string>> plan_migration(sql::Connection& db, Scope scope = Scope::kMain);
// Runs them; returns how many there were. One process at a time is best; where two meet all the same, what the other
// has made already is taken as made.
sql::Result<std::size_t> migrate(sql::Connection& db, Scope scope = Scope::kMain);

}  // namespace tollgate::model
