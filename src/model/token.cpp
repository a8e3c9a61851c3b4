#include "model/token.h"

#include "model/columns.h"
#include "sql/dialect.h"

namespace tollgate::model {
namespace {

using sql::Param;

constexpr std::string_view kColumns =
    "id,user_id,key,status,name,created_time,accessed_time,expired_time,remain_quota,unlimited_quota,"
    "model_limits_enabled,model_limits,allow_ips,used_quota,group,cross_group_retry";

Token read(const sql::Row& row) {
  Token token;
  std::size_t i = 0;
  token.id = {row.integer(i++)};
  token.user_id = {row.integer(i++)};
  token.key = row.text(i++);
  token.status = row.integer(i++);
  token.name = row.text(i++);
  token.created_time = row.integer(i++);
  token.accessed_time = row.integer(i++);
  token.expired_time = row.integer(i++);
  token.remain_quota = {row.integer(i++)};
  token.unlimited_quota = row.boolean(i++);
  token.model_limits_enabled = row.boolean(i++);
  token.model_limits = row.text(i++);
  token.allow_ips = row.text(i++);
  token.used_quota = {row.integer(i++)};
  token.group = row.text(i++);
  token.cross_group_retry = row.boolean(i++);
  return token;
}

sql::Result<std::vector<Token>> select(sql::Connection& db, const std::string& rest, std::span<const Param> params) {
  auto rows =
      db.query("SELECT " + select_list(db, kColumns) + " FROM tokens WHERE deleted_at IS NULL AND " + rest, params);
  if (!rows) return rows.error();
  std::vector<Token> tokens;
  tokens.reserve(rows->size());
  for (const auto& row : *rows) tokens.push_back(read(row));
  return tokens;
}

sql::Result<std::optional<Token>> first(sql::Result<std::vector<Token>> tokens) {
  if (!tokens) return tokens.error();
  if (tokens->empty()) return std::optional<Token>();
  return std::optional<Token>(std::move(tokens->front()));
}

}  // namespace

sql::Result<std::optional<Token>> find_token_by_key(sql::Connection& db, std::string_view key) {
  Param params[] = {Param(key)};
  auto token = first(select(db, sql::quoted(db.dialect(), "key") + " = ? LIMIT 1", params));
  // MySQL compares without regard to letter case.
  if (token && *token && (*token)->key != key) return std::optional<Token>();
  return token;
}

sql::Result<std::optional<Token>> find_token(sql::Connection& db, core::TokenId id, core::UserId owner) {
  Param params[] = {Param(id.value), Param(owner.value)};
  return first(select(db, "id = ? AND user_id = ? LIMIT 1", params));
}

sql::Result<std::optional<Token>> lock_token(sql::Connection& db, core::TokenId id, core::UserId owner) {
  Param params[] = {Param(id.value), Param(owner.value)};
  return first(select(db, "id = ? AND user_id = ?" + std::string(sql::for_update(db.dialect())), params));
}

sql::Result<std::int64_t> count_tokens(sql::Connection& db, core::UserId owner) {
  auto rows = db.query("SELECT COUNT(*) FROM tokens WHERE deleted_at IS NULL AND user_id = ?", {Param(owner.value)});
  if (!rows) return rows.error();
  return rows->front().integer(0);
}

sql::Result<std::vector<Token>> list_tokens(sql::Connection& db, core::UserId owner, std::int64_t offset,
                                            std::int64_t limit) {
  Param params[] = {Param(owner.value), Param(limit), Param(offset)};
  return select(db, "user_id = ? ORDER BY id DESC LIMIT ? OFFSET ?", params);
}

sql::Result<std::vector<Token>> search_tokens(sql::Connection& db, core::UserId owner, std::string_view name,
                                              std::string_view key) {
  auto name_pattern = contains_pattern(name);
  auto key_pattern = contains_pattern(key);
  Param params[] = {Param(owner.value), Param(std::string_view(name_pattern)), Param(std::string_view(key_pattern))};
  return select(db,
                "user_id = ? AND name LIKE ? ESCAPE '!' AND " + sql::quoted(db.dialect(), "key") +
                    " LIKE ? ESCAPE '!' ORDER BY id DESC LIMIT 1000",
                params);
}

sql::Result<core::TokenId> create_token(sql::Connection& db, const Token& token) {
  auto statement = "INSERT INTO tokens (user_id, " + sql::quoted(db.dialect(), "key") +
                   ", status, name, created_time, accessed_time, expired_time, remain_quota, unlimited_quota, "
                   "model_limits_enabled, model_limits, allow_ips, used_quota, " +
                   sql::quoted(db.dialect(), "group") +
                   ", cross_group_retry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)";
  // A zero where the column has a default is stored as the default, as the compatible product's inserts do.
  auto status = token.status == 0 ? 1 : token.status;
  auto expires = token.expired_time == 0 ? -1 : token.expired_time;
  auto done =
      db.insert(statement, {Param(token.user_id.value), Param(std::string_view(token.key)), Param(status),
                            Param(std::string_view(token.name)), Param(token.created_time), Param(token.accessed_time),
                            Param(expires), Param(token.remain_quota.units), Param(token.unlimited_quota),
                            Param(token.model_limits_enabled), Param(std::string_view(token.model_limits)),
                            Param(std::string_view(token.allow_ips)), Param(std::string_view(token.group)),
                            Param(token.cross_group_retry)});
  if (!done) return done.error();
  return core::TokenId{done->insert_id};
}

sql::Result<void> update_token(sql::Connection& db, const Token& token) {
  auto done = db.execute(
      "UPDATE tokens SET name = ?, status = ?, expired_time = ?, unlimited_quota = ?, model_limits_enabled = ?, "
      "model_limits = ?, allow_ips = ?, " +
          sql::quoted(db.dialect(), "group") + " = ?, cross_group_retry = ? WHERE id = ? AND deleted_at IS NULL",
      {Param(std::string_view(token.name)), Param(token.status), Param(token.expired_time),
       Param(token.unlimited_quota), Param(token.model_limits_enabled), Param(std::string_view(token.model_limits)),
       Param(std::string_view(token.allow_ips)), Param(std::string_view(token.group)), Param(token.cross_group_retry),
       Param(token.id.value)});
  if (!done) return done.error();
  return {};
}

sql::Result<void> set_token_status(sql::Connection& db, core::TokenId id, std::int64_t status) {
  auto done = db.execute("UPDATE tokens SET status = ? WHERE id = ?", {Param(status), Param(id.value)});
  if (!done) return done.error();
  return {};
}

sql::Result<bool> delete_token(sql::Connection& db, core::TokenId id, core::UserId owner, std::int64_t now) {
  auto time = time_text(db.dialect(), now);
  auto done = db.execute("UPDATE tokens SET deleted_at = ? WHERE id = ? AND user_id = ? AND deleted_at IS NULL",
                         {Param(std::string_view(time)), Param(id.value), Param(owner.value)});
  if (!done) return done.error();
  return done->affected > 0;
}

sql::Result<std::int64_t> delete_tokens(sql::Connection& db, std::span<const core::TokenId> ids, core::UserId owner,
                                        std::int64_t now) {
  std::int64_t deleted = 0;
  for (auto id : ids) {
    auto done = delete_token(db, id, owner, now);
    if (!done) return done.error();
    deleted += *done ? 1 : 0;
  }
  return deleted;
}

sql::Result<std::vector<std::string>> token_keys_of(sql::Connection& db, core::UserId owner) {
  auto rows =
      db.query("SELECT " + sql::quoted(db.dialect(), "key") + " FROM tokens WHERE user_id = ?", {Param(owner.value)});
  if (!rows) return rows.error();
  std::vector<std::string> keys;
  for (const auto& row : *rows) keys.push_back(row.text(0));
  return keys;
}

}  // namespace tollgate::model
