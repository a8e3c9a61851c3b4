// tollgate journal status|replay DIR: the journal of a node that does not run, over SQL.
#pragma once
#include "app/command_line.h"
#include "sql/connection.h"

namespace tollgate::app {

// Exit codes: 0, 1 for a database that is away or charges that are not in it yet (status), 2 for bad words, 64 for a
// journal that is none or belongs to another database.
int journal_command(const CommandLine& line, sql::Pool& main, sql::Pool& log);

}  // namespace tollgate::app
