// Numbers that the request path counts and /metrics shows: each network worker has its own, a scrape adds them up.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <unordered_map>
#include <unordered_set>

namespace tollgate::core {

// A number that only grows. add() is for the one thread that owns it and has no locked instruction; any thread reads.
class Counter {
 public:
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void add_shared(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }  // from several threads
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Upper bounds of a histogram's buckets in units of its own, ascending; the last bucket has none.
constexpr std::size_t kMostBounds = 16;
struct Buckets {
  std::span<const std::int64_t> bounds;  // at most kMostBounds
  double per_unit = 1e6;                 // how many of them are one as it is shown
};
// Microseconds. 5 ms … 600 s: requests and answers. 50 µs … 1 s: our own time, statements, lateness.
extern const Buckets kRequestTimes, kShortTimes;
extern const Buckets kRates;  // 1 … 2000 of anything

// What was observed, summed over threads.
struct HistogramValue {
  const Buckets* buckets = nullptr;
  std::array<std::uint64_t, kMostBounds + 1> counts{};  // by bucket, not cumulative
  std::uint64_t sum = 0;

  HistogramValue& operator+=(const HistogramValue& other);
  std::uint64_t count() const;
};

// Observations are whole, not negative, in the unit of the buckets (microseconds for times).
class Histogram {
 public:
  explicit Histogram(const Buckets& buckets) : buckets_(&buckets) {}
  void observe(std::int64_t value) {
    counts_[bucket_of(value)].add();
    sum_.add(value > 0 ? static_cast<std::uint64_t>(value) : 0);
  }
  void observe_shared(std::int64_t value) {
    counts_[bucket_of(value)].add_shared();
    sum_.add_shared(value > 0 ? static_cast<std::uint64_t>(value) : 0);
  }
  HistogramValue value() const;

 private:
  std::size_t bucket_of(std::int64_t value) const {
    std::size_t at = 0;
    const auto bounds = buckets_->bounds;
    while (at < bounds.size() && value > bounds[at]) ++at;
    return at;
  }
  const Buckets* buckets_;
  std::array<Counter, kMostBounds + 1> counts_;
  Counter sum_;
};

// How many series of one kind there may be on this node, whatever names clients and operators invent. Any thread.
class SeriesLimit {
 public:
  explicit SeriesLimit(std::size_t most) : most_(most) {}
  // Whether the series with this hash may exist: it does already, or there is room for one more.
  bool admits(std::size_t hash);

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_set<std::size_t> known_;
};

// The series of one worker by their labels. The owner looks them up without a lock; a scrape on another thread only
// waits while a new one is made. Key has `Key other() const`, the series that takes what finds no room; Hash and Equal
// may be transparent.
template <class Key, class Value, class Hash, class Equal = std::equal_to<>>
class SeriesTable {
 public:
  explicit SeriesTable(SeriesLimit& limit) : limit_(limit) {}

  template <class Look>
  Value& of(const Look& key) {
    // Most requests are of the kind of the one before.
    if (last_ && Equal{}(last_->first, key)) return last_->second;
    if (auto found = series_.find(key); found != series_.end()) {
      last_ = &*found;
      return found->second;
    }
    return make(Key(key));
  }
  // From any thread.
  template <class Visit>
  void each(Visit visit) const {
    std::lock_guard lock(mutex_);
    for (const auto& [key, value] : series_) visit(key, value);
  }

 private:
  static constexpr std::size_t kMostRefused = 100'000;

  Value& make(Key key) {
    const auto hash = Hash{}(key);
    if (refused_.contains(hash) || !limit_.admits(hash)) {
      if (refused_.size() >= kMostRefused) refused_.clear();
      refused_.insert(hash);
      key = key.other();
      if (auto found = series_.find(key); found != series_.end()) return found->second;
    }
    std::lock_guard lock(mutex_);
    return series_[std::move(key)];
  }

  SeriesLimit& limit_;
  std::unordered_map<Key, Value, Hash, Equal> series_;
  std::pair<const Key, Value>* last_ = nullptr;
  std::unordered_set<std::size_t> refused_;  // asked for and not admitted: the limit's lock is not taken again
  mutable std::mutex mutex_;
};

}  // namespace tollgate::core
