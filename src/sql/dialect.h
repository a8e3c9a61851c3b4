// Where the three databases say the same thing differently. Everything else is written once.
#pragma once
#include <string>
#include <string_view>

#include "sql/connection.h"

namespace tollgate::sql {

// Ends a SELECT whose rows stay as they are until the transaction ends. SQLite's transactions exclude each other.
inline std::string_view for_update(Dialect dialect) { return dialect == Dialect::kSqlite ? "" : " FOR UPDATE"; }

// Upserts. `insert` is "INSERT INTO … VALUES …"; `key` the columns of the key that may be there, comma list, quoted.
// The row that is there stays:
std::string insert_or_keep(Dialect dialect, std::string_view insert, std::string_view key);
// Its `columns` (comma list, quoted) become those of the new one:
std::string insert_or_set(Dialect dialect, std::string_view insert, std::string_view key, std::string_view columns);

// ",a," around a comma list in a column, to look for one of its items.
std::string between_commas(Dialect dialect, std::string_view column);

// Rows of one table in as few statements as each database likes best: several VALUES of at most 1 MB, one unnest() of
// arrays, or row by row. `columns` with their PostgreSQL types; `values` row by row.
struct BulkColumn {
  std::string_view name;
  std::string_view postgres_type;
};
Result<void> insert_rows(Connection& db, std::string_view table, std::span<const BulkColumn> columns,
                         std::span<const Param> values);

}  // namespace tollgate::sql
