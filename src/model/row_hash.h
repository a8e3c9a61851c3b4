// Users and keys as the compatible product keeps them in Redis: one hash each, fields by its own names.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/token.h"
#include "model/user.h"

namespace tollgate::model {

using HashFields = std::vector<std::pair<std::string, std::string>>;

HashFields hash_fields(const User& user);  // with the role in tg_role, which nodes of the compatible product leave out
HashFields hash_fields(const Token& token);
// nullopt when a field that is always written is missing or does not parse: such a hash is no row.
std::optional<User> user_of_hash(const HashFields& fields);
std::optional<Token> token_of_hash(const HashFields& fields);  // without its key

// Names and seals by the secret that the nodes share. Immutable.
class HashKeys {
 public:
  explicit HashKeys(std::string_view crypto_secret);

  // "token:" and the HMAC-SHA256 of the key as stored, 64 hex digits.
  std::string token_name(std::string_view key) const;
  // Of the fields except counters, which others change in place: 32 hex digits for the field tg_mac. Whoever can write
  // to Redis but does not know the secret cannot make a row that is believed.
  std::string seal(std::string_view name, const HashFields& fields) const;
  // The fields hold their seal.
  bool sealed(std::string_view name, const HashFields& fields) const;

 private:
  std::string secret_, sealing_;
};

}  // namespace tollgate::model
