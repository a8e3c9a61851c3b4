#include "relay/identity_cache.h"

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "core/log.h"
#include "model/channel.h"
#include "net/suspend.h"
#include "net/worker.h"

namespace tollgate::relay {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMostEntries = 100'000;
constexpr auto kPatience = std::chrono::milliseconds(500);  // with SQL, for a key that was good a moment ago

// What a key allows, besides what its owner may.
void set_key(Identity& identity, model::Token token, billing::Billing& billing) {
  identity.found = true;
  identity.token = std::move(token);
  identity.wallet = billing.wallet(identity.token.user_id);
  identity.spent_before = {identity.wallet->spent};
  for (auto& name : model::split_list(identity.token.model_limits)) identity.model_limits.insert(std::move(name));
  identity.allow_ips = core::IpAllowList(identity.token.allow_ips);
  if (!identity.token.unlimited_quota) identity.key_limit = billing.key_limit(identity.token.id);
}

// On a thread of the SQL pool. `share`: where the rows are kept for other nodes.
std::shared_ptr<Identity> load_identity(sql::Pool& pool, billing::Billing& billing, const std::string& key,
                                        model::RowCache* share) {
  auto lease = pool.lease();
  if (!lease) {
    core::log::warn("a key cannot be looked up: {}", lease.error().message);
    return nullptr;
  }
  auto& db = **lease;
  auto token = model::find_token_by_key(db, key);
  if (!token) {
    core::log::warn("a key cannot be looked up: {}", token.error().message);
    return nullptr;
  }
  auto identity = std::make_shared<Identity>();
  if (!*token) return identity;
  if (share) share->put(**token);
  set_key(*identity, std::move(**token), billing);
  auto user = model::find_user(db, identity->token.user_id);
  if (!user) return nullptr;
  if (!*user) return identity;
  if (share) share->put(**user);
  set_owner(*identity, **user, billing);
  *lease = sql::Pool::Lease();
  if (!identity->token.unlimited_quota)
    identity->token.remain_quota = billing.shown_token_balance(identity->token.id, identity->token.remain_quota);
  return identity;
}

}  // namespace

void set_owner(Identity& identity, const model::User& user, billing::Billing& billing) {
  identity.user_found = true;
  identity.user = user.id;
  identity.username = user.username;
  identity.user_group = user.group;
  identity.user_status = user.status;
  identity.user_role = user.role;
  identity.column = user.quota;
  boost::system::error_code ec;
  auto setting = boost::json::parse(user.setting.empty() ? "{}" : user.setting, ec);
  if (!ec && setting.is_object()) {
    auto flag = [&](std::string_view name) {
      const auto* value = setting.get_object().if_contains(name);
      return value && value->is_bool() && value->get_bool();
    };
    identity.accept_unset_ratio = flag("accept_unset_model_ratio_model");
    identity.record_ip = flag("record_ip_log");
    if (const auto* value = setting.get_object().if_contains("quota_warning_threshold"); value && value->is_number())
      identity.warning_threshold = value->to_number<double>();
  }
  if (identity.wallet) return;  // taken before the row was read
  identity.wallet = billing.wallet(identity.user);
  identity.spent_before = {identity.wallet->spent};
}

// Of a key without a limit of its own: what others would see of such a limit is for SQL to say.
net::awaitable<std::shared_ptr<Identity>> IdentityCache::find_shared(const std::string& key) {
  auto begin = [this, &key](auto done) {
    rows_->find_token(key, [this, done](std::optional<model::Token> token) mutable {
      if (!token || !token->unlimited_quota) return done(nullptr);
      auto owner = token->user_id;
      rows_->find_user(owner, [this, done, token = std::move(token)](const std::optional<model::User>& user) mutable {
        if (!user) return done(nullptr);
        auto identity = std::make_shared<Identity>();
        set_key(*identity, std::move(*token), billing_);
        set_owner(*identity, *user, billing_);
        done(std::move(identity));
      });
    });
  };
  auto found = co_await net::suspend<std::shared_ptr<Identity>>(begin);
  co_return found;
}

net::awaitable<std::shared_ptr<const Identity>> IdentityCache::load(std::string key, KeySource& source) {
  const auto drops = drops_;
  auto known = entries_.find(key);
  if (rows_ && known == entries_.end()) {
    auto shared = co_await find_shared(key);
    if (shared && drops == drops_) {
      // Good for this request; the next one has it read from SQL.
      shared->loaded = clock_.steady() - life_ / 2;
      if (entries_.size() >= kMostEntries) entries_.clear();
      entries_[key] = {.identity = shared, .shared = clock_.steady()};
      source = KeySource::kRedis;
      co_return shared;
    }
    known = entries_.find(key);
  }
  auto last_shared = known == entries_.end() ? core::SteadyTime{} : known->second.shared;
  bool share = rows_ && clock_.steady() - last_shared > rows_->life() / 2;
  auto loaded = co_await net::suspend<std::shared_ptr<Identity>>([this, &key, share](auto done) {
    bool taken = threads_.submit(
        [this, key, share, done] { done(load_identity(pool_, billing_, key, share ? rows_ : nullptr)); });
    if (!taken) done(nullptr);
  });
  // What was read before something was dropped serves this request and is not kept.
  if (loaded && drops == drops_) {
    loaded->loaded = clock_.steady();
    if (entries_.size() >= kMostEntries) entries_.clear();
    entries_[key] = {.identity = loaded, .shared = share ? loaded->loaded : last_shared};
  } else if (auto found = entries_.find(key); found != entries_.end()) {
    found->second.refreshing = found->second.overdue = false;
  }
  if (loaded) source = KeySource::kSql;
  co_return loaded;
}

net::awaitable<std::shared_ptr<const Identity>> IdentityCache::load_in_time(const std::string& key, KeySource& source) {
  struct Answer {
    explicit Answer(asio::io_context& io) : limit(io, kPatience) {}
    asio::steady_timer limit;
    std::shared_ptr<const Identity> identity;
    KeySource source = KeySource::kMemory;
    bool over = false;
  };
  auto& worker = net::Worker::current();
  auto answer = std::make_shared<Answer>(worker.io());
  worker.spawn([](IdentityCache& cache, std::string name, std::shared_ptr<Answer> to) -> net::awaitable<void> {
    to->identity = co_await cache.load(std::move(name), to->source);
    to->over = true;
    to->limit.cancel();
  }(*this, key, answer));
  if (!answer->over) co_await answer->limit.async_wait(asio::as_tuple(asio::deferred));
  source = answer->source;
  if (auto found = entries_.find(key); !answer->over && found != entries_.end()) found->second.overdue = true;
  co_return answer->identity;
}

net::awaitable<std::shared_ptr<const Identity>> IdentityCache::get(const std::string& key, KeySource& source) {
  auto found = entries_.find(key);
  if (found != entries_.end()) {
    auto known = found->second.identity;
    auto age = clock_.steady() - known->loaded;
    source = KeySource::kMemory;
    const bool current = known->loaded >= recheck_before_;
    if ((current && age < life_ / 2) || (found->second.overdue && !out_of_date_)) co_return known;
    if (current && age < life_) {
      if (!found->second.refreshing) {
        found->second.refreshing = true;
        net::Worker::current().spawn([](IdentityCache& cache, std::string name) -> net::awaitable<void> {
          KeySource unasked{};
          co_await cache.load(std::move(name), unasked);
        }(*this, key));
      }
      co_return known;
    }
    auto loaded = co_await load_in_time(key, source);
    if (loaded) co_return loaded;
    // With SQL away, or silent, a key that was good a moment ago goes on being served, unless it was taken back
    // meanwhile.
    co_return out_of_date_ || !entries_.contains(key) ? nullptr : known;
  }
  source = KeySource::kNone;
  co_return co_await load(key, source);
}

void IdentityCache::drop(std::string_view key) {
  ++drops_;
  if (auto found = entries_.find(key); found != entries_.end()) entries_.erase(found);
}

void IdentityCache::drop_token(core::TokenId token, core::SteadyTime read_before) {
  ++drops_;
  std::erase_if(entries_, [&](const auto& entry) {
    const auto& identity = *entry.second.identity;
    return identity.loaded < read_before && (!identity.found || identity.token.id == token);
  });
}

void IdentityCache::recheck_all() {
  ++drops_;
  recheck_before_ = clock_.steady();
}

void IdentityCache::drop_user(core::UserId user, core::SteadyTime read_before) {
  ++drops_;
  std::erase_if(entries_, [&](const auto& entry) {
    const auto& identity = *entry.second.identity;
    return identity.loaded < read_before && identity.user == user;
  });
}

}  // namespace tollgate::relay
