#include "api/rate_limit.h"

#include <algorithm>

namespace tollgate::api {
namespace {
constexpr std::int64_t kIdleSeconds = 1200;  // longer windows are cut to this, as with the shared limiter
}

LimitAnswer RateLimiter::check(std::string_view key, std::int64_t count, std::int64_t seconds, std::int64_t now) {
  std::lock_guard lock(mutex_);
  if (now - purged_at_ >= kIdleSeconds) purge(now);
  if (count <= 0) return {false, 0, seconds};
  auto& times = log_[std::string(key)];
  while (static_cast<std::int64_t>(times.size()) > count) times.pop_front();
  if (static_cast<std::int64_t>(times.size()) == count) {
    const std::int64_t age = now - times.front();
    if (age < seconds) return {false, 0, std::max<std::int64_t>(1, seconds - age)};
    times.pop_front();
  }
  times.push_back(now);
  const auto inside = std::ranges::count_if(times, [&](std::int64_t t) { return now - t < seconds; });
  return {true, count - inside, 0};
}

void RateLimiter::purge(std::int64_t now) {
  std::erase_if(log_,
                [&](const auto& entry) { return entry.second.empty() || now - entry.second.back() > kIdleSeconds; });
  purged_at_ = now;
}

}  // namespace tollgate::api
