// What a consumer of the journal did, counted for /metrics. Written by its thread, read by a scrape.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>

#include "core/metrics.h"

namespace tollgate::billing {

struct FlushMeter {
  core::Counter moved, failed;                 // transactions
  core::Histogram seconds{core::kShortTimes};  // of both
  core::Histogram records{core::kRates};       // that one transaction moved the mark by
  void note(bool done, std::chrono::steady_clock::duration took, std::int64_t count) {
    (done ? moved : failed).add();
    seconds.observe(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    if (done && count > 0) records.observe(count);
  }
};

}  // namespace tollgate::billing
