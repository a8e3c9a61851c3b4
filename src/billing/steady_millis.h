// Milliseconds of the monotonic clock, for waits within the process: somebody may set the other one meanwhile.
#pragma once
#include <chrono>
#include <cstdint>

#include "core/clock.h"

namespace tollgate::billing {

inline std::int64_t steady_millis(const core::Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady().time_since_epoch()).count();
}

}  // namespace tollgate::billing
