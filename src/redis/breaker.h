// Keeps requests from waiting for a server in trouble: after several failures nothing is sent for a while, then one
// command tries.
#pragma once
#include <chrono>

namespace tollgate::redis {

// One server's. Not thread-safe. Opens after five failures in a row, or when half of the commands of a second failed
// (ten at least); stays open for one second, then for twice as long each time its trial fails, up to ten.
class Breaker {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Whether a command may be sent now. True once when the open time is over: that command is the trial.
  bool allows(Time now);
  void record(bool worked, Time now);
  bool open() const { return open_; }

 private:
  void trip(Time now);

  int failures_in_row_ = 0;
  int commands_ = 0, failures_ = 0;  // of the present second
  Time second_{};
  bool open_ = false, trying_ = false;
  Time until_{};
  std::chrono::milliseconds length_{0};
};

}  // namespace tollgate::redis
