// Log-in sessions beside their cookies, so that log-out and a changed password end them (tables tg_sessions and
// tg_user_security).
#pragma once
#include <optional>
#include <string>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::model {

struct StoredSession {
  std::string id;  // 64 hex digits: SHA-256 of the session's random id, which only the cookie holds
  core::UserId user_id;
  std::int64_t created_at = 0;  // unix seconds
  std::int64_t last_seen = 0;
  std::string ip;
  std::string user_agent;
};

sql::Result<void> save_session(sql::Connection& db, const StoredSession& session);
sql::Result<std::optional<StoredSession>> find_session(sql::Connection& db, std::string_view id);
sql::Result<void> touch_session(sql::Connection& db, std::string_view id, std::int64_t now);
sql::Result<void> delete_session(sql::Connection& db, std::string_view id);
sql::Result<void> delete_sessions_of(sql::Connection& db, core::UserId user);
// Cookies issued before this moment are void; 0 when never set.
sql::Result<std::int64_t> sessions_valid_from(sql::Connection& db, core::UserId user);
sql::Result<void> set_sessions_valid_from(sql::Connection& db, core::UserId user, std::int64_t now);

}  // namespace tollgate::model
