// Messages between nodes that may be lost: they make others look sooner, they never carry what is true.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace tollgate::cluster {

// Thread-safe.
class Signals {
 public:
  virtual ~Signals() = default;
  // Whether there is anything that could carry them.
  virtual bool present() const { return true; }
  // Whether messages of others arrive here at present.
  virtual bool healthy() const = 0;
  // Returns at once; a message that cannot be sent is dropped.
  virtual void publish(std::string message) = 0;
  // Keeps for a day that this entity has changed now, for nodes that miss the message. Returns at once.
  virtual void remember(std::string_view kind, std::int64_t id) = 0;
  struct Remembered {
    std::string kind;
    std::int64_t id = 0;
    std::chrono::milliseconds age{0};  // by the one clock that all of them go by
  };
  // Calls back with what is remembered, perhaps later and on another thread; nullopt: it could not be asked for.
  using Recalled = std::function<void(const std::optional<std::vector<Remembered>>&)>;
  virtual void recall(Recalled recalled) = 0;
  // `on_message` for each one of others or of this node, `on_gap` after some may have been missed. Both on a thread of
  // the implementation; they wait for nothing. Once, before anything is published.
  virtual void subscribe(std::function<void(std::string_view)> on_message, std::function<void()> on_gap) = 0;
  // Once it has returned neither is called any more.
  virtual void unsubscribe() = 0;
};

// Without Redis: nothing arrives, nodes look by themselves.
class NoSignals final : public Signals {
 public:
  bool present() const override { return false; }
  bool healthy() const override { return false; }
  void publish(std::string) override {}
  void remember(std::string_view, std::int64_t) override {}
  void recall(Recalled recalled) override { recalled(std::vector<Remembered>()); }
  void subscribe(std::function<void(std::string_view)>, std::function<void()>) override {}
  void unsubscribe() override {}
};

// Between the parts of one process, for tests: messages arrive within publish().
class LocalSignals final : public Signals {
 public:
  struct Hub {
    std::mutex mutex;
    std::vector<LocalSignals*> members;
    std::map<std::pair<std::string, std::int64_t>, core::SteadyTime> remembered;
    std::function<core::SteadyTime()> now = [] { return core::SteadyTime(); };
  };
  explicit LocalSignals(Hub& hub) : hub_(hub) {}
  ~LocalSignals() override { LocalSignals::unsubscribe(); }
  bool healthy() const override { return healthy_; }
  void publish(std::string message) override;
  void remember(std::string_view kind, std::int64_t id) override;
  void recall(Recalled recalled) override;
  void subscribe(std::function<void(std::string_view)> on_message, std::function<void()> on_gap) override;
  void unsubscribe() override;
  void set_healthy(bool healthy);  // false: cut off from the others

 private:
  Hub& hub_;
  bool healthy_ = true;
  std::function<void(std::string_view)> on_message_;
  std::function<void()> on_gap_;
};

}  // namespace tollgate::cluster
