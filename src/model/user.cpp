#include "model/user.h"

#include <ctime>

#include "core/random.h"
#include "model/columns.h"
#include "sql/dialect.h"
#include "sql/transaction.h"

namespace tollgate::model {
namespace {

using sql::Param;

constexpr std::string_view kColumns =
    "id,username,password,display_name,role,status,email,github_id,discord_id,oidc_id,wechat_id,telegram_id,linux_do_"
    "id,"
    "access_token,quota,used_quota,request_count,group,aff_code,aff_count,aff_quota,aff_history,inviter_id,deleted_at,"
    "setting,remark,stripe_customer";

User read(const sql::Row& row) {
  User user;
  std::size_t i = 0;
  user.id = {row.integer(i++)};
  user.username = row.text(i++);
  user.password = row.text(i++);
  user.display_name = row.text(i++);
  user.role = row.integer(i++);
  user.status = row.integer(i++);
  user.email = row.text(i++);
  user.github_id = row.text(i++);
  user.discord_id = row.text(i++);
  user.oidc_id = row.text(i++);
  user.wechat_id = row.text(i++);
  user.telegram_id = row.text(i++);
  user.linux_do_id = row.text(i++);
  if (!row.is_null(i)) user.access_token = row.text(i);
  ++i;
  user.quota = {row.integer(i++)};
  user.used_quota = {row.integer(i++)};
  user.request_count = row.integer(i++);
  user.group = row.text(i++);
  user.aff_code = row.text(i++);
  user.aff_count = row.integer(i++);
  user.aff_quota = {row.integer(i++)};
  user.aff_history = {row.integer(i++)};
  user.inviter_id = row.integer(i++);
  if (!row.is_null(i)) user.deleted_at = row.text(i);
  ++i;
  user.setting = row.text(i++);
  user.remark = row.text(i++);
  user.stripe_customer = row.text(i++);
  return user;
}

sql::Result<std::optional<User>> find_one(sql::Connection& db, std::string_view condition,
                                          std::initializer_list<Param> params, std::string_view lock = {}) {
  auto rows = db.query("SELECT " + select_list(db, kColumns) + " FROM users WHERE " + std::string(condition) +
                           " LIMIT 1" + std::string(lock),
                       params);
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<User>();
  return std::optional<User>(read(rows->front()));
}

// The WHERE clause of a filter and its values.
std::string where(sql::Connection& db, const UserFilter& filter, const std::string& pattern,
                  std::vector<Param>& params) {
  std::string text = filter.with_deleted ? " WHERE 1 = 1" : " WHERE deleted_at IS NULL";
  if (!filter.keyword.empty()) {
    text += " AND (username LIKE ? ESCAPE '!' OR email LIKE ? ESCAPE '!' OR display_name LIKE ? ESCAPE '!'";
    params.insert(params.end(), 3, Param(std::string_view(pattern)));
    if (filter.keyword.find_first_not_of("0123456789") == std::string::npos && filter.keyword.size() < 18) {
      text += " OR id = ?";
      params.emplace_back(static_cast<std::int64_t>(std::stoll(filter.keyword)));
    }
    text += ")";
  }
  if (!filter.group.empty()) {
    text += " AND " + sql::quoted(db.dialect(), "group") + " = ?";
    params.emplace_back(std::string_view(filter.group));
  }
  return text;
}

sql::Result<void> update_one(sql::Connection& db, std::string_view assignment, Param value, core::UserId id) {
  auto done = db.execute("UPDATE users SET " + std::string(assignment) + " = ? WHERE id = ?", {value, Param(id.value)});
  if (!done) return done.error();
  return {};
}

}  // namespace

std::string time_text(sql::Dialect dialect, std::int64_t unix_seconds) {
  std::tm parts{};
  auto time = static_cast<std::time_t>(unix_seconds);
  gmtime_r(&time, &parts);
  char text[40];
  std::strftime(text, sizeof text, dialect == sql::Dialect::kMysql ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M:%S+00:00",
                &parts);
  return text;
}

sql::Result<std::optional<User>> find_user(sql::Connection& db, core::UserId id, bool with_deleted) {
  return find_one(db, with_deleted ? "id = ?" : "id = ? AND deleted_at IS NULL", {Param(id.value)});
}

sql::Result<std::optional<User>> lock_user(sql::Connection& db, core::UserId id) {
  return find_one(db, "id = ? AND deleted_at IS NULL", {Param(id.value)}, sql::for_update(db.dialect()));
}

sql::Result<std::optional<User>> find_user_by_login(sql::Connection& db, std::string_view name) {
  return find_one(db, "(username = ? OR email = ?) AND deleted_at IS NULL", {Param(name), Param(name)});
}

sql::Result<std::optional<User>> find_user_by_access_token(sql::Connection& db, std::string_view access_token) {
  if (access_token.empty()) return std::optional<User>();
  auto user = find_one(db, "access_token = ? AND deleted_at IS NULL", {Param(access_token)});
  // MySQL compares without regard to letter case.
  if (user && *user && (*user)->access_token != access_token) return std::optional<User>();
  return user;
}

sql::Result<bool> username_or_email_taken(sql::Connection& db, std::string_view username, std::string_view email) {
  auto rows = email.empty() ? db.query("SELECT 1 FROM users WHERE username = ? LIMIT 1", {Param(username)})
                            : db.query("SELECT 1 FROM users WHERE username = ? OR email = ? LIMIT 1",
                                       {Param(username), Param(email)});
  if (!rows) return rows.error();
  return !rows->empty();
}

sql::Result<bool> root_exists(sql::Connection& db) {
  auto rows = db.query("SELECT 1 FROM users WHERE role = 100 AND deleted_at IS NULL LIMIT 1", {});
  if (!rows) return rows.error();
  return !rows->empty();
}

sql::Result<std::optional<User>> find_root(sql::Connection& db) {
  return find_one(db, "role = 100 AND deleted_at IS NULL ORDER BY id", {});
}

sql::Result<std::int64_t> count_users(sql::Connection& db, const UserFilter& filter) {
  std::vector<Param> params;
  auto pattern = contains_pattern(filter.keyword);
  auto rows = db.query("SELECT COUNT(*) FROM users" + where(db, filter, pattern, params), params);
  if (!rows) return rows.error();
  return rows->front().integer(0);
}

sql::Result<std::vector<User>> list_users(sql::Connection& db, const UserFilter& filter, std::int64_t offset,
                                          std::int64_t limit) {
  std::vector<Param> params;
  auto pattern = contains_pattern(filter.keyword);
  auto condition = where(db, filter, pattern, params);
  params.emplace_back(limit);
  params.emplace_back(offset);
  auto rows = db.query(
      "SELECT " + select_list(db, kColumns) + " FROM users" + condition + " ORDER BY id DESC LIMIT ? OFFSET ?", params);
  if (!rows) return rows.error();
  std::vector<User> users;
  for (const auto& row : *rows) users.push_back(read(row));
  return users;
}

sql::Result<core::UserId> create_user(sql::Connection& db, const User& user) {
  auto statement =
      "INSERT INTO users (username, password, display_name, role, status, email, quota, used_quota, "
      "request_count, " +
      sql::quoted(db.dialect(), "group") +
      ", aff_code, aff_count, aff_quota, aff_history, inviter_id, setting, remark, access_token) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, 0, 0, 0, ?, ?, ?, ?)";
  for (int attempt = 0;; ++attempt) {
    // Four characters collide now and then; the column is unique. Looked for first: PostgreSQL ends a transaction with
    // the first statement that fails.
    auto aff_code = core::random_alphanumeric(4);
    auto taken = db.query("SELECT 1 FROM users WHERE aff_code = ?", {Param(std::string_view(aff_code))});
    if (!taken) return taken.error();
    if (!taken->empty() && attempt < 20) continue;
    auto done = db.insert(
        statement, {Param(std::string_view(user.username)), Param(std::string_view(user.password)),
                    Param(std::string_view(user.display_name)), Param(user.role), Param(user.status),
                    Param(std::string_view(user.email)), Param(user.quota.units), Param(std::string_view(user.group)),
                    Param(std::string_view(aff_code)), Param(user.inviter_id), Param(std::string_view(user.setting)),
                    Param(std::string_view(user.remark)), nullable(user.access_token)});
    if (done) return core::UserId{done->insert_id};
    bool same_code =
        done.error().cls == sql::ErrorClass::kDuplicate && done.error().message.find("aff_code") != std::string::npos;
    if (!same_code || attempt >= 20) return done.error();
  }
}

sql::Result<void> update_user_profile(sql::Connection& db, const User& user) {
  auto done = db.execute("UPDATE users SET username = ?, display_name = ?, " + sql::quoted(db.dialect(), "group") +
                             " = ?, remark = ?, email = ? WHERE id = ?",
                         {Param(std::string_view(user.username)), Param(std::string_view(user.display_name)),
                          Param(std::string_view(user.group)), Param(std::string_view(user.remark)),
                          Param(std::string_view(user.email)), Param(user.id.value)});
  if (!done) return done.error();
  if (user.password.empty()) return {};
  return set_user_password(db, user.id, user.password);
}

sql::Result<void> set_user_password(sql::Connection& db, core::UserId id, std::string_view hash) {
  return update_one(db, "password", Param(hash), id);
}
sql::Result<void> set_user_status(sql::Connection& db, core::UserId id, std::int64_t status) {
  return update_one(db, "status", Param(status), id);
}
sql::Result<void> set_user_role(sql::Connection& db, core::UserId id, std::int64_t role) {
  return update_one(db, "role", Param(role), id);
}
sql::Result<void> set_user_setting(sql::Connection& db, core::UserId id, std::string_view setting) {
  return update_one(db, "setting", Param(setting), id);
}
sql::Result<void> set_user_access_token(sql::Connection& db, core::UserId id, std::string_view access_token) {
  return update_one(db, "access_token", Param(access_token), id);
}

sql::Result<bool> soft_delete_user(sql::Connection& db, core::UserId id, std::int64_t now) {
  auto time = time_text(db.dialect(), now);
  auto done = db.execute("UPDATE users SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL",
                         {Param(std::string_view(time)), Param(id.value)});
  if (!done) return done.error();
  return done->affected > 0;
}

sql::Result<bool> hard_delete_user(sql::Connection& db, core::UserId id) {
  auto done = db.execute("DELETE FROM users WHERE id = ?", {Param(id.value)});
  if (!done) return done.error();
  return done->affected > 0;
}

}  // namespace tollgate::model
