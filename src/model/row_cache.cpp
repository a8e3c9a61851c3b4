#include "model/row_cache.h"

#include <fmt/core.h>

namespace tollgate::model {
namespace {

using core::Result;
using redis::Reply;

// KEYS[1] the hash; ARGV: life in seconds, then fields and values.
const redis::Script kPut(R"lua(
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
)lua");

// Adds to a counter of a row that is there and will expire; never makes a row of one field. KEYS[1] the hash; ARGV:
// field, by how much.
const redis::Script kMove(R"lua(
if redis.call('PTTL', KEYS[1]) <= 0 or redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
return 1
)lua");

constexpr std::size_t kMostNames = 100'000;

std::string user_name(core::UserId user) { return fmt::format("user:{}", user.value); }
std::string change_name(const std::string& name) { return "tg:inv:" + name; }

}  // namespace

RowCache::RowCache(redis::Client& redis, std::string_view crypto_secret, std::vector<std::string> previous,
                   std::chrono::seconds life)
    : redis_(redis), keys_(crypto_secret), life_(life) {
  for (const auto& secret : previous) previous_.emplace_back(secret);
}

// The mark of a change is asked for after the row: a row that was written in spite of it is seen together with it.
void RowCache::read(std::string name, std::function<void(std::optional<HashFields>)> done) {
  redis_.send({"HGETALL", redis_.key(name)}, [this, name, done = std::move(done)](const Result<Reply>& reply) mutable {
    if (!reply || reply->type != Reply::Type::kArray || reply->items.empty()) return done(std::nullopt);
    HashFields found;
    for (std::size_t i = 0; i + 1 < reply->items.size(); i += 2)
      found.emplace_back(reply->items[i].text, reply->items[i + 1].text);
    if (!keys_.sealed(name, found)) return done(std::nullopt);
    redis_.send({"GET", redis_.key(change_name(name))},
                [found = std::move(found), done = std::move(done)](const Result<Reply>& changed) {
                  done(changed && changed->is_nil() ? std::optional(found) : std::nullopt);
                });
  });
}

void RowCache::find_token(std::string_view key, std::function<void(std::optional<Token>)> done) {
  read(keys_.token_name(key), [key = std::string(key), done = std::move(done)](std::optional<HashFields> fields) {
    auto token = fields ? token_of_hash(*fields) : std::nullopt;
    if (token) token->key = key;
    done(std::move(token));
  });
}

void RowCache::find_user(core::UserId user, std::function<void(std::optional<User>)> done) {
  read(user_name(user), [done = std::move(done)](std::optional<HashFields> fields) {
    done(fields ? user_of_hash(*fields) : std::nullopt);
  });
}

// A change that comes while this is on its way is found by the look behind the write, or comes after it.
void RowCache::write(const std::string& name, HashFields fields) {
  fields.emplace_back("tg_mac", keys_.seal(name, fields));
  std::vector<std::string> arguments{std::to_string(life_.count())};
  for (auto& [field, value] : fields) {
    arguments.push_back(std::move(field));
    arguments.push_back(std::move(value));
  }
  redis_.run(kPut, redis_.key(name), std::move(arguments), [this, name](const Result<Reply>& written) {
    if (!written || written->is_error()) return;
    redis_.send({"GET", redis_.key(change_name(name))}, [this, name](const Result<Reply>& changed) {
      if (!changed || !changed->is_nil()) redis_.send({"DEL", redis_.key(name)});
    });
  });
}

void RowCache::put(const Token& token) {
  auto name = keys_.token_name(token.key);
  if (!token.unlimited_quota) {
    std::lock_guard lock(mutex_);
    if (names_.size() >= kMostNames) names_.clear();
    names_[token.id.value] = name;
  }
  write(name, hash_fields(token));
}

void RowCache::put(const User& user) { write(user_name(user.id), hash_fields(user)); }

void RowCache::drop(const std::string& name) {
  redis_.send({"SET", redis_.key(change_name(name)), "1", "EX", "10"});
  redis_.send({"DEL", redis_.key(name)});
}

void RowCache::drop_token(std::string_view key) {
  drop(keys_.token_name(key));
  for (const auto& older : previous_) drop(older.token_name(key));
}

void RowCache::drop_user(core::UserId user) { drop(user_name(user)); }

void RowCache::move(const std::string& name, std::string field, core::Quota by) {
  redis_.run(kMove, redis_.key(name), {std::move(field), std::to_string(by.units)}, {});
}

void RowCache::wallet_moved(core::UserId user, core::Quota by) { move(user_name(user), "Quota", by); }

void RowCache::key_limit_moved(core::TokenId token, core::Quota by) {
  std::string name;
  {
    std::lock_guard lock(mutex_);
    if (auto found = names_.find(token.value); found != names_.end()) name = found->second;
  }
  if (!name.empty()) move(name, "RemainQuota", by);
}

}  // namespace tollgate::model
