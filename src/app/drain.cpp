#include "app/drain.h"

#include <csignal>

#include "app/signals.h"
#include "core/log.h"

namespace tollgate::app {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Balancers keep connections and send a request on one at any moment: while streams run they have as long as the
// shortest of them keeps an idle one (nginx: 60 s). When nothing runs, nothing has come for kQuiet, and what is left is
// idle, the drain is over: the connections that a balancer uses have been used and closed by then.
constexpr auto kClientsIdle = 500ms, kBalancersIdle = milliseconds(65s), kQuiet = milliseconds(3s);
constexpr auto kSweep = 100ms;

}  // namespace

Drain::Drain(net::Server& server, relay::Relay& relay, const Supervisor& supervisor, const core::Config& config)
    : server_(server), relay_(relay), supervisor_(supervisor), config_(config) {}

Drain::~Drain() {
  if (worker_.joinable()) worker_.join();
}

void Drain::wanted(bool drained) {
  std::lock_guard lock(mutex_);
  if (worker_.joinable()) worker_.join();
  worker_ = std::thread([this, drained] {
    std::lock_guard one_at_a_time(order_);
    if (drained == out_ || ending_) return;
    if (drained)
      leave([](milliseconds delay) { return std::this_thread::sleep_for(delay), true; });
    else
      come_back();
  });
}

void Drain::leave(const std::function<bool(milliseconds)>& wait) {
  server_.begin_drain();
  core::log::info("draining: {} requests are running", server_.open_exchanges());
  wait(config_.duration("TOLLGATE_DRAIN_DELAY"));
  server_.stop_accepting();
  out_ = true;
}

void Drain::come_back() {
  if (auto resumed = server_.resume(); !resumed)
    return core::log::error("cannot take the address again: {}; start the node anew", resumed.error().message);
  out_ = false;
  core::log::info("back in service");
}

void Drain::finish() {
  supervisor_.say("STOPPING=1\nSTATUS=draining");
  auto due = steady_clock::now() + config_.duration("TOLLGATE_DRAIN_TIMEOUT") - 2s;
  int signals = 0;
  auto hear = [&](milliseconds limit) {
    auto signal = wait_for_signal(limit);
    if (!signal || *signal == SIGHUP) return false;
    if (++signals == 1) due = std::min(due, steady_clock::now() + 5s);
    return true;
  };
  {
    std::lock_guard one_at_a_time(order_);
    ending_ = true;
    if (!out_) leave([&](milliseconds delay) { return !hear(delay); });
  }
  auto taken = server_.requests().taken;
  auto busy_at = steady_clock::now(), swept_at = busy_at - kSweep, told_at = busy_at - 10s;
  for (auto now = busy_at; now < due && signals < 2; now = steady_clock::now()) {
    if (now - swept_at >= kSweep) server_.close_idle(kClientsIdle, kBalancersIdle), swept_at = now;
    if (now - told_at >= 10s) supervisor_.extend(30s), told_at = now;
    if (server_.open_exchanges() > 0 || server_.requests().taken != taken) busy_at = now;
    taken = server_.requests().taken;
    if (server_.open_exchanges() == 0 && (server_.open_connections() == 0 || now - busy_at >= kQuiet)) return;
    hear(milliseconds(20));
  }
  if (server_.open_exchanges() == 0) return;
  core::log::warn("{} requests are ended by the drain limit", server_.open_exchanges());
  relay_.end_attempts();
  for (auto end = steady_clock::now() + 2s; server_.open_exchanges() > 0 && steady_clock::now() < end;)
    std::this_thread::sleep_for(20ms);
}

}  // namespace tollgate::app
