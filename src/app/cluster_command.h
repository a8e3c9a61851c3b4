// tollgate cluster nodes|leases|drain|resume|forget|rotate-secret: over SQL, without a running node.
#pragma once
#include "app/command_line.h"
#include "core/config.h"
#include "sql/connection.h"

namespace tollgate::app {

// Exit codes: 0, 1 for a database that is away or an answer of no, 2 for bad words, 64 for what is refused.
int cluster_command(const CommandLine& line, const core::Config& config, sql::Pool& pool);

}  // namespace tollgate::app
