#include "cluster/signals.h"

#include <algorithm>

namespace tollgate::cluster {

void LocalSignals::unsubscribe() {
  std::lock_guard lock(hub_.mutex);
  std::erase(hub_.members, this);
}

void LocalSignals::publish(std::string message) {
  std::lock_guard lock(hub_.mutex);
  if (!healthy_) return;
  for (auto* member : hub_.members)
    if (member->healthy_) member->on_message_(message);
}

void LocalSignals::remember(std::string_view kind, std::int64_t id) {
  std::lock_guard lock(hub_.mutex);
  if (healthy_) hub_.remembered[{std::string(kind), id}] = hub_.now();
}

void LocalSignals::recall(Recalled recalled) {
  std::vector<Remembered> found;
  {
    std::lock_guard lock(hub_.mutex);
    for (const auto& [entity, at] : hub_.remembered)
      found.push_back(
          {entity.first, entity.second, std::chrono::duration_cast<std::chrono::milliseconds>(hub_.now() - at)});
  }
  recalled(found);
}

void LocalSignals::subscribe(std::function<void(std::string_view)> on_message, std::function<void()> on_gap) {
  std::lock_guard lock(hub_.mutex);
  on_message_ = std::move(on_message);
  on_gap_ = std::move(on_gap);
  hub_.members.push_back(this);
}

void LocalSignals::set_healthy(bool healthy) {
  {
    std::lock_guard lock(hub_.mutex);
    healthy_ = healthy;
  }
  if (healthy && on_gap_) on_gap_();
}

}  // namespace tollgate::cluster
