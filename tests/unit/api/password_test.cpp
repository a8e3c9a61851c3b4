#include "api/password.h"

#include <gtest/gtest.h>

namespace tollgate::api {
namespace {

// Published bcrypt vectors (OpenBSD, jBCrypt).
TEST(Password, VerifiesPublishedVectors) {
  EXPECT_TRUE(verify_password("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."));
  EXPECT_TRUE(verify_password("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"));
  EXPECT_TRUE(verify_password("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"));
  EXPECT_FALSE(verify_password("abd", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"));
}

TEST(Password, HashesAtCostTenInTheCommonForm) {
  auto hash = hash_password("correct horse");
  ASSERT_TRUE(hash);
  EXPECT_EQ(hash->size(), 60U);
  EXPECT_TRUE(hash->starts_with("$2a$10$"));
  EXPECT_TRUE(verify_password("correct horse", *hash));
  EXPECT_FALSE(verify_password("correct horsf", *hash));
  EXPECT_NE(*hash, *hash_password("correct horse"));
}

TEST(Password, WhatBcryptWouldIgnoreIsRefused) {
  EXPECT_TRUE(hash_password(std::string(72, 'x')));
  EXPECT_FALSE(hash_password(std::string(73, 'x')));
  EXPECT_FALSE(hash_password(std::string("a\0b", 3)));
  auto hash = hash_password("a");
  EXPECT_FALSE(verify_password(std::string("a\0b", 3), *hash));
}

TEST(Password, OtherKindsOfHashNeverVerify) {
  for (std::string_view stored : {"", "x", "garbage", "$1$abc$def", "ga3B1/zzzzzzz", "$2x$06$DCq7YPn5Rq63x1Lad4cll.",
                                  "$2a$99$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
                                  "$2a$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"})
    EXPECT_FALSE(verify_password("x", stored)) << stored;
}

}  // namespace
}  // namespace tollgate::api
