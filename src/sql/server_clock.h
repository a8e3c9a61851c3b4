// The database's own clock, for rows that nodes with different clocks compare.
#pragma once
#include <string>

#include "sql/connection.h"

namespace tollgate::sql {

// A SQL expression: milliseconds since 1970 by the server's clock, of the statement, not of its transaction. On SQLite
// it is the machine's.
inline std::string server_now_ms(Dialect dialect) {
  switch (dialect) {
    // Not through UNIX_TIMESTAMP: of an hour that a time zone has twice it knows only one.
    case Dialect::kMysql: return "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)";
    case Dialect::kPostgres: return "CAST(extract(epoch from clock_timestamp()) * 1000 AS bigint)";
    case Dialect::kSqlite: break;
  }
  return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";
}

}  // namespace tollgate::sql
