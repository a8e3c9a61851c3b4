#include "cluster/leases.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/log.h"
#include "sql/server_clock.h"

namespace tollgate::cluster {
namespace {

using sql::Param;

constexpr std::size_t kEnough = 3;
constexpr auto kTick = std::chrono::milliseconds(500);

// One statement takes or renews all the named leases that are free or ours. The token comes first: MySQL assigns from
// left to right on the row as already changed, and the token must see the holder of before.
std::string take_statement(sql::Dialect dialect, std::size_t names) {
  const std::string now = sql::server_now_ms(dialect);
  std::string marks;
  for (std::size_t i = 0; i < names; ++i) marks += i == 0 ? "?" : ", ?";
  return "UPDATE tg_leases SET "
         "token = token + CASE WHEN holder = ? AND incarnation = ? THEN 0 ELSE 1 END, "
         "acquired_at = CASE WHEN holder = ? AND incarnation = ? THEN acquired_at ELSE " +
         now + " END, holder = ?, incarnation = ?, renewed_at = " + now + ", expires_at = " + now +
         " + ? WHERE name IN (" + marks + ") AND (expires_at < " + now + " OR (holder = ? AND incarnation = ?))";
}

sql::Result<std::int64_t> take_all(sql::Connection& db, const Owner& me, const std::vector<std::string>& names,
                                   std::chrono::milliseconds life) {
  const Param id(std::string_view(me.node_id));
  const Param incarnation(me.incarnation);
  std::vector<Param> params{id, incarnation, id, incarnation, id, incarnation, Param(std::int64_t{life.count()})};
  for (const auto& name : names) params.emplace_back(std::string_view(name));
  params.push_back(id);
  params.push_back(incarnation);
  auto done = db.execute(take_statement(db.dialect(), names.size()), params);
  if (!done) return done.error();
  return done->affected;
}

// Tokens of those that are ours.
sql::Result<std::map<std::string, std::int64_t>> tokens_of(sql::Connection& db, const Owner& me) {
  auto rows = db.query("SELECT name, token FROM tg_leases WHERE holder = ? AND incarnation = ? AND expires_at >= " +
                           sql::server_now_ms(db.dialect()),
                       {Param(std::string_view(me.node_id)), Param(me.incarnation)});
  if (!rows) return rows.error();
  std::map<std::string, std::int64_t> tokens;
  for (const auto& row : *rows) tokens.emplace(row.text(0), row.integer(1));
  return tokens;
}

sql::Result<std::set<std::string>> taken_by_others(sql::Connection& db, const Owner& me,
                                                   const std::vector<std::string>& names) {
  std::string marks;
  std::vector<Param> params;
  for (const auto& name : names) {
    marks += marks.empty() ? "?" : ", ?";
    params.emplace_back(std::string_view(name));
  }
  params.emplace_back(std::string_view(me.node_id));
  params.emplace_back(me.incarnation);
  auto rows = db.query("SELECT name FROM tg_leases WHERE name IN (" + marks + ") AND expires_at >= " +
                           sql::server_now_ms(db.dialect()) + " AND NOT (holder = ? AND incarnation = ?)",
                       params);
  if (!rows) return rows.error();
  std::set<std::string> taken;
  for (const auto& row : *rows) taken.insert(row.text(0));
  return taken;
}

// True: it is ours now. A row that exists already is somebody's.
sql::Result<bool> insert_lease(sql::Connection& db, const Owner& me, std::string_view name,
                               std::chrono::milliseconds life) {
  const std::string now = sql::server_now_ms(db.dialect());
  auto done = db.execute(
      "INSERT INTO tg_leases (name, holder, incarnation, token, acquired_at, renewed_at, expires_at) "
      "VALUES (?, ?, ?, 1, " +
          now + ", " + now + ", " + now + " + ?)",
      {Param(name), Param(std::string_view(me.node_id)), Param(me.incarnation), Param(std::int64_t{life.count()})});
  if (done) return true;
  if (done.error().cls == sql::ErrorClass::kDuplicate) return false;
  return done.error();
}

}  // namespace

sql::Result<bool> fence(sql::Connection& db, const Owner& me, const Held& lease) {
  // SQLite's transactions exclude each other from their begin on.
  std::string_view lock = db.dialect() == sql::Dialect::kSqlite ? "" : " FOR UPDATE";
  auto rows = db.query(
      "SELECT 1 FROM tg_leases WHERE name = ? AND holder = ? AND incarnation = ? AND token = ?" + std::string(lock),
      {Param(std::string_view(lease.name)), Param(std::string_view(me.node_id)), Param(me.incarnation),
       Param(lease.token)});
  if (!rows) return rows.error();
  return !rows->empty();
}

sql::Result<std::optional<std::int64_t>> acquire_lease(sql::Connection& db, const Owner& me, std::string_view name,
                                                       std::chrono::milliseconds life) {
  const std::vector<std::string> names{std::string(name)};
  auto taken = take_all(db, me, names, life);
  if (!taken) return taken.error();
  if (*taken == 0) {
    auto made = insert_lease(db, me, name, life);
    if (!made) return made.error();
    if (!*made) return std::optional<std::int64_t>();
  }
  auto tokens = tokens_of(db, me);
  if (!tokens) return tokens.error();
  auto found = tokens->find(names.front());
  return found == tokens->end() ? std::optional<std::int64_t>() : found->second;
}

sql::Result<void> release_leases(sql::Connection& db, const Owner& me) {
  auto done = db.execute("UPDATE tg_leases SET expires_at = 0 WHERE holder = ? AND incarnation = ?",
                         {Param(std::string_view(me.node_id)), Param(me.incarnation)});
  if (!done) return done.error();
  return {};
}

Leases::Leases(Owner me, sql::Pool& pool, const core::Clock& clock, std::function<bool()> may_hold, LeaseTimes times)
    : me_(std::move(me)), pool_(pool), clock_(clock), may_hold_(std::move(may_hold)), times_(times) {}

Leases::~Leases() { stop(); }

void Leases::want(std::string name) {
  std::lock_guard lock(mutex_);
  wanted_.emplace(std::move(name), Entry{});
}

bool Leases::holds(std::string_view name) const { return held(name).has_value(); }

std::optional<Held> Leases::held(std::string_view name) const {
  std::lock_guard lock(mutex_);
  auto found = wanted_.find(name);
  if (found == wanted_.end() || !counts_as_held(found->second, clock_.steady())) return std::nullopt;
  return Held{found->first, found->second.token};
}

std::size_t Leases::count() const {
  std::lock_guard lock(mutex_);
  const auto now = clock_.steady();
  return static_cast<std::size_t>(
      std::ranges::count_if(wanted_, [&](const auto& item) { return counts_as_held(item.second, now); }));
}

void Leases::step_down(std::chrono::milliseconds pause) {
  {
    std::lock_guard lock(mutex_);
    paused_until_ = clock_.steady() + pause;
  }
  give_back();
}

// Belief ends first, then the rows: nobody may act on a lease that others can take already.
void Leases::give_back() {
  bool any = false;
  {
    std::lock_guard lock(mutex_);
    for (auto& [name, entry] : wanted_) {
      any = any || entry.token != 0;
      entry = Entry{};
    }
  }
  if (!any) return;
  auto lease = pool_.lease();
  if (!lease) return;  // they end by themselves
  if (auto released = release_leases(**lease, me_); !released)
    core::log::warn("leases are not given back, they end by themselves: {}", released.error().message);
}

void Leases::step() {
  const auto now = clock_.steady();
  bool due = false;
  {
    std::lock_guard lock(mutex_);
    if (now < paused_until_) return;
    due = std::ranges::any_of(wanted_, [&](const auto& item) { return item.second.next <= now; });
  }
  if (!may_hold_()) return give_back();
  if (!due) return;
  auto connection = pool_.lease();
  if (!connection) {
    if (!std::exchange(away_told_, true))
      core::log::warn("the database is away, jobs of the cluster rest: {}", connection.error().message);
    return;
  }
  away_told_ = false;
  renew(**connection, now);
  take(**connection, now);
}

void Leases::renew(sql::Connection& db, core::SteadyTime now) {
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : wanted_)
      if (counts_as_held(entry, now) && entry.next <= now) names.push_back(name);
  }
  if (names.empty()) return;
  const auto started = clock_.steady();
  if (auto done = take_all(db, me_, names, times_.life); !done) return;  // belief runs out by itself
  auto tokens = tokens_of(db, me_);
  if (!tokens) return;
  std::lock_guard lock(mutex_);
  for (const auto& name : names) {
    auto& entry = wanted_[name];
    auto token = tokens->find(name);
    // Another token: it was another's in between, and whatever began under the old one is void.
    if (token == tokens->end() || token->second != entry.token) {
      core::log::warn("lease {} was lost", name);
      entry = {.token = 0, .until = {}, .next = started + times_.renewal};
      continue;
    }
    entry.until = started + times_.life - times_.margin;
    entry.next = started + times_.renewal;
  }
}

void Leases::take(sql::Connection& db, core::SteadyTime now) {
  std::vector<std::string> names;
  std::size_t holding = 0;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : wanted_) {
      if (counts_as_held(entry, now)) {
        ++holding;
      } else if (entry.next <= now) {
        names.push_back(name);
      }
    }
  }
  if (names.empty()) return;
  // Looking costs less than trying: with several masters most of them find every lease taken each time.
  auto others = taken_by_others(db, me_, names);
  if (!others) return;
  for (const auto& name : names) {
    const auto started = clock_.steady();
    std::optional<std::int64_t> token;
    if (!others->contains(name)) {
      auto taken = acquire_lease(db, me_, name, times_.life);
      if (!taken) return;
      token = *taken;
    }
    std::lock_guard lock(mutex_);
    auto& entry = wanted_[name];
    if (!token) {
      entry = {.token = 0, .until = {}, .next = started + times_.renewal};
      if (holding >= kEnough) entry.next += times_.modesty;
      continue;
    }
    entry = {.token = *token, .until = started + times_.life - times_.margin, .next = started + times_.renewal};
    ++holding;
    core::log::info("lease {} is ours, number {}", name, *token);
  }
}

void Leases::start() {
  thread_ = std::thread([this] { run(); });
}

void Leases::run() {
  std::unique_lock lock(thread_mutex_);
  while (!stopping_) {
    lock.unlock();
    step();
    lock.lock();
    wake_.wait_for(lock, kTick, [this] { return stopping_; });
  }
}

void Leases::stop() {
  {
    std::lock_guard lock(thread_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
    give_back();
  }
}

}  // namespace tollgate::cluster
