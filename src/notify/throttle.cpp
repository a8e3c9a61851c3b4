#include "notify/throttle.h"

namespace tollgate::notify {
namespace {
constexpr std::size_t kSweepFrom = 10'000;
constexpr std::int64_t kHour = 3600;
}  // namespace

bool Throttle::over(const Count& count, std::int64_t now) const {
  return now >= count.until || now / kHour != count.hour;
}

void Throttle::sweep(std::int64_t now) {
  std::erase_if(counts_, [&](const auto& entry) { return over(entry.second, now); });
}

bool Throttle::would_admit(core::UserId user, const std::string& type, std::int64_t now) const {
  const auto found = counts_.find({user, type});
  if (found == counts_.end() || over(found->second, now)) return limit_ > 0;
  return found->second.taken < limit_;
}

bool Throttle::admit(core::UserId user, const std::string& type, std::int64_t now) {
  if (!would_admit(user, type, now)) return false;
  if (counts_.size() >= kSweepFrom) sweep(now);
  auto& count = counts_[{user, type}];
  if (over(count, now)) count = {0, now / kHour, now + window_};
  ++count.taken;
  return true;
}

}  // namespace tollgate::notify
