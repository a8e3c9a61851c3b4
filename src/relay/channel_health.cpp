#include "relay/channel_health.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "core/ascii.h"
#include "core/log.h"
#include "model/channel_status.h"
#include "relay/secrets.h"

namespace tollgate::relay {
namespace {

constexpr std::size_t kMostWaiting = 1000;
constexpr auto kFirstPause = std::chrono::seconds(1);
constexpr auto kLongestPause = std::chrono::seconds(30);
constexpr int kGemini = 24;

// As they stand in RelayError::code: JSON texts.
constexpr std::array<std::string_view, 5> kCodes{"\"invalid_api_key\"", "\"account_deactivated\"",
                                                 "\"billing_not_active\"", "\"pre_consume_token_quota_failed\"",
                                                 "\"Arrearage\""};
constexpr std::array<std::string_view, 5> kTypes{"insufficient_quota", "insufficient_user_quota",
                                                 "authentication_error", "permission_error", "forbidden"};

bool may_pass(sql::ErrorClass cls) {
  switch (cls) {
    case sql::ErrorClass::kData:
    case sql::ErrorClass::kDuplicate:
    case sql::ErrorClass::kOther: return false;
    default: return true;
  }
}

}  // namespace

bool calls_for_disabling(const RelayOptions& options, const Channel& channel, const dialect::RelayError& error) {
  if (!options.disable_automatically || !channel.auto_ban) return false;
  if (error.channel_fault) return true;
  if (error.no_retry) return false;
  if (options.disable_statuses.contains(error.status)) return true;
  if (error.status == 403 && channel.provider && channel.provider->type == kGemini) return true;
  if (std::find(kCodes.begin(), kCodes.end(), error.code) != kCodes.end()) return true;
  if (std::find(kTypes.begin(), kTypes.end(), error.type) != kTypes.end()) return true;
  auto message = core::ascii_lower(error.log_text());
  return std::any_of(options.disable_keywords.begin(), options.disable_keywords.end(),
                     [&](const auto& keyword) { return message.find(keyword) != std::string::npos; });
}

ChannelFault fault_of(const Channel& channel, const ChannelKey& key, const dialect::RelayError& error) {
  return {channel.id, channel.name, key.text,
          core::scrub(fmt::format("status_code={}, {}", error.status, error.log_text()), secrets_of(channel, key))};
}

ChannelHealth::ChannelHealth(sql::Pool& pool, const core::Clock& clock, std::function<void()> changed)
    : pool_(pool), clock_(clock), changed_(std::move(changed)) {}

ChannelHealth::~ChannelHealth() { stop(); }

void ChannelHealth::start() {
  thread_ = std::thread([this] { run(); });
}

void ChannelHealth::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ChannelHealth::report(ChannelFault fault) {
  {
    std::lock_guard lock(mutex_);
    std::pair key{fault.channel, fault.key};
    if (known_.contains(key)) return;
    if (known_.size() >= kMostWaiting) {
      if (!std::exchange(full_told_, true))
        core::log::error("{} failing channels wait for the database; further ones wait for their next failure",
                         known_.size());
      return;
    }
    known_.insert(std::move(key));
    queue_.push_back(std::move(fault));
  }
  wake_.notify_one();
}

std::size_t ChannelHealth::waiting() const {
  std::lock_guard lock(mutex_);
  return known_.size();
}

ChannelHealth::Outcome ChannelHealth::write(const ChannelFault& fault) {
  auto failed = [&](const sql::Error& error) {
    bool waits = may_pass(error.cls);
    core::log::error("channel {} ({}) is to be disabled ({}), but the database {}: {}", fault.channel.value, fault.name,
                     fault.reason, waits ? "is away, trying again" : "refuses", error.message);
    return waits ? Outcome::kSqlAway : Outcome::kDone;
  };
  auto lease = pool_.lease();
  if (!lease) return failed(lease.error());
  auto done = sql::with_fence(**lease, fault.fence, [&](sql::Connection& db) {
    return model::disable_failing(db, fault.channel, fault.key, fault.reason, clock_.unix_seconds());
  });
  if (!done && sql::fenced_off(done.error())) {
    core::log::info("channel {} ({}) is not disabled by this node: {}", fault.channel.value, fault.name,
                    done.error().message);
    return Outcome::kDone;
  }
  if (!done) return failed(done.error());
  if (done->what != model::SwitchedOff::kNothing && told_) told_(fault.channel, fault.name, 3, fault.reason);
  switch (done->what) {
    case model::SwitchedOff::kNothing: return Outcome::kDone;
    case model::SwitchedOff::kKey:
      core::log::warn("channel {} ({}): key {} is disabled: {}", fault.channel.value, fault.name, done->index,
                      fault.reason);
      return Outcome::kChanged;
    case model::SwitchedOff::kChannel:
      core::log::warn("channel {} ({}) is disabled, key {}: {}", fault.channel.value, fault.name, done->index,
                      fault.reason);
      return Outcome::kChanged;
  }
  return Outcome::kDone;
}

bool ChannelHealth::write_waiting() {
  std::deque<ChannelFault> faults;
  {
    std::lock_guard lock(mutex_);
    faults.swap(queue_);
  }
  bool changed = false;
  std::size_t written = 0;
  for (; written < faults.size(); ++written) {
    auto outcome = write(faults[written]);
    if (outcome == Outcome::kSqlAway) break;
    changed = changed || outcome == Outcome::kChanged;
  }
  if (changed && changed_) changed_();
  std::lock_guard lock(mutex_);
  // Only now may one of them be reported anew: requests that began before the change have seen the old snapshot.
  for (std::size_t i = 0; i < written; ++i) known_.erase({faults[i].channel, faults[i].key});
  if (written == faults.size()) {
    full_told_ = false;
    return true;
  }
  queue_.insert(queue_.begin(), std::make_move_iterator(faults.begin() + static_cast<std::ptrdiff_t>(written)),
                std::make_move_iterator(faults.end()));
  return false;
}

void ChannelHealth::run() {
  auto pause = std::chrono::seconds(0);
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      // After a failure: not before the pause is over, however many are reported meanwhile.
      if (pause.count() > 0) wake_.wait_for(lock, pause, [this] { return stopping_; });
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_ && queue_.empty()) return;
    }
    bool written = write_waiting();
    std::lock_guard lock(mutex_);
    if (stopping_ && !written) return;
    pause = written ? std::chrono::seconds(0) : std::clamp<std::chrono::seconds>(pause * 2, kFirstPause, kLongestPause);
  }
}

}  // namespace tollgate::relay
