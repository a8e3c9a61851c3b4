// Users: the table users, and the use cases over it. Money columns change in billing only.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::model {

struct User {
  core::UserId id;
  std::string username;
  std::string password;  // bcrypt hash
  std::string display_name;
  std::int64_t role = 1;    // 1 common, 10 admin, 100 root
  std::int64_t status = 1;  // 1 enabled, 2 disabled
  std::string email;
  std::string github_id, discord_id, oidc_id, wechat_id, telegram_id, linux_do_id;
  std::optional<std::string> access_token;
  core::Quota quota;
  core::Quota used_quota;
  std::int64_t request_count = 0;
  std::string group = "default";
  std::string aff_code;
  std::int64_t aff_count = 0;
  core::Quota aff_quota;
  core::Quota aff_history;
  std::int64_t inviter_id = 0;
  std::optional<std::string> deleted_at;  // set: soft-deleted
  std::string setting;                    // JSON text
  std::string remark;
  std::string stripe_customer;
};

struct UserFilter {
  std::string keyword;  // in id, username, email, display name
  std::string group;    // empty: all
  bool with_deleted = true;
};

// Rows that are soft-deleted are found only where it is said. A missing row is nullopt, not an error.
sql::Result<std::optional<User>> find_user(sql::Connection& db, core::UserId id, bool with_deleted = false);
// As find_user; the row stays as it is until the transaction ends.
sql::Result<std::optional<User>> lock_user(sql::Connection& db, core::UserId id);
// The log-in name is a username or an e-mail address.
sql::Result<std::optional<User>> find_user_by_login(sql::Connection& db, std::string_view name);
sql::Result<std::optional<User>> find_user_by_access_token(sql::Connection& db, std::string_view access_token);
sql::Result<bool> username_or_email_taken(sql::Connection& db, std::string_view username, std::string_view email);
sql::Result<bool> root_exists(sql::Connection& db);
sql::Result<std::optional<User>> find_root(sql::Connection& db);  // the first of them
sql::Result<std::int64_t> count_users(sql::Connection& db, const UserFilter& filter);
sql::Result<std::vector<User>> list_users(sql::Connection& db, const UserFilter& filter, std::int64_t offset,
                                          std::int64_t limit);  // newest first

// Makes the row and gives its id; aff_code is drawn here. kDuplicate when the username exists.
sql::Result<core::UserId> create_user(sql::Connection& db, const User& user);
// Username, display name, group, remark, email; the password when `user.password` is not empty.
sql::Result<void> update_user_profile(sql::Connection& db, const User& user);
sql::Result<void> set_user_password(sql::Connection& db, core::UserId id, std::string_view hash);
sql::Result<void> set_user_status(sql::Connection& db, core::UserId id, std::int64_t status);
sql::Result<void> set_user_role(sql::Connection& db, core::UserId id, std::int64_t role);
sql::Result<void> set_user_setting(sql::Connection& db, core::UserId id, std::string_view setting);
sql::Result<void> set_user_access_token(sql::Connection& db, core::UserId id, std::string_view access_token);
sql::Result<bool> soft_delete_user(sql::Connection& db, core::UserId id, std::int64_t now);  // false: no such row
sql::Result<bool> hard_delete_user(sql::Connection& db, core::UserId id);

}  // namespace tollgate::model
