// Whether the installation was set up: the table setups.
#pragma once
#include <string_view>

#include "sql/connection.h"

namespace tollgate::model {

sql::Result<bool> is_set_up(sql::Connection& db);  // a row in setups, or a root user
sql::Result<void> mark_set_up(sql::Connection& db, std::string_view version, std::int64_t now);

}  // namespace tollgate::model
