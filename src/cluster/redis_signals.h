// Signals and the board over Redis.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>

#include "cluster/board.h"
#include "cluster/signals.h"
#include "redis/client.h"

namespace tollgate::cluster {

// Messages on the channel tg:ch. The client outlives it.
class RedisSignals final : public Signals {
 public:
  explicit RedisSignals(redis::Client& client) : client_(client) {}
  ~RedisSignals() override { RedisSignals::unsubscribe(); }
  bool healthy() const override;
  void publish(std::string message) override;
  void remember(std::string_view kind, std::int64_t id) override;
  void recall(Recalled recalled) override;
  void subscribe(std::function<void(std::string_view)> on_message, std::function<void()> on_gap) override;
  void unsubscribe() override;

 private:
  // The client goes on to call what was subscribed.
  struct Listener {
    std::mutex mutex;
    bool alive = true;
    std::function<void(std::string_view)> on_message;
    std::function<void()> on_gap;
  };
  redis::Client& client_;
  std::shared_ptr<Listener> listener_;
  std::atomic<bool> subscribed_{false};
};

// The set tg:nodes and the hashes tg:node:<id>, which live ten seconds; the server's own name is tg:cluster:id, a
// random text that the first node writes. The client outlives it.
class RedisBoard final : public Board {
 public:
  explicit RedisBoard(redis::Client& client) : client_(client) {}
  bool healthy() const override { return client_.state().connected; }
  std::string server_id() override;
  void show(const BoardEntry& entry) override;
  void take_off(const std::string& node_id) override;
  std::vector<BoardEntry> read() override;

 private:
  redis::Client& client_;
};

}  // namespace tollgate::cluster
