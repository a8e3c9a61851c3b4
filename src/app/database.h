// The databases of a start: SQL_DSN and LOG_SQL_DSN become pools that were reached, or a start that ends with a reason.
#pragma once
#include <memory>

#include "core/config.h"
#include "sql/connection.h"

namespace tollgate::app {

struct Databases {
  std::unique_ptr<sql::Pool> main;
  std::unique_ptr<sql::Pool> log;  // null: the table logs is in the main one
  sql::Pool& logs() const { return log ? *log : *main; }
};

// Waits for the main database as TOLLGATE_START_WAIT says and checks what can be wrong for good: the log-in, a missing
// database, a character set that cannot hold every text, a replica. A log database that is away does not stop the
// start: its schema is completed when it is first reached. Returns kOk, or the exit code after the FATAL line.
int open_databases(const core::Config& config, std::size_t connections, Databases& out);

}  // namespace tollgate::app
