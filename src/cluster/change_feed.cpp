#include "cluster/change_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cluster/node_row.h"
#include "core/config.h"
#include "core/log.h"
#include "model/version.h"
#include "sql/server_clock.h"

namespace tollgate::cluster {
namespace {

namespace json = boost::json;
using sql::Param;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kGather = milliseconds(20);        // so that a burst of changes is one reload
constexpr auto kReloadPause = milliseconds(200);  // five reloads a second at most
constexpr auto kTryAgain = seconds(2);
constexpr auto kRecallAgain = seconds(1);
constexpr auto kFastPoll = seconds(2);
constexpr auto kFastFor = std::chrono::minutes(5);
constexpr auto kRemembered = std::chrono::hours(24);
// What was read so shortly after a change may have been asked for before it.
constexpr auto kReadSlack = seconds(5);
constexpr auto kMixedFor = std::chrono::hours(24);
constexpr int kReadAgain = 5;

std::string_view text_of(const json::object& message, std::string_view name) {
  const auto* value = message.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::int64_t number_of(const json::object& message, std::string_view name) {
  const auto* value = message.if_contains(name);
  return value && value->is_int64() ? value->get_int64() : 0;
}

template <class Visit>
void each_id(const json::object& message, Visit visit) {
  const auto* list = message.if_contains("e");
  if (!list || !list->is_array()) return;
  for (const auto& id : list->get_array())
    if (id.is_int64()) visit(id.get_int64());
}

}  // namespace

ChangeFeed::ChangeFeed(FeedSettings settings, sql::Pool& pool, Signals& signals, const core::Clock& clock,
                       Callbacks callbacks)
    : settings_(std::move(settings)), pool_(pool), signals_(signals), clock_(clock), callbacks_(std::move(callbacks)) {
  for (std::string_view kind : {"user", "token"})
    on(std::string(kind), [this, kind](const json::object& message) {
      each_id(message, [&](std::int64_t id) { forget(kind, id, core::SteadyTime::max()); });
    });
  on("seen", [this](const json::object& message) {
    std::lock_guard lock(mutex_);
    auto& seen = seen_[std::string(text_of(message, "n"))];
    seen = std::max(seen, number_of(message, "v"));
    seen_changed_.notify_all();
  });
  on("seen?", [this](const json::object& message) {
    {
      std::lock_guard lock(mutex_);
      asked_ = std::max(asked_, number_of(message, "v"));
      if (asked_ > epoch_ && !reload_at_) reload_at_ = clock_.steady();
    }
    answer_question();
    wake();
  });
}

ChangeFeed::~ChangeFeed() { stop(); }

void ChangeFeed::on(std::string kind, std::function<void(const json::object&)> handler) {
  handlers_.insert_or_assign(std::move(kind), std::move(handler));
}

void ChangeFeed::publish(std::string_view kind, json::object members) {
  members["t"] = json::string_view(kind.data(), kind.size());
  members["n"] = settings_.node_id;
  members["c"] = settings_.cluster_id;
  signals_.publish(json::serialize(members));
}

void ChangeFeed::receive(std::string_view text) {
  boost::system::error_code bad;
  auto value = json::parse(json::string_view(text.data(), text.size()), bad);
  if (bad || !value.is_object()) return;
  const auto& message = value.get_object();
  // Another cluster on the same server by mistake, or ourselves.
  if (text_of(message, "c") != settings_.cluster_id || text_of(message, "n") == settings_.node_id) return;
  auto handler = handlers_.find(text_of(message, "t"));
  if (handler != handlers_.end()) return handler->second(message);
  if (message.if_contains("v")) received_version(message);
}

void ChangeFeed::received_version(const json::object& message) {
  {
    std::lock_guard lock(mutex_);
    auto known = applied_.find(std::string(text_of(message, "t")));
    if (known != applied_.end() && known->second >= number_of(message, "v")) return;
    last_change_ = clock_.steady();
    if (!reload_at_) reload_at_ = clock_.steady() + kGather;
  }
  wake();
}

core::Result<ChangeFeed::Versions> ChangeFeed::read() {
  auto lease = pool_.lease();
  if (!lease) return core::error(core::Errc::kUnavailable, lease.error().message);
  auto rows = model::read_versions(**lease);
  if (!rows) return core::error(core::Errc::kUnavailable, "versions: " + rows.error().message);
  Versions versions;
  for (auto& row : *rows) versions.emplace(std::move(row.topic), row.number);
  return versions;
}

bool ChangeFeed::behind(const Versions& fresh) const {
  std::lock_guard lock(mutex_);
  return fresh != applied_;
}

// Only what this node has not known is news; the others compare the number with theirs.
void ChangeFeed::announce(const Versions& fresh) {
  for (const auto& [topic, number] : fresh) {
    if (topic == "all" || topic == "abilities") continue;
    {
      std::lock_guard lock(mutex_);
      auto known = applied_.find(topic);
      if (known != applied_.end() && known->second >= number) continue;
    }
    publish(topic, {{"v", number}});
  }
}

core::Result<void> ChangeFeed::load() { return load(false); }

core::Result<void> ChangeFeed::load(bool tell) {
  std::lock_guard one_at_a_time(loading_);
  auto before = read();
  if (!before) return before.error();
  if (tell) announce(*before);
  bool known = loaded_ && !behind(*before);
  // What changes while it is read is read again. After some rounds the older number stands: a later look repeats.
  for (int round = 1;; ++round) {
    auto content = callbacks_.reload();
    if (!content) return content.error();
    // Nothing has moved since the last time, which is what most looks find.
    if (known && *content == content_) break;
    auto after = read();
    if (!after) return after.error();
    const bool settled = *after == *before;
    if (settled && known && *content != content_) {
      std::lock_guard lock(mutex_);
      if (!mixed_since_ && settings_.mixed == Mixed::kAuto)
        core::log::info("channels or options were changed by a program that raises no version");
      mixed_since_ = clock_.steady();
    }
    content_ = *content;
    if (settled || round == kReadAgain) break;
    before = std::move(after);
    known = false;
  }
  loaded_ = true;
  std::int64_t epoch = 0;
  {
    std::lock_guard lock(mutex_);
    if (!applied_.empty() && applied_ != *before) last_change_ = clock_.steady();
    applied_ = std::move(*before);
    if (auto all = applied_.find("all"); all != applied_.end()) epoch = all->second;
    last_reload_ = clock_.steady();
  }
  const bool moved = epoch_.exchange(epoch) != epoch;
  if (moved && !signals_.healthy()) note_epoch(epoch);
  answer_question();
  return {};
}

// Without signals others read in the registry how far this node is.
void ChangeFeed::note_epoch(std::int64_t epoch) {
  auto lease = pool_.lease();
  if (!lease) return;
  auto done = (*lease)->execute("UPDATE tg_nodes SET epoch = ? WHERE node_id = ?",
                                {Param(epoch), Param(std::string_view(settings_.node_id))});
  if (!done) core::log::debug("tg_nodes: {}", done.error().message);
}

void ChangeFeed::answer_question() {
  std::int64_t asked = 0;
  {
    std::lock_guard lock(mutex_);
    if (asked_ == 0 || asked_ > epoch_) return;
    asked = std::exchange(asked_, 0);
  }
  publish("seen", {{"v", std::max(asked, epoch())}});
}

bool ChangeFeed::changed() {
  auto loaded = load(true);
  if (!loaded) core::log::warn("configuration stays as it was: {}", loaded.error().message);
  std::lock_guard lock(mutex_);
  last_change_ = clock_.steady();
  if (!loaded) next_poll_ = clock_.steady();
  return loaded.has_value();
}

void ChangeFeed::user_changed(core::UserId user) { tell_of("user", user.value); }
void ChangeFeed::token_changed(core::TokenId token) { tell_of("token", token.value); }

void ChangeFeed::forget(std::string_view kind, std::int64_t id, core::SteadyTime read_before) {
  if (kind == "user") callbacks_.user(core::UserId{id}, read_before);
  if (kind == "token") callbacks_.token(core::TokenId{id}, read_before);
}

void ChangeFeed::tell_of(std::string_view kind, std::int64_t id) {
  signals_.remember(kind, id);
  publish(kind, {{"e", json::array{id}}});
  if (!signals_.present() || signals_.healthy()) return;
  auto lease = pool_.lease();
  if (!lease) return;
  const std::string now = sql::server_now_ms((*lease)->dialect());
  auto noted = (*lease)->execute("UPDATE tg_revocations SET at = " + now + " WHERE kind = ? AND id = ?",
                                 {Param(kind), Param(id)});
  if (noted && noted->affected == 0)
    noted = (*lease)->execute("INSERT INTO tg_revocations (kind, id, at) VALUES (?, ?, " + now + ")",
                              {Param(kind), Param(id)});
  if (!noted && noted.error().cls != sql::ErrorClass::kDuplicate)
    core::log::warn("a change of {} {} cannot be told to other nodes: {}", kind, id, noted.error().message);
}

// What was missed while no messages came. A node that SQL does not answer either has nothing else to go by.
void ChangeFeed::recall() {
  signals_.recall([this, now = clock_.steady()](const auto& remembered) {
    if (remembered) {
      for (const auto& [kind, id, age] : *remembered) forget(kind, id, now - age + kReadSlack);
      return;
    }
    {
      std::lock_guard lock(mutex_);
      recall_at_ = clock_.steady() + kRecallAgain;
    }
    wake();
  });
}

// Noted while nothing could be told: told now, also to nodes that SQL does not answer.
void ChangeFeed::read_revocations() {
  auto lease = pool_.lease();
  if (!lease) return;
  auto rows = (*lease)->query(
      "SELECT kind, id FROM tg_revocations WHERE at > " + sql::server_now_ms((*lease)->dialect()) + " - ?",
      {Param(std::int64_t{duration_cast<milliseconds>(kRemembered).count()})});
  if (!rows) return;
  std::map<std::string, json::array> ids;
  for (const auto& row : *rows) {
    forget(row.text(0), row.integer(1), core::SteadyTime::max());
    signals_.remember(row.text(0), row.integer(1));
    ids[row.text(0)].emplace_back(row.integer(1));
  }
  for (auto& [kind, list] : ids) publish(kind, {{"e", std::move(list)}});
}

std::map<std::string, std::int64_t> ChangeFeed::applied() const {
  std::lock_guard lock(mutex_);
  return applied_;
}

std::string ChangeFeed::versions() const {
  std::string text;
  for (const auto& [topic, number] : applied())
    if (topic == "channels" || topic == "options")
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", topic, number);
  return text;
}

void ChangeFeed::catch_up(std::string_view wanted) {
  bool ahead = false;
  const auto known = applied();
  while (!wanted.empty()) {
    auto item = wanted.substr(0, wanted.find(','));
    wanted.remove_prefix(std::min(wanted.size(), item.size() + 1));
    auto equals = item.find('=');
    if (equals == std::string_view::npos) return;
    auto number = core::parse_integer(item.substr(equals + 1));
    auto mine = known.find(std::string(item.substr(0, equals)));
    if (!number || mine == known.end()) return;
    ahead = ahead || *number > mine->second;
  }
  if (!ahead) return;
  if (auto loaded = load(); !loaded) core::log::warn("configuration stays as it was: {}", loaded.error().message);
}

Seen ChangeFeed::wait_for_all() {
  const auto wanted = epoch();
  const bool by_signal = signals_.healthy();
  const auto limit = clock_.steady() + (by_signal ? seconds(2) : seconds(5));
  if (by_signal) publish("seen?", {{"v", wanted}});
  for (;;) {
    Seen seen;
    // A connection is not kept while waiting.
    if (auto lease = pool_.lease()) {
      auto nodes = read_nodes(**lease, false);
      if (!nodes) return seen;
      std::lock_guard lock(mutex_);
      for (const auto& row : nodes->rows) {
        if (row.node_id != settings_.node_id && !is_ready(row, nodes->now)) continue;
        ++seen.of;
        auto answered = seen_.find(row.node_id);
        seen.nodes += row.node_id == settings_.node_id || row.epoch >= wanted ||
                      (answered != seen_.end() && answered->second >= wanted);
      }
    }
    if (seen.nodes == seen.of || clock_.steady() >= limit) return seen;
    std::unique_lock lock(mutex_);
    seen_changed_.wait_for(lock, milliseconds(200));
  }
}

bool ChangeFeed::mixed() const {
  if (settings_.mixed != Mixed::kAuto) return settings_.mixed == Mixed::kOn;
  std::lock_guard lock(mutex_);
  return mixed_since_ && clock_.steady() - *mixed_since_ < kMixedFor;
}

void ChangeFeed::poll(bool everything) {
  if (!everything) {
    auto fresh = read();
    if (fresh && !behind(*fresh)) return;
  }
  auto loaded = load();
  if (loaded) return;
  core::log::warn("configuration stays as it was: {}", loaded.error().message);
  std::lock_guard lock(mutex_);
  reload_at_ = clock_.steady() + kTryAgain;
}

milliseconds ChangeFeed::step() {
  const auto now = clock_.steady();
  bool full = false, look = false, reload = false, gap = false, missed = false;
  const bool healthy = signals_.healthy();
  {
    std::lock_guard lock(mutex_);
    full = now >= next_full_;
    // Counted from start to start; what the load takes is part of it.
    if (full) next_full_ = now + settings_.period * (90 + static_cast<std::int64_t>(random_.below(10))) / 100;
    const bool fast = !healthy && settings_.period > seconds(5) && last_change_ && now - *last_change_ < kFastFor;
    gap = std::exchange(gap_, false);
    missed = gap || (recall_at_ && now >= *recall_at_);
    if (missed) recall_at_.reset();
    look = gap || (fast && now >= next_poll_);
    if (look || full) next_poll_ = now + kFastPoll;
    if (reload_at_ && now >= *reload_at_ && now - last_reload_ >= kReloadPause) {
      reload = true;
      reload_at_.reset();
    }
  }
  if (gap) callbacks_.everyone();
  if (missed) recall();
  if (gap) read_revocations();
  if (full) {
    poll(settings_.mixed != Mixed::kOff);
  } else if (look || reload) {
    poll(false);
  }

  std::lock_guard lock(mutex_);
  auto next = std::min(next_full_, next_poll_ > now ? next_poll_ : now + kFastPoll);
  if (recall_at_) next = std::min(next, *recall_at_);
  if (reload_at_) next = std::min(next, std::max(*reload_at_, last_reload_ + kReloadPause));
  return std::max(milliseconds(1), duration_cast<milliseconds>(next - clock_.steady()));
}

void ChangeFeed::wake() {
  {
    std::lock_guard lock(thread_mutex_);
    due_ = true;
  }
  wake_.notify_all();
}

void ChangeFeed::start() {
  {
    std::lock_guard lock(mutex_);
    const auto now = clock_.steady();
    next_full_ = now + settings_.period * (90 + static_cast<std::int64_t>(random_.below(10))) / 100;
    next_poll_ = now + kFastPoll;
  }
  signals_.subscribe([this](std::string_view message) { receive(message); },
                     [this] {
                       {
                         std::lock_guard lock(mutex_);
                         gap_ = true;
                       }
                       wake();
                     });
  thread_ = std::thread([this] { run(); });
}

void ChangeFeed::run() {
  for (;;) {
    const auto pause = step();
    std::unique_lock lock(thread_mutex_);
    wake_.wait_for(lock, pause, [this] { return stopping_ || due_; });
    if (stopping_) return;
    due_ = false;
  }
}

void ChangeFeed::stop() {
  {
    std::lock_guard lock(thread_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  signals_.unsubscribe();
}

}  // namespace tollgate::cluster
