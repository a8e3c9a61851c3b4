#include "app/signals.h"

#include <signal.h>

#include <csignal>

namespace tollgate::app {
namespace {

sigset_t taken_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void block_signals() {
  auto set = taken_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of that write, not the end of the process
}

std::optional<int> wait_for_signal(std::optional<std::chrono::milliseconds> limit) {
  auto set = taken_signals();
  if (!limit) {
    int signal = 0;
    sigwait(&set, &signal);
    return signal;
  }
  timespec time{limit->count() / 1000, (limit->count() % 1000) * 1'000'000};
  int signal = sigtimedwait(&set, nullptr, &time);
  return signal > 0 ? std::optional<int>(signal) : std::nullopt;
}

bool stop_is_asked() {
  sigset_t pending;
  return sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

}  // namespace tollgate::app
