// The API's request limits of one process: a sliding log per key. Thread-safe.
#pragma once
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tollgate::api {

struct LimitAnswer {
  bool allowed = true;
  std::int64_t remaining = 0;
  std::int64_t retry_after = 0;  // seconds until a request of this key passes again
};

class RateLimiter {
 public:
  // At most `count` requests of `key` in `seconds`. Refused ones are not counted. count ≤ 0 refuses everything.
  LimitAnswer check(std::string_view key, std::int64_t count, std::int64_t seconds, std::int64_t now);

 private:
  void purge(std::int64_t now);

  std::mutex mutex_;
  std::unordered_map<std::string, std::deque<std::int64_t>> log_;
  std::int64_t purged_at_ = 0;
};

}  // namespace tollgate::api
