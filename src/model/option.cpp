#include "model/option.h"

#include "model/columns.h"
#include "model/version.h"
#include "sql/dialect.h"

namespace tollgate::model {

using sql::Param;

sql::Result<std::vector<std::pair<std::string, std::string>>> load_options(sql::Connection& db) {
  auto rows = db.query("SELECT " + sql::quoted(db.dialect(), "key") + ", value FROM options", {});
  if (!rows) return rows.error();
  std::vector<std::pair<std::string, std::string>> options;
  for (const auto& row : *rows) options.emplace_back(row.text(0), row.text(1));
  return options;
}

sql::Result<void> save_option(sql::Connection& db, std::string_view key, std::string_view value) {
  return with_version(db, Topic::kOptions, [&](sql::Connection& tx) -> sql::Result<void> {
    auto name = sql::quoted(tx.dialect(), "key");
    auto done = tx.execute(
        sql::insert_or_set(tx.dialect(), "INSERT INTO options (" + name + ", value) VALUES (?, ?)", name, "value"),
        {Param(key), Param(value)});
    if (!done) return done.error();
    return {};
  });
}

}  // namespace tollgate::model
