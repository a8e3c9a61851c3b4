// Channels by affinity key for several nodes: in Redis, under the compatible product's keys.
#pragma once
#include "redis/client.h"
#include "relay/affinity_store.h"

namespace tollgate::relay {

// What this node put or found a moment ago is answered from memory, so that a busy key costs no round trip; so is
// everything it knows while Redis gives no answer.
class AffinityRedis final : public AffinityChannels {
 public:
  AffinityRedis(redis::Client& redis, const core::Clock& clock) : redis_(redis), recent_(clock), own_(clock) {}

  net::awaitable<std::optional<core::ChannelId>> find(std::string_view key) override;
  void put(std::string_view key, core::ChannelId channel, std::chrono::seconds life, std::size_t most) override;
  // For threads that may wait: the whole keyspace is gone through.
  void each_key(const std::function<void(std::string_view)>& visit) override;
  std::size_t erase_if(const std::function<bool(std::string_view)>& drops) override;

 private:
  std::string name(std::string_view key) const;
  // The suffixes of all keys there; nullopt when Redis gives no answer.
  std::optional<std::vector<std::string>> names();

  redis::Client& redis_;
  AffinityMemory recent_;  // for some seconds
  AffinityMemory own_;     // for when Redis is away
};

}  // namespace tollgate::relay
