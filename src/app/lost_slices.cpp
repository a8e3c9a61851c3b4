#include "app/lost_slices.h"

#include <pthread.h>

#include <algorithm>

#include "core/log.h"

namespace tollgate::app {
namespace {

constexpr std::chrono::milliseconds kLongest = std::chrono::seconds(60);
constexpr std::chrono::milliseconds kShortest = std::chrono::seconds(1);

}  // namespace

void LostSlices::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "lost-slices");
    // A hold of seconds is looked after more often.
    const auto period = std::clamp<std::chrono::milliseconds>(billing_.lost_hold() / 4, kShortest, kLongest);
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period, [this] { return stopping_; })) {
      lock.unlock();
      give_back();
      lock.lock();
    }
  });
}

void LostSlices::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LostSlices::give_back() {
  const auto run = cluster_.begin("slices");
  if (!run) return;
  auto done = billing_.give_back_lost(run->fence);
  if (!done) core::log::warn("slices of lost nodes: {}", done.error().message);
}

}  // namespace tollgate::app
