// What is remembered of keys that should meet the same channel again, and how often their prompts were cached there.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "billing/usage.h"
#include "core/clock.h"
#include "core/timed_lru.h"
#include "core/types.h"
#include "net/awaitable.h"

namespace tollgate::relay {

// The channels by key. Thread-safe. find() may wait for another machine where they are kept for several nodes.
class AffinityChannels {
 public:
  virtual ~AffinityChannels() = default;
  virtual net::awaitable<std::optional<core::ChannelId>> find(std::string_view key) = 0;
  virtual void put(std::string_view key, core::ChannelId channel, std::chrono::seconds life, std::size_t most) = 0;
  virtual void each_key(const std::function<void(std::string_view)>& visit) = 0;
  virtual std::size_t erase_if(const std::function<bool(std::string_view)>& drops) = 0;
};

// Those of one node, in its memory.
class AffinityMemory : public AffinityChannels {
 public:
  explicit AffinityMemory(const core::Clock& clock) : clock_(clock) {}
  net::awaitable<std::optional<core::ChannelId>> find(std::string_view key) override {
    co_return channels_.find(key, clock_.steady());
  }
  void put(std::string_view key, core::ChannelId channel, std::chrono::seconds life, std::size_t most) override {
    auto now = clock_.steady();
    channels_.update(key, now, now + life, most, [&](core::ChannelId& value) { value = channel; });
  }
  void each_key(const std::function<void(std::string_view)>& visit) override {
    channels_.each_key(clock_.steady(), visit);
  }
  std::size_t erase_if(const std::function<bool(std::string_view)>& drops) override {
    return channels_.erase_if(drops);
  }

 private:
  const core::Clock& clock_;
  core::TimedLru<core::ChannelId> channels_;
};

// Counts over the answers of one rule, group and key.
struct AffinityUsage {
  std::int64_t hit = 0;  // answers with cached tokens
  std::int64_t total = 0;
  std::int64_t window_seconds = 0;  // the counts end so long after the last answer
  std::int64_t prompt_tokens = 0, completion_tokens = 0, total_tokens = 0, cached_tokens = 0;
  std::int64_t last_seen_at = 0;  // unix seconds
};

class AffinityUsages {
 public:
  explicit AffinityUsages(const core::Clock& clock) : clock_(clock) {}
  void add(std::string_view rule, std::string_view group, std::string_view fingerprint, const billing::Usage& usage,
           std::chrono::seconds life, std::size_t most);
  std::optional<AffinityUsage> find(std::string_view rule, std::string_view group, std::string_view fingerprint);

 private:
  const core::Clock& clock_;
  core::TimedLru<AffinityUsage> usages_;
};

}  // namespace tollgate::relay
