#include "relay/affinity_redis.h"

#include <charconv>
#include <future>

#include "net/suspend.h"

namespace tollgate::relay {
namespace {

using core::Result;
using redis::Reply;

constexpr std::string_view kSpace = "new-api:channel_affinity:v1:";
constexpr auto kRecent = std::chrono::seconds(10);
constexpr std::size_t kMost = 10'000;

std::optional<core::ChannelId> channel_of(const Reply& reply) {
  std::int64_t id = 0;
  const auto& text = reply.text;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failed != std::errc() || end != text.data() + text.size() || id <= 0) return std::nullopt;
  return core::ChannelId{id};
}

}  // namespace

std::string AffinityRedis::name(std::string_view key) const { return redis_.key(std::string(kSpace).append(key)); }

net::awaitable<std::optional<core::ChannelId>> AffinityRedis::find(std::string_view key) {
  auto known = co_await recent_.find(key);
  if (known) co_return known;
  auto begin = [&](auto done) {
    redis_.send({"GET", name(key)}, [done](Result<Reply> reply) mutable { done(std::move(reply)); });
  };
  auto reply = co_await net::suspend<Result<Reply>>(begin);
  if (!reply || reply->is_error()) co_return co_await own_.find(key);
  auto channel = channel_of(*reply);
  if (channel) recent_.put(key, *channel, kRecent, kMost);
  co_return channel;
}

void AffinityRedis::put(std::string_view key, core::ChannelId channel, std::chrono::seconds life, std::size_t most) {
  redis_.send({"SET", name(key), std::to_string(channel.value), "EX", std::to_string(life.count())});
  recent_.put(key, channel, std::min(kRecent, life), kMost);
  own_.put(key, channel, life, most);
}

std::optional<std::vector<std::string>> AffinityRedis::names() {
  const auto prefix = name("");
  std::string pattern;
  for (char c : prefix) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  pattern += '*';
  auto keys = redis_.scan(pattern);
  if (!keys) return std::nullopt;
  std::vector<std::string> suffixes;
  for (const auto& key : *keys) suffixes.push_back(key.substr(prefix.size()));
  return suffixes;
}

void AffinityRedis::each_key(const std::function<void(std::string_view)>& visit) {
  auto keys = names();
  if (!keys) return own_.each_key(visit);
  for (const auto& key : *keys) visit(key);
}

std::size_t AffinityRedis::erase_if(const std::function<bool(std::string_view)>& drops) {
  recent_.erase_if(drops);
  auto own = own_.erase_if(drops);
  auto keys = names();
  if (!keys) return own;
  std::size_t erased = 0;
  std::vector<std::future<bool>> answers;
  for (const auto& key : *keys) {
    if (!drops(key)) continue;
    auto answer = std::make_shared<std::promise<bool>>();
    answers.push_back(answer->get_future());
    redis_.send({"UNLINK", name(key)},
                [answer](const Result<Reply>& reply) { answer->set_value(reply && reply->integer > 0); });
  }
  for (auto& answer : answers) erased += answer.get() ? 1 : 0;
  return erased;
}

}  // namespace tollgate::relay
