// Rows of users and keys that the nodes share in Redis: read when a node does not know a key, filled behind what was
// read from SQL, gone when the row changes. Copies: nobody is admitted by a balance that stands there.
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/row_hash.h"
#include "redis/client.h"

namespace tollgate::model {

// Thread-safe; nothing here waits. Callbacks come on the client's thread.
class RowCache {
 public:
  // `previous`: older secrets, under whose names keys may still stand. `life` of what is written.
  RowCache(redis::Client& redis, std::string_view crypto_secret, std::vector<std::string> previous,
           std::chrono::seconds life);

  // What stands there and can be believed: sealed by a node with the same secret, and not changed in the last ten
  // seconds.
  void find_token(std::string_view key, std::function<void(std::optional<Token>)> done);
  void find_user(core::UserId user, std::function<void(std::optional<User>)> done);
  // Writes what was just read from SQL, unless the row was changed meanwhile.
  void put(const Token& token);
  void put(const User& user);
  // The row has changed: from the moment the server has it no older copy is believed or kept.
  void drop_token(std::string_view key);
  void drop_user(core::UserId user);
  // The column of an account has moved by so much: what stands there follows. Of keys only those this node has written.
  void wallet_moved(core::UserId user, core::Quota by);
  void key_limit_moved(core::TokenId token, core::Quota by);

  std::chrono::seconds life() const { return life_; }
  std::string token_name(std::string_view key) const { return keys_.token_name(key); }

 private:
  void read(std::string name, std::function<void(std::optional<HashFields>)> done);
  void write(const std::string& name, HashFields fields);
  void drop(const std::string& name);
  void move(const std::string& name, std::string field, core::Quota by);

  redis::Client& redis_;
  HashKeys keys_;
  std::vector<HashKeys> previous_;
  std::chrono::seconds life_;
  std::mutex mutex_;
  std::unordered_map<std::int64_t, std::string> names_;  // of keys with a limit in money, by id
};

}  // namespace tollgate::model
