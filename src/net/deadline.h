// Time limits of connections: one lazy wheel a worker instead of a timer per connection. Moving a limit further away,
// which every stream event does, is one store.
#pragma once
#include <array>
#include <chrono>
#include <functional>

namespace tollgate::net {

class DeadlineWheel;

// An entry of the wheel of the worker it was made on; used on that worker's thread only. The callback runs at most once
// per set(), up to one tick (100 ms) late, and may destroy the entry.
class Deadline {
 public:
  Deadline() = default;
  ~Deadline() { clear(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(DeadlineWheel& wheel, std::chrono::steady_clock::time_point due, std::function<void()> fire);
  void move_to(std::chrono::steady_clock::time_point due);  // keeps the callback; nothing when not set
  void clear();
  bool is_set() const { return wheel_ != nullptr; }

 private:
  friend class DeadlineWheel;
  void unlink();

  DeadlineWheel* wheel_ = nullptr;
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
  std::size_t slot_ = 0;
  std::chrono::steady_clock::time_point due_;
  std::chrono::steady_clock::time_point slot_time_;  // when the slot it hangs in comes up
  std::function<void()> fire_;
};

class DeadlineWheel {
 public:
  static constexpr auto kTick = std::chrono::milliseconds(100);
  explicit DeadlineWheel(std::chrono::steady_clock::time_point now) : now_(now) {}
  ~DeadlineWheel();

  void advance(std::chrono::steady_clock::time_point now);            // fires what is due
  std::chrono::steady_clock::time_point now() const { return now_; }  // as of the last tick
  int size() const { return size_; }

 private:
  friend class Deadline;
  static constexpr std::size_t kSlots = 512;
  void link(Deadline& entry);

  std::chrono::steady_clock::time_point now_;
  std::size_t at_ = 0;
  int size_ = 0;
  std::array<Deadline*, kSlots> slots_{};
};

}  // namespace tollgate::net
