#include "core/shared_clock.h"

#include <gtest/gtest.h>

#include "unit/set_clock.h"

namespace tollgate::core {
namespace {

TEST(SharedClock, Chaos34_IsTheMachinesUntilThatIsSet) {
  ManualClock going;
  test::SetClock set(going);
  SharedClock clock(set);
  // Nobody has asked the database yet.
  set.set_by(std::chrono::hours(1));
  EXPECT_EQ(clock.unix_seconds(), going.unix_seconds() + 3600);
  set.set_by(std::chrono::hours(-1));
  clock.follow(std::chrono::milliseconds(1500));  // what measuring is off
  EXPECT_EQ(clock.unix_millis(), going.unix_millis());
  for (auto by : {std::chrono::hours(1), std::chrono::hours(-2)}) {
    set.set_by(by);
    EXPECT_EQ(clock.unix_millis(), going.unix_millis() + 1500);
    going.advance(std::chrono::seconds(10));
    EXPECT_EQ(clock.unix_millis(), going.unix_millis() + 1500);
  }
  set.set_by(std::chrono::hours(1));
  EXPECT_EQ(clock.unix_millis(), going.unix_millis());
}

}  // namespace
}  // namespace tollgate::core
