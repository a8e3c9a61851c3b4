#include "core/request_id.h"

#include <gtest/gtest.h>

namespace tollgate::core {

TEST(RequestId, IsTimeThenUnpaddedNanosecondsThenRandom) {
  FastRandom random(1);
  auto at = SystemTime(std::chrono::seconds(1'750'000'000) + std::chrono::nanoseconds(12'345));
  auto id = make_request_id(at, random);
  EXPECT_EQ(id.substr(0, 14), "20250615150640");
  EXPECT_EQ(id.substr(14, 5), "12345");
  EXPECT_EQ(id.size(), 14U + 5 + 8);
  EXPECT_NE(make_request_id(at, random), id);
}

}  // namespace tollgate::core
