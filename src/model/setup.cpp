#include "model/setup.h"

#include "model/user.h"
#include "model/version.h"

namespace tollgate::model {

using sql::Param;

sql::Result<bool> is_set_up(sql::Connection& db) {
  auto rows = db.query("SELECT 1 FROM setups LIMIT 1", {});
  if (!rows) return rows.error();
  if (!rows->empty()) return true;
  return root_exists(db);
}

sql::Result<void> mark_set_up(sql::Connection& db, std::string_view version, std::int64_t now) {
  auto done = db.execute("INSERT INTO setups (version, initialized_at) VALUES (?, ?)", {Param(version), Param(now)});
  if (!done) return done.error();
  return raise_version(db, Topic::kSetup);
}

}  // namespace tollgate::model
