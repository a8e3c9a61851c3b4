// How often one user is told of one thing.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "core/types.h"

namespace tollgate::notify {

// Counts by user, type and hour of the clock; a count is forgotten `window` after its first. One thread at a time.
class Throttle {
 public:
  Throttle(std::int64_t limit, std::chrono::seconds window) : limit_(limit), window_(window.count()) {}

  // Takes one of what is left. False: over the limit.
  bool admit(core::UserId user, const std::string& type, std::int64_t unix_now);
  bool would_admit(core::UserId user, const std::string& type, std::int64_t unix_now) const;

 private:
  struct Count {
    std::int64_t taken = 0;
    std::int64_t hour = 0;
    std::int64_t until = 0;
  };
  bool over(const Count& count, std::int64_t now) const;
  void sweep(std::int64_t now);

  std::int64_t limit_, window_;
  std::map<std::pair<core::UserId, std::string>, Count> counts_;
};

}  // namespace tollgate::notify
