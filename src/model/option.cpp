#include "model/option.h"

#include "model/columns.h"
#include "model/version.h"

namespace tollgate::model {

using sql::Param;

sql::Result<std::vector<std::pair<std::string, std::string>>> load_options(sql::Connection& db) {
  auto rows = db.query("SELECT " + sql::quoted(db.dialect(), "key") + ", value FROM options", {});
  if (!rows) return rows.error();
  std::vector<std::pair<std::string, std::string>> options;
  for (const auto& row : *rows) options.emplace_back(row.text(0), row.text(1));
  return options;
}

namespace {

sql::Result<void> write_option(sql::Connection& db, std::string_view key, std::string_view value) {
  auto name = sql::quoted(db.dialect(), "key");
  auto updated = db.execute("UPDATE options SET value = ? WHERE " + name + " = ?", {Param(value), Param(key)});
  if (!updated) return updated.error();
  if (updated->affected > 0) return {};
  auto inserted = db.execute("INSERT INTO options (" + name + ", value) VALUES (?, ?)", {Param(key), Param(value)});
  if (inserted) return {};
  if (inserted.error().cls != sql::ErrorClass::kDuplicate) return inserted.error();
  auto again = db.execute("UPDATE options SET value = ? WHERE " + name + " = ?", {Param(value), Param(key)});
  if (!again) return again.error();
  return {};
}

}  // namespace

sql::Result<void> save_option(sql::Connection& db, std::string_view key, std::string_view value) {
  return with_version(db, Topic::kOptions, [&](sql::Connection& tx) { return write_option(tx, key, value); });
}

}  // namespace tollgate::model
