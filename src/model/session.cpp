#include "model/session.h"

#include "sql/dialect.h"

namespace tollgate::model {

using sql::Param;

sql::Result<void> save_session(sql::Connection& db, const StoredSession& session) {
  auto done = db.execute(
      "INSERT INTO tg_sessions (sid_hash, user_id, created_at, last_seen, address, agent) VALUES (?, ?, ?, ?, ?, ?)",
      {Param(std::string_view(session.id)), Param(session.user_id.value), Param(session.created_at),
       Param(session.last_seen), Param(std::string_view(session.ip)), Param(std::string_view(session.user_agent))});
  if (!done) return done.error();
  return {};
}

sql::Result<std::optional<StoredSession>> find_session(sql::Connection& db, std::string_view id) {
  auto rows = db.query(
      "SELECT sid_hash, user_id, created_at, last_seen, address, agent FROM tg_sessions WHERE sid_hash = ? AND "
      "revoked_at "
      "IS NULL",
      {Param(id)});
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<StoredSession>();
  const auto& row = rows->front();
  return std::optional<StoredSession>(
      StoredSession{row.text(0), {row.integer(1)}, row.integer(2), row.integer(3), row.text(4), row.text(5)});
}

sql::Result<void> touch_session(sql::Connection& db, std::string_view id, std::int64_t now) {
  auto done = db.execute("UPDATE tg_sessions SET last_seen = ? WHERE sid_hash = ?", {Param(now), Param(id)});
  if (!done) return done.error();
  return {};
}

sql::Result<void> delete_session(sql::Connection& db, std::string_view id) {
  auto done = db.execute("DELETE FROM tg_sessions WHERE sid_hash = ?", {Param(id)});
  if (!done) return done.error();
  return {};
}

sql::Result<void> delete_sessions_of(sql::Connection& db, core::UserId user) {
  auto done = db.execute("DELETE FROM tg_sessions WHERE user_id = ?", {Param(user.value)});
  if (!done) return done.error();
  return {};
}

sql::Result<std::int64_t> sessions_valid_from(sql::Connection& db, core::UserId user) {
  auto rows = db.query("SELECT valid_from FROM tg_user_security WHERE user_id = ?", {Param(user.value)});
  if (!rows) return rows.error();
  return rows->empty() ? 0 : rows->front().integer(0);
}

sql::Result<void> set_sessions_valid_from(sql::Connection& db, core::UserId user, std::int64_t now) {
  auto done =
      db.execute(sql::insert_or_set(db.dialect(),
                                    "INSERT INTO tg_user_security (user_id, valid_from, generation) VALUES (?, ?, 0)",
                                    "user_id", "valid_from"),
                 {Param(user.value), Param(now)});
  if (!done) return done.error();
  return {};
}

}  // namespace tollgate::model
