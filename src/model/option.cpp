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

sql::Result<void> save_options(sql::Connection& db, std::span<const std::pair<std::string, std::string>> options) {
  return with_version(db, Topic::kOptions, [&](sql::Connection& tx) -> sql::Result<void> {
    auto name = sql::quoted(tx.dialect(), "key");
    const auto statement =
        sql::insert_or_set(tx.dialect(), "INSERT INTO options (" + name + ", value) VALUES (?, ?)", name, "value");
    for (const auto& [key, value] : options) {
      auto done = tx.execute(statement, {Param(std::string_view(key)), Param(std::string_view(value))});
      if (!done) return done.error();
    }
    return {};
  });
}

sql::Result<void> save_option(sql::Connection& db, std::string_view key, std::string_view value) {
  const std::pair<std::string, std::string> option(key, value);
  return save_options(db, std::span(&option, 1));
}

}  // namespace tollgate::model
