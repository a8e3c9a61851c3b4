#include "net/deadline.h"

#include <algorithm>

namespace tollgate::net {

using std::chrono::steady_clock;

void Deadline::set(DeadlineWheel& wheel, steady_clock::time_point due, std::function<void()> fire) {
  clear();
  wheel_ = &wheel;
  due_ = due;
  fire_ = std::move(fire);
  wheel.link(*this);
}

void Deadline::move_to(steady_clock::time_point due) {
  if (!wheel_) return;
  due_ = due;
  if (due >= slot_time_) return;  // the slot comes up earlier and moves the entry on
  unlink();
  wheel_->link(*this);
}

void Deadline::clear() {
  if (!wheel_) return;
  unlink();
  wheel_ = nullptr;
  fire_ = nullptr;
}

void Deadline::unlink() {
  if (next_) next_->previous_ = previous_;
  if (previous_) {
    previous_->next_ = next_;
  } else {
    wheel_->slots_[slot_] = next_;
  }
  previous_ = next_ = nullptr;
  --wheel_->size_;
}

DeadlineWheel::~DeadlineWheel() {
  for (auto* entry : slots_)
    while (entry) {
      auto* next = entry->next_;
      entry->previous_ = entry->next_ = nullptr;
      entry->wheel_ = nullptr;
      entry = next;
    }
}

void DeadlineWheel::link(Deadline& entry) {
  auto ticks = entry.due_ <= now_ ? 1 : (entry.due_ - now_ + kTick - steady_clock::duration(1)) / kTick;
  auto ahead = static_cast<std::size_t>(std::clamp<std::int64_t>(ticks, 1, kSlots - 1));
  entry.slot_time_ = now_ + kTick * static_cast<int>(ahead);
  entry.slot_ = (at_ + ahead) % kSlots;
  auto& slot = slots_[entry.slot_];
  entry.previous_ = nullptr;
  entry.next_ = slot;
  if (slot) slot->previous_ = &entry;
  slot = &entry;
  ++size_;
}

void DeadlineWheel::advance(steady_clock::time_point now) {
  while (now_ + kTick <= now) {
    now_ += kTick;
    at_ = (at_ + 1) % kSlots;
    // A callback may clear or destroy other entries of the slot, so each turn starts at its head again.
    while (auto* entry = slots_[at_]) {
      entry->unlink();
      if (entry->due_ > now_) {
        link(*entry);
        continue;
      }
      entry->wheel_ = nullptr;
      auto fire = std::move(entry->fire_);
      entry->fire_ = nullptr;
      fire();
    }
  }
}

}  // namespace tollgate::net
