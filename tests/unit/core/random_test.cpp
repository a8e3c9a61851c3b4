#include "core/random.h"

#include <gtest/gtest.h>

#include <set>

namespace tollgate::core {

TEST(Random, AlphanumericHasTheAskedLengthAndAlphabet) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    auto text = random_alphanumeric(48);
    ASSERT_EQ(text.size(), 48U);
    for (char c : text) ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(c))) << text;
    seen.insert(text);
  }
  EXPECT_EQ(seen.size(), 200U);
}

TEST(Random, UuidIsVersionFour) {
  auto text = random_uuid();
  ASSERT_EQ(text.size(), 36U);
  EXPECT_EQ(text[14], '4');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
}

TEST(FastRandom, BelowStaysInBoundAndIsRoughlyUniform) {
  FastRandom random(42);
  int counts[4] = {};
  for (int i = 0; i < 40'000; ++i) {
    auto value = random.below(4);
    ASSERT_LT(value, 4U);
    ++counts[value];
  }
  for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

}  // namespace tollgate::core
