#include "core/rate_limit.h"

#include <algorithm>
#include <future>
#include <memory>

namespace tollgate::core {
namespace {
constexpr std::int64_t kPurgeSeconds = 60;
}

RateAnswer RateLimits::ask_and_wait(RateStep step, std::string_view key, RateRule rule) {
  auto promise = std::make_shared<std::promise<RateAnswer>>();
  auto answer = promise->get_future();
  ask(step, key, rule, [promise](RateAnswer given) { promise->set_value(given); });
  return answer.get();
}

void MemoryRateLimits::ask(RateStep step, std::string_view key, RateRule rule, Done done) {
  done(count(step, key, rule));
}

RateAnswer MemoryRateLimits::count(RateStep step, std::string_view key, RateRule rule) {
  if (rule.count <= 0 && step != RateStep::kRecord) return {false, 0, rule.seconds};
  auto& part = parts_[std::hash<std::string_view>{}(key) % parts_.size()];
  std::lock_guard lock(part.mutex);
  // Not the wall clock: somebody may set that.
  auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.steady().time_since_epoch()).count();
  if (now - part.purged_at >= kPurgeSeconds) purge(part, now);

  auto found = part.logs.find(key);
  if (found == part.logs.end()) {
    if (step == RateStep::kLook) return {true, rule.count, 0};
    found = part.logs.emplace(std::string(key), Log{}).first;
  }
  auto& log = found->second;
  // A clock that was set back must not make the log unordered.
  if (!log.seconds.empty()) now = std::max(now, log.seconds.back().time);
  log.window = rule.seconds;
  drop_old(log, now);

  RateAnswer answer;
  answer.allowed = log.total < rule.count;
  if (step == RateStep::kRecord || (step == RateStep::kTake && answer.allowed)) {
    if (log.seconds.empty() || log.seconds.back().time != now) log.seconds.push_back({now, 0});
    ++log.seconds.back().requests;
    ++log.total;
  }
  answer.remaining = std::max<std::int64_t>(0, rule.count - log.total);
  if (!log.seconds.empty()) answer.reset = std::max<std::int64_t>(1, log.seconds.front().time + rule.seconds - now);
  return answer;
}

std::size_t MemoryRateLimits::keys() const {
  std::size_t sum = 0;
  for (const auto& part : parts_) {
    std::lock_guard lock(part.mutex);
    sum += part.logs.size();
  }
  return sum;
}

void MemoryRateLimits::drop_old(Log& log, std::int64_t now) {
  while (!log.seconds.empty() && now - log.seconds.front().time >= log.window) {
    log.total -= log.seconds.front().requests;
    log.seconds.pop_front();
  }
}

void MemoryRateLimits::purge(Part& part, std::int64_t now) {
  for (auto entry = part.logs.begin(); entry != part.logs.end();) {
    drop_old(entry->second, now);
    entry = entry->second.seconds.empty() ? part.logs.erase(entry) : std::next(entry);
  }
  part.purged_at = now;
}

}  // namespace tollgate::core
