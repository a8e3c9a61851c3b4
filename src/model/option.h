// Stored options: the table options.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sql/connection.h"

namespace tollgate::model {

sql::Result<std::vector<std::pair<std::string, std::string>>> load_options(sql::Connection& db);
// All or none.
sql::Result<void> save_options(sql::Connection& db, std::span<const std::pair<std::string, std::string>> options);
sql::Result<void> save_option(sql::Connection& db, std::string_view key, std::string_view value);

}  // namespace tollgate::model
