#include "cluster/redis_signals.h"

#include <fmt/format.h>

#include "core/config.h"
#include "core/random.h"

namespace tollgate::cluster {
namespace {

constexpr std::string_view kChannel = "tg:ch", kSet = "tg:nodes", kServerId = "tg:cluster:id", kRevoked = "tg:revoked";
constexpr std::int64_t kDayMs = std::int64_t{24} * 3600 * 1000;
constexpr std::size_t kMostRead = 1000;

// By the server's clock: those of nodes may differ. KEYS[1] the set; ARGV: member, life in ms.
const redis::Script kRemember(R"lua(
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%d', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now - ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
)lua");
// Members, each with its age in ms. KEYS[1] the set; ARGV: life in ms.
const redis::Script kRecall(R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%d', now - ARGV[1]), '+inf', 'WITHSCORES')
for i = 2, #found, 2 do found[i] = string.format('%d', now - found[i]) end
return found
)lua");

std::string hash_of(const std::string& node_id) { return "tg:node:" + node_id; }

}  // namespace

void RedisSignals::unsubscribe() {
  if (!listener_) return;
  std::lock_guard lock(listener_->mutex);
  listener_->alive = false;
}

bool RedisSignals::healthy() const {
  if (!subscribed_.load(std::memory_order_relaxed)) return false;
  const auto state = client_.state();
  return state.connected && state.listening;
}

void RedisSignals::publish(std::string message) {
  client_.send({"PUBLISH", client_.key(kChannel), std::move(message)});
}

void RedisSignals::remember(std::string_view kind, std::int64_t id) {
  client_.run(kRemember, client_.key(kRevoked), {fmt::format("{}:{}", kind, id), std::to_string(kDayMs)}, {});
}

void RedisSignals::recall(Recalled recalled) {
  if (!listener_) return recalled(std::nullopt);
  client_.run(kRecall, client_.key(kRevoked), {std::to_string(kDayMs)},
              [listener = listener_, recalled = std::move(recalled)](const core::Result<redis::Reply>& reply) {
                std::lock_guard lock(listener->mutex);
                if (!listener->alive) return;
                if (!reply || reply->is_error()) return recalled(std::nullopt);
                std::vector<Remembered> found;
                for (std::size_t i = 0; i + 1 < reply->items.size(); i += 2) {
                  const std::string_view member = reply->items[i].text;
                  const auto colon = member.find(':');
                  if (colon == std::string_view::npos) continue;
                  const auto id = core::parse_integer(member.substr(colon + 1));
                  const auto age = core::parse_integer(reply->items[i + 1].text);
                  if (id && age)
                    found.push_back({std::string(member.substr(0, colon)), *id, std::chrono::milliseconds(*age)});
                }
                recalled(found);
              });
}

void RedisSignals::subscribe(std::function<void(std::string_view)> on_message, std::function<void()> on_gap) {
  listener_ = std::make_shared<Listener>();
  listener_->on_message = std::move(on_message);
  listener_->on_gap = std::move(on_gap);
  client_.subscribe({.channel = std::string(kChannel),
                     .heartbeat = R"({"t":"ping"})",
                     .message =
                         [listener = listener_](std::string_view message) {
                           std::lock_guard lock(listener->mutex);
                           if (listener->alive) listener->on_message(message);
                         },
                     .joined =
                         [listener = listener_] {
                           std::lock_guard lock(listener->mutex);
                           if (listener->alive) listener->on_gap();
                         }});
  subscribed_ = true;
}

std::string RedisBoard::server_id() {
  const auto key = client_.key(kServerId);
  auto found = client_.ask({"GET", key});
  if (found && found->is_nil()) {
    // Whoever is first decides; a failure shows in the reading after it.
    [[maybe_unused]] auto set = client_.ask({"SET", key, core::random_uuid(), "NX"});
    found = client_.ask({"GET", key});
  }
  return found && !found->is_error() ? found->text : std::string();
}

void RedisBoard::show(const BoardEntry& entry) {
  const auto hash = client_.key(hash_of(entry.node_id));
  client_.send({"HSET", hash, "name", entry.name, "cluster_id", entry.cluster_id, "state", entry.state, "incarnation",
                std::to_string(entry.incarnation)});
  client_.send({"EXPIRE", hash, "10"});
  client_.send({"SADD", client_.key(kSet), entry.node_id});
}

void RedisBoard::take_off(const std::string& node_id) {
  client_.send({"DEL", client_.key(hash_of(node_id))});
  [[maybe_unused]] auto done = client_.ask({"SREM", client_.key(kSet), node_id});
}

std::vector<BoardEntry> RedisBoard::read() {
  std::vector<BoardEntry> entries;
  auto ids = client_.ask({"SMEMBERS", client_.key(kSet)});
  if (!ids || ids->is_error()) return entries;
  for (const auto& id : ids->items) {
    if (entries.size() >= kMostRead) break;
    auto fields = client_.ask({"HGETALL", client_.key(hash_of(id.text))});
    if (!fields || fields->is_error()) return entries;
    if (fields->items.empty()) {  // it is gone
      client_.send({"SREM", client_.key(kSet), id.text});
      continue;
    }
    BoardEntry entry;
    entry.node_id = id.text;
    for (std::size_t i = 0; i + 1 < fields->items.size(); i += 2) {
      const auto& name = fields->items[i].text;
      const auto& value = fields->items[i + 1].text;
      if (name == "name") entry.name = value;
      if (name == "cluster_id") entry.cluster_id = value;
      if (name == "state") entry.state = value;
      if (name == "incarnation") entry.incarnation = core::parse_integer(value).value_or(0);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace tollgate::cluster
