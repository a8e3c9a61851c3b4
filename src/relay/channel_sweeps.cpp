#include "relay/channel_sweeps.h"

#include <algorithm>
#include <cmath>

namespace tollgate::relay {

using std::chrono::milliseconds;

std::optional<milliseconds> test_period(const SweepSettings& settings, const core::Options& options) {
  if (settings.test_every) return *settings.test_every;
  if (!options.boolean("monitor_setting.auto_test_channel_enabled")) return std::nullopt;
  auto minutes = options.real("monitor_setting.auto_test_channel_minutes");
  if (!(minutes < 0.5)) minutes = std::round(std::min(minutes, 1e6));
  return std::max(milliseconds(1000), milliseconds(static_cast<std::int64_t>(minutes * 60'000)));
}

void ChannelSweeps::step() {
  const auto now = clock_.steady();
  const auto every = test_period(settings_, *snapshots_.get()->options);
  if (!every) {
    tests_wait_since_.reset();
  } else if (!tests_wait_since_ || jobs_.tests_running()) {
    tests_wait_since_ = now;
  } else if (now - *tests_wait_since_ >= *every) {
    tests_wait_since_ = now;
    if (jobs_.may_run("channel_test")) jobs_.begin_tests();
  }

  if (!settings_.balance_every) return;
  if (!balances_wait_since_) balances_wait_since_ = now;
  if (now - *balances_wait_since_ < *settings_.balance_every) return;
  if (jobs_.may_run("channel_balance")) jobs_.balances();
  balances_wait_since_ = clock_.steady();
}

void ChannelSweeps::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "sweeps");
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      step();
      lock.lock();
    }
  });
}

void ChannelSweeps::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace tollgate::relay
