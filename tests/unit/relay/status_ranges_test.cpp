#include "relay/status_ranges.h"

#include <gtest/gtest.h>

namespace tollgate::relay {

TEST(StatusRanges, HoldCodesAndRangesOverlappingOrNot) {
  StatusRanges ranges("401,500-503,502-505,429");
  for (int status : {401, 429, 500, 503, 505}) EXPECT_TRUE(ranges.contains(status)) << status;
  for (int status : {0, 200, 400, 402, 499, 506}) EXPECT_FALSE(ranges.contains(status)) << status;
}

TEST(StatusRanges, IgnoreBlanksEmptyPartsAndTheWidthOfCommas) {
  StatusRanges ranges(" 401 ，500 - 503,,\n429 ");
  for (int status : {401, 429, 500, 502}) EXPECT_TRUE(ranges.contains(status)) << status;
}

TEST(StatusRanges, AreEmptyAsAWholeWhenOnePartIsNone) {
  for (auto text : {"401,abc", "401,99", "401,600", "401,503-500", "401,500-", "401,-500", "401,500-501-502", "4010"})
    EXPECT_FALSE(StatusRanges(text).contains(401)) << text;
  EXPECT_FALSE(StatusRanges("").contains(401));
}

}  // namespace tollgate::relay
