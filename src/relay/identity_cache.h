// Who a key belongs to and what it may do, held by each worker for seconds: warm requests do not touch SQL.
#pragma once
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "billing/billing.h"
#include "core/clock.h"
#include "core/ip_address.h"
#include "core/thread_pool.h"
#include "model/row_cache.h"
#include "model/token.h"
#include "model/user.h"
#include "net/awaitable.h"
#include "relay/relay_metrics.h"
#include "relay/snapshot.h"
#include "sql/connection.h"

namespace tollgate::relay {

struct Identity {
  bool found = false;  // a token of that key exists
  bool user_found = false;
  model::Token token;  // remain_quota as people see it: what nodes hold is in it
  std::set<std::string, std::less<>> model_limits;
  core::IpAllowList allow_ips;
  core::UserId user;
  std::string username;
  std::string user_group;
  std::int64_t user_status = 0;
  std::int64_t user_role = 0;
  bool accept_unset_ratio = false;
  bool record_ip = false;
  double warning_threshold = 0;  // of the balance; 0: the option's
  core::Quota column;            // users.quota, without what nodes hold
  core::Quota spent_before;      // Account::spent of the wallet when the column was not yet read
  billing::AccountPtr wallet;
  billing::AccountPtr key_limit;  // null for keys without a limit
  core::SteadyTime loaded;
};

// What a user's row says of them.
void set_owner(Identity& identity, const model::User& user, billing::Billing& billing);

// One a worker, used on its thread only.
class IdentityCache {
 public:
  IdentityCache(sql::Pool& pool, core::ThreadPool& threads, billing::Billing& billing, const core::Clock& clock)
      : pool_(pool), threads_(threads), billing_(billing), clock_(clock) {}

  // nullptr when the key is not known here and SQL cannot be asked. An entry older than half its life is refreshed in
  // the background; for one past its life the request waits half a second at most, and goes on with what is known when
  // SQL is away or silent, until set_out_of_date() says otherwise. `source` is set to where it was found.
  net::awaitable<std::shared_ptr<const Identity>> get(const std::string& key, KeySource& source);
  // From now on keys that are not known here are looked for there before SQL is asked, and what SQL says is kept there.
  void share_rows(model::RowCache& rows) { rows_ = &rows; }
  void drop(std::string_view key);
  // What was read before that time; a change that has just come means all there is.
  void drop_user(core::UserId user, core::SteadyTime read_before = core::SteadyTime::max());
  // And keys that were not found: it may be one of them.
  void drop_token(core::TokenId token, core::SteadyTime read_before = core::SteadyTime::max());
  void recheck_all();  // SQL is asked before any of them is used again, if it answers
  // Nothing has been heard of changes for too long: what SQL does not confirm is not known.
  void set_out_of_date(bool out_of_date) { out_of_date_ = out_of_date; }
  void set_life(std::chrono::milliseconds life) { life_ = life; }  // 5 s unless told

 private:
  net::awaitable<std::shared_ptr<const Identity>> load(std::string key, KeySource& source);
  // nullptr also while the answer is on its way for too long; it is kept when it comes.
  net::awaitable<std::shared_ptr<const Identity>> load_in_time(const std::string& key, KeySource& source);
  net::awaitable<std::shared_ptr<Identity>> find_shared(const std::string& key);

  sql::Pool& pool_;
  core::ThreadPool& threads_;
  billing::Billing& billing_;
  const core::Clock& clock_;
  model::RowCache* rows_ = nullptr;
  struct Entry {
    std::shared_ptr<const Identity> identity;
    bool refreshing = false;
    bool overdue = false;       // the refresh takes too long to be waited for
    core::SteadyTime shared{};  // when its rows were last written for other nodes
  };
  NameMap<Entry> entries_;
  std::uint64_t drops_ = 0;
  bool out_of_date_ = false;
  core::SteadyTime recheck_before_{};  // those that were read earlier are as good as old
  std::chrono::milliseconds life_ = std::chrono::seconds(5);
};

}  // namespace tollgate::relay
