#include "redis/breaker.h"

#include <algorithm>

namespace tollgate::redis {

using std::chrono::milliseconds;

bool Breaker::allows(Time now) {
  if (!open_) return true;
  if (now < until_) return false;
  // A trial whose answer never comes must not close the way for ever: the next one goes after as long again.
  trying_ = true;
  until_ = now + length_;
  return true;
}

void Breaker::record(bool worked, Time now) {
  if (open_) {
    if (!trying_) return;  // sent before it opened
    trying_ = false;
    if (!worked) return trip(now);
    *this = Breaker();
    return;
  }
  if (now - second_ >= milliseconds(1000)) {
    second_ = now;
    commands_ = failures_ = 0;
  }
  ++commands_;
  if (worked) {
    failures_in_row_ = 0;
    return;
  }
  ++failures_;
  if (++failures_in_row_ >= 5 || (commands_ >= 10 && failures_ * 2 >= commands_)) trip(now);
}

void Breaker::trip(Time now) {
  open_ = true;
  trying_ = false;
  length_ = length_ == milliseconds(0) ? milliseconds(1000) : std::min(length_ * 2, milliseconds(10'000));
  until_ = now + length_;
}

}  // namespace tollgate::redis
