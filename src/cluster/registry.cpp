#include "cluster/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "cluster/fingerprint.h"
#include "core/log.h"
#include "sql/server_clock.h"

namespace tollgate::cluster {
namespace {

using sql::Param;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kShortestBeat = milliseconds(10'000);
constexpr std::uint64_t kBeatSpread = 1'000;  // ms
constexpr auto kShow = seconds(2);
constexpr auto kTellAgain = seconds(60);
constexpr int kLookEvery = 3;  // rounds, while the board shows nothing new
constexpr int kWishTries = 3;
constexpr std::size_t kOffsets = 9;
constexpr std::int64_t kClockWarning = 2'000, kClockBad = 30'000;  // ms
constexpr std::int64_t kDay = 86'400'000;
constexpr std::int64_t kMasterRemembered = 30 * kDay;

std::string join(const std::set<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// One reading more; answers the median of the last ones.
std::int64_t note(std::deque<std::int64_t>& readings, std::int64_t reading) {
  readings.push_back(reading);
  if (readings.size() > kOffsets) readings.pop_front();
  std::vector<std::int64_t> sorted(readings.begin(), readings.end());
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2));
  return sorted[sorted.size() / 2];
}

}  // namespace

sql::Result<std::string> cluster_id(sql::Connection& db) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto rows = db.query("SELECT cluster_id FROM tg_cluster WHERE id = 1", {});
    if (!rows) return rows.error();
    if (!rows->empty() && !rows->front().text(0).empty()) return rows->front().text(0);
    const auto fresh = core::random_uuid();
    auto made = db.execute("INSERT INTO tg_cluster (id, cluster_id, created_at, last_master_at, beat) VALUES (1, ?, " +
                               sql::server_now_ms(db.dialect()) + ", 0, 0)",
                           {Param(std::string_view(fresh))});
    if (!made && made.error().cls != sql::ErrorClass::kDuplicate) return made.error();
  }
  return sql::Error{sql::ErrorClass::kOther, 0, "tg_cluster holds no cluster id"};
}

sql::Result<std::int64_t> remove_old_nodes(sql::Connection& db) {
  auto nodes = read_nodes(db, false);
  if (!nodes) return nodes.error();
  std::int64_t removed = 0;
  for (const auto& row : nodes->rows) {
    const auto silent = nodes->now - row.heartbeat_at;
    auto state = state_of(row, nodes->now);
    if (state == "left" ? silent < kDay : state != "lost" || silent < 7 * kDay) continue;
    if (state == "lost" || silent < 30 * kDay) {
      auto mark = db.query("SELECT MIN(seq) FROM tg_marks WHERE node_id = ?", {Param(std::string_view(row.node_id))});
      if (!mark) return mark.error();
      if (mark->front().integer(0) < row.journal_last_seq) continue;  // its charges are still on its disk
    }
    auto done = db.execute("DELETE FROM tg_nodes WHERE node_id = ? AND heartbeat_at = ?",
                           {Param(std::string_view(row.node_id)), Param(row.heartbeat_at)});
    if (!done) return done.error();
    removed += done->affected;
  }
  return removed;
}

sql::Result<void> remove_old_revocations(sql::Connection& db) {
  auto done =
      db.execute("DELETE FROM tg_revocations WHERE at < " + sql::server_now_ms(db.dialect()) + " - ?", {Param(kDay)});
  if (!done) return done.error();
  return {};
}

Registry::Registry(RegistrySettings settings, sql::Pool& pool, Board* board, const core::Clock& clock,
                   std::function<NodeReport()> report)
    : settings_(std::move(settings)), pool_(pool), board_(board), clock_(clock), report_(std::move(report)) {}

Registry::~Registry() { stop(); }

std::shared_ptr<const Nodes> Registry::nodes() const {
  std::lock_guard lock(mutex_);
  return nodes_;
}

std::vector<Warning> Registry::warnings() const {
  std::lock_guard lock(mutex_);
  return warnings_;
}

void Registry::prepare() {
  if (std::exchange(prepared_, true)) return;
  row_.node_id = settings_.me.node_id;
  row_.incarnation = settings_.me.incarnation;
  row_.name = settings_.name.substr(0, 64);
  row_.role = settings_.master ? "master" : "slave";
  row_.version = settings_.version.substr(0, 64);
  row_.schema_min = settings_.schema_min;
  row_.schema_max = settings_.schema_max;
  row_.advertise = settings_.advertise.substr(0, 255);
  row_.region = settings_.region.substr(0, 64);
  row_.zone = settings_.zone.substr(0, 64);
  row_.weight = settings_.weight;
  row_.cluster_id = settings_.cluster_id;
  row_.tz = settings_.time_zone.substr(0, 64);
  row_.session_fp = fingerprints(settings_.session_secrets, settings_.cluster_id);
  row_.crypto_fp = fingerprints(settings_.crypto_secrets, settings_.cluster_id);
}

// The node's clocks against the database's, which stamped the row in the middle of the round trip.
void Registry::note_clock(std::int64_t server_now, core::SteadyTime asked) {
  const auto answered = clock_.steady();
  const auto half = duration_cast<milliseconds>(answered - asked).count() / 2;
  const auto offset = server_now - (clock_.unix_millis() - half);
  const auto lead = server_now - (duration_cast<milliseconds>(answered.time_since_epoch()).count() - half);
  // A machine that slept: its clock is right again, and the monotonic one stood still.
  if (std::abs(offset) <= kClockWarning && !leads_.empty() && std::abs(lead - leads_.back()) > kClockWarning)
    leads_.clear();
  offset_ms_ = note(offsets_, offset);
  const auto shared = note(leads_, lead);
  if (on_time) on_time(milliseconds(shared));
}

sql::Result<bool> Registry::beat(sql::Connection& db, const std::string& state) {
  row_.state = state;
  if (row_.started_at == 0) {
    auto time = db.query("SELECT " + sql::server_now_ms(db.dialect()), {});
    if (!time) return time.error();
    // What was wanted of the process before went with it.
    if (auto done = set_desired_state(db, row_.node_id, "", 0); !done) return done.error();
    row_.started_at = time->front().integer(0);
  }
  auto written = write_heartbeat(db, row_);
  bool new_wish = false;
  for (int tries = 0; written && !*written && tries < kWishTries; ++tries) {
    auto wish = db.query("SELECT desired_state, desired_until FROM tg_nodes WHERE node_id = ?",
                         {Param(std::string_view(row_.node_id))});
    if (!wish) return wish.error();
    row_.desired_state = wish->empty() ? "" : wish->front().text(0);
    row_.desired_until = wish->empty() ? 0 : wish->front().integer(1);
    new_wish = true;
    written = write_heartbeat(db, row_);
  }
  if (written && !*written) return sql::Error{sql::ErrorClass::kOther, 0, "the row of this node changes all the time"};
  return written ? sql::Result<bool>(new_wish) : written;
}

// Whether the rows may hold something that the last look did not see. Without a board nothing else would tell.
bool Registry::calls_for_a_look(const std::optional<std::vector<BoardEntry>>& shown, const std::string& state) const {
  if (!shown || !settled_ || row_.state != state || rounds_unseen_ + 1 >= kLookEvery) return true;
  using Seen = std::set<std::tuple<std::string, std::int64_t, std::string>>;
  Seen here, there;
  for (const auto& entry : *shown) {
    if (entry.cluster_id != settings_.cluster_id) return true;
    there.emplace(entry.node_id, entry.incarnation, entry.state);
  }
  for (const auto& row : nodes_->rows)
    if (is_live(row, nodes_->now)) here.emplace(row.node_id, row.incarnation, row.state);
  return here != there;
}

void Registry::step(bool look_around) {
  prepare();
  const auto report = report_();
  std::string state = report.state;
  if (drained_ && state != "draining") state = "drained";
  // Sessions, one-time codes and days are wrong on it, requests are not.
  if (state == "ready" && std::abs(offset_ms_.load()) > kClockBad) state = "degraded";
  row_.journal_last_seq = report.journal_last_seq;
  row_.epoch = report.epoch;
  row_.info = report.info;
  std::optional<std::vector<BoardEntry>> shown;
  if (board_ && board_->healthy()) {
    if (auto id = board_->server_id(); !id.empty()) row_.redis_id = id;
    shown = board_->read();
  }
  look_around = calls_for_a_look(shown, state) || look_around;
  auto lease = pool_.lease();
  const auto new_wish = lease ? beat(**lease, state) : sql::Result<bool>(lease.error());
  const bool looks = look_around || (new_wish && *new_wish);
  sql::Result<Nodes> nodes = sql::Error{};
  if (new_wish && looks) {
    const auto asked = clock_.steady();
    nodes = read_nodes(**lease, false);
    if (nodes) note_clock(nodes->now, asked);
  }
  if (!new_wish || (looks && !nodes)) {
    settled_ = false;  // what called for the look still does
    if (!std::exchange(away_told_, true))
      core::log::warn("the registry of nodes cannot be written, the database is away");
    return;
  }
  if (std::exchange(away_told_, false)) core::log::info("the registry of nodes is written again");
  if (nodes) {
    rounds_unseen_ = 0;
    if (const auto* own = nodes->find(settings_.me.node_id)) follow_wishes(*own, nodes->now);
  } else {
    ++rounds_unseen_;
  }
  if (nodes || settings_.master) decide_lead(**lease, nodes ? *nodes : *nodes_, state);
  if (!nodes) return;
  look(*nodes, shown);
  std::lock_guard lock(mutex_);
  nodes_ = std::make_shared<const Nodes>(std::move(*nodes));
}

void Registry::follow_wishes(const NodeRow& own, std::int64_t now) {
  const bool wanted = own.desired_state == "drained";
  if (wanted != drained_.load()) {
    drained_ = wanted;
    core::log::info("{}", wanted ? "this node is drained as asked for: it takes no new work until it is resumed"
                                 : "this node is resumed");
    if (on_desired_drain) on_desired_drain(wanted);
    wake();  // so that its row says so
  }
  if (own.desired_state == "step-down" && own.desired_until > now && own.desired_until != wish_seen_) {
    wish_seen_ = own.desired_until;
    core::log::info("this node gives its leases back, as asked for");
    if (on_step_down) on_step_down(milliseconds(own.desired_until - now));
  }
}

void Registry::decide_lead(sql::Connection& db, const Nodes& nodes, const std::string& state) {
  const bool on_its_way_out = state == "draining" || drained_;
  if (settings_.master) {
    may_lead_ = !on_its_way_out;
    const std::string now = sql::server_now_ms(db.dialect());
    if (!on_its_way_out)
      if (auto done =
              db.execute("UPDATE tg_cluster SET last_master_at = " + now + ", beat = beat + 1 WHERE id = 1", {});
          !done)
        core::log::debug("tg_cluster: {}", done.error().message);
    return;
  }
  bool stands_in = false;
  const bool master_lives = std::ranges::any_of(
      nodes.rows, [&](const auto& row) { return row.role == "master" && is_ready(row, nodes.now); });
  if (settings_.stand_in != StandIn::kOff && !on_its_way_out && !master_lives) {
    auto rows = db.query("SELECT last_master_at FROM tg_cluster WHERE id = 1", {});
    if (!rows) return;
    const auto silent = nodes.now - (rows->empty() ? 0 : rows->front().integer(0));
    // A cluster that never had a master of ours has one of the compatible product, which shows no heartbeat.
    stands_in = silent >= settings_.stand_in_after.count() &&
                (settings_.stand_in == StandIn::kOn || silent <= kMasterRemembered);
  }
  if (stands_in != standing_in_.load())
    core::log::warn("{}", stands_in ? "no master lives: this slave stands in for it and runs the cluster's jobs"
                                    : "a master lives again: this slave no longer stands in");
  standing_in_ = stands_in;
  may_lead_ = stands_in;
}

void Registry::look(const Nodes& nodes, const std::optional<std::vector<BoardEntry>>& shown) {
  std::int64_t ready = 0, live = 0;
  bool master_lives = false;
  std::set<std::string> zones, lost, redis_ids;
  for (const auto& row : nodes.rows) {
    if (state_of(row, nodes.now) == "lost") lost.insert(row.name);
    if (!is_live(row, nodes.now)) continue;
    ++live;
    ready += is_ready(row, nodes.now) ? 1 : 0;
    master_lives = master_lives || (row.role == "master" && is_ready(row, nodes.now));
    zones.insert(row.tz);
    if (!row.redis_id.empty()) redis_ids.insert(row.redis_id);
  }
  live_nodes_ = std::max<std::int64_t>(live, 1);
  ready = std::max<std::int64_t>(ready, 1);
  if (ready_nodes_.exchange(ready) != ready && on_ready_nodes) on_ready_nodes(ready);

  std::vector<Warning> found;
  bool own_is_odd = false;
  for (const auto& odd : odd_secrets(nodes)) {
    own_is_odd = own_is_odd || odd.node_id == settings_.me.node_id;
    found.push_back({odd.secret == "SESSION_SECRET" ? "session_secret" : "crypto_secret",
                     fmt::format("{} of node {} ({}) differs from that of the other nodes; set the same on all of them",
                                 odd.secret, odd.name, odd.node_id.substr(0, 8))});
  }
  odd_ = own_is_odd;

  // An id that has just been drawn anew (an emptied Redis) takes a round to reach every row.
  redis_differs_ = redis_ids.size() > 1 ? redis_differs_ + 1 : 0;
  split_redis_ = redis_differs_ > 1;
  if (split_redis_)
    found.push_back({"split_redis",
                     "nodes of this database use different Redis servers; give all of them one "
                     "REDIS_CONN_STRING"});
  std::set<std::string> strangers;
  if (shown)
    for (const auto& entry : *shown)
      if (!entry.cluster_id.empty() && entry.cluster_id != settings_.cluster_id) strangers.insert(entry.name);
  split_database_ = !strangers.empty();
  if (split_database_)
    found.push_back({"split_database", "nodes with another database use this Redis: " + join(strangers) +
                                           "; one Redis serves one cluster, one cluster has one SQL_DSN"});
  if (zones.size() > 1)
    found.push_back({"time_zone", "nodes have different time zones (" + join(zones) + "); set one TZ on all of them"});
  if (!lost.empty())
    found.push_back(
        {"node_lost", "no heartbeat from: " + join(lost) + "; start them again, or: tollgate cluster forget NODE"});
  if (live > 1 && !board_)
    found.push_back({"no_redis",
                     "several nodes and no Redis: limits hold per node, changes arrive by polling; set "
                     "REDIS_CONN_STRING on all of them"});
  if (auto offset = std::abs(offset_ms_.load()); offset > kClockWarning)
    found.push_back(
        {"clock", fmt::format("this node's clock is {} ms off the database's; run a time service", offset_ms_.load())});
  // A clock that was set shows in one reading, and is told of when the median has followed.
  settled_ = found.empty() && redis_differs_ == 0 && master_lives &&
             std::abs(offsets_.back() - offset_ms_.load()) <= kClockWarning;
  tell(std::move(found));
}

void Registry::tell(std::vector<Warning> found) {
  const auto now = clock_.steady();
  std::map<std::string, core::SteadyTime> told;
  for (const auto& warning : found) {
    auto before = told_.find(warning.text);
    const bool again = before == told_.end() || now - before->second >= kTellAgain;
    if (again) {
      if (warning.code.ends_with("_secret") || warning.code.starts_with("split"))
        core::log::error("cluster: {}", warning.text);
      else
        core::log::warn("cluster: {}", warning.text);
    }
    told[warning.text] = again ? now : before->second;
  }
  told_ = std::move(told);
  std::lock_guard lock(mutex_);
  warnings_ = std::move(found);
}

void Registry::show() {
  if (!board_) return;
  prepare();
  board_->show(
      {row_.node_id, row_.name, row_.cluster_id, row_.state.empty() ? "starting" : row_.state, row_.incarnation});
}

void Registry::start() {
  thread_ = std::thread([this] { run(); });
}

void Registry::wake() {
  {
    std::lock_guard lock(thread_mutex_);
    due_ = true;
  }
  wake_.notify_all();
}

void Registry::run() {
  auto next = clock_.steady();
  bool wanted = true;
  for (;;) {
    const auto now = clock_.steady();
    if (now >= next || wanted) {
      step(std::exchange(wanted, false));
      next = now + kShortestBeat + milliseconds(static_cast<std::int64_t>(random_.below(kBeatSpread + 1)));
    }
    show();
    std::unique_lock lock(thread_mutex_);
    wake_.wait_for(lock, std::min<core::SteadyTime::duration>(kShow, next - clock_.steady()),
                   [this] { return stopping_ || due_; });
    if (stopping_) return;
    wanted = std::exchange(due_, false);
  }
}

void Registry::stop() {
  {
    std::lock_guard lock(thread_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  const auto report = report_();
  row_.journal_last_seq = report.journal_last_seq;
  row_.epoch = report.epoch;
  if (auto lease = pool_.lease(); lease && !beat(**lease, "left"))
    core::log::warn("the registry still shows this node: the database is away");
  if (board_) board_->take_off(row_.node_id);
}

}  // namespace tollgate::cluster
