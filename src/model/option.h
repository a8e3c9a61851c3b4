// Stored options: the table options.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "sql/connection.h"

namespace tollgate::model {

sql::Result<std::vector<std::pair<std::string, std::string>>> load_options(sql::Connection& db);
sql::Result<void> save_option(sql::Connection& db, std::string_view key, std::string_view value);

}  // namespace tollgate::model
