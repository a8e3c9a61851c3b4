// API keys of clients: the table tokens.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::model {

enum class TokenStatus : std::int64_t { kEnabled = 1, kDisabled = 2, kExpired = 3, kExhausted = 4 };

struct Token {
  core::TokenId id;
  core::UserId user_id;
  std::string key;  // 48 characters, without "sk-"
  std::int64_t status = 1;
  std::string name;
  std::int64_t created_time = 0;
  std::int64_t accessed_time = 0;
  std::int64_t expired_time = -1;  // unix seconds; -1 never
  core::Quota remain_quota;
  bool unlimited_quota = false;
  bool model_limits_enabled = false;
  std::string model_limits;  // comma list
  std::string allow_ips;     // one entry a line
  core::Quota used_quota;
  std::string group;  // empty: the user's
  bool cross_group_retry = false;
};

// Soft-deleted rows are never found. A missing row is nullopt.
sql::Result<std::optional<Token>> find_token_by_key(sql::Connection& db, std::string_view key);
sql::Result<std::optional<Token>> find_token(sql::Connection& db, core::TokenId id, core::UserId owner);
// As find_token; the row stays as it is until the transaction ends.
sql::Result<std::optional<Token>> lock_token(sql::Connection& db, core::TokenId id, core::UserId owner);
sql::Result<std::int64_t> count_tokens(sql::Connection& db, core::UserId owner);
sql::Result<std::vector<Token>> list_tokens(sql::Connection& db, core::UserId owner, std::int64_t offset,
                                            std::int64_t limit);  // newest first
// By parts of the name and of the key; an empty text matches all.
sql::Result<std::vector<Token>> search_tokens(sql::Connection& db, core::UserId owner, std::string_view name,
                                              std::string_view key);
sql::Result<core::TokenId> create_token(sql::Connection& db, const Token& token);
// Every editable field except remain_quota (a limit in money changes through billing).
sql::Result<void> update_token(sql::Connection& db, const Token& token);
sql::Result<void> set_token_status(sql::Connection& db, core::TokenId id, std::int64_t status);
sql::Result<bool> delete_token(sql::Connection& db, core::TokenId id, core::UserId owner, std::int64_t now);
sql::Result<std::int64_t> delete_tokens(sql::Connection& db, std::span<const core::TokenId> ids, core::UserId owner,
                                        std::int64_t now);
// Keys of a user, for dropping them from caches.
sql::Result<std::vector<std::string>> token_keys_of(sql::Connection& db, core::UserId owner);

}  // namespace tollgate::model
