#include "core/metrics.h"

namespace tollgate::core {
namespace {

constexpr std::int64_t kMs = 1000, kSecond = 1000 * kMs;
constexpr std::array<std::int64_t, 16> kRequestBounds{
    5 * kMs,    10 * kMs,    25 * kMs,     50 * kMs,     100 * kMs,    250 * kMs,     500 * kMs,     1 * kSecond,
    2500 * kMs, 5 * kSecond, 10 * kSecond, 30 * kSecond, 60 * kSecond, 120 * kSecond, 300 * kSecond, 600 * kSecond};
constexpr std::array<std::int64_t, 14> kShortBounds{50,        100,       250,       500,        1 * kMs,
                                                    2500,      5 * kMs,   10 * kMs,  25 * kMs,   50 * kMs,
                                                    100 * kMs, 250 * kMs, 500 * kMs, 1 * kSecond};
constexpr std::array<std::int64_t, 11> kRateBounds{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};

}  // namespace

const Buckets kRequestTimes{kRequestBounds, 1e6};
const Buckets kShortTimes{kShortBounds, 1e6};
const Buckets kRates{kRateBounds, 1};

HistogramValue& HistogramValue::operator+=(const HistogramValue& other) {
  if (!buckets) buckets = other.buckets;
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  sum += other.sum;
  return *this;
}

std::uint64_t HistogramValue::count() const {
  std::uint64_t count = 0;
  for (auto in_bucket : counts) count += in_bucket;
  return count;
}

HistogramValue Histogram::value() const {
  HistogramValue value;
  value.buckets = buckets_;
  for (std::size_t i = 0; i < counts_.size(); ++i) value.counts[i] = counts_[i].value();
  value.sum = sum_.value();
  return value;
}

bool SeriesLimit::admits(std::size_t hash) {
  std::lock_guard lock(mutex_);
  if (known_.contains(hash)) return true;
  if (known_.size() >= most_) return false;
  known_.insert(hash);
  return true;
}

}  // namespace tollgate::core
