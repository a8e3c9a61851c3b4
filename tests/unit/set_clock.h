// A clock whose wall time somebody sets, while time goes on as it does.
#pragma once
#include "core/clock.h"

namespace tollgate::test {

class SetClock final : public core::Clock {
 public:
  explicit SetClock(const core::Clock& going) : going_(going) {}
  core::SteadyTime steady() const override { return going_.steady(); }
  core::SystemTime system() const override { return going_.system() + set_; }
  void set_by(std::chrono::seconds by) { set_ += by; }

 private:
  const core::Clock& going_;
  std::chrono::seconds set_{0};
};

}  // namespace tollgate::test
