#include "relay/violation_fee.h"

#include <gtest/gtest.h>

namespace tollgate::relay {

TEST(ViolationFee, IsRecognisedByTheUpstreamsWords) {
  dialect::RelayError error;
  error.type = "permission_denied";
  error.code = "\"denied\"";
  error.message = "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_CSAM";
  mark_violation(error);
  EXPECT_EQ(error.type, "violation_fee.grok.csam");
  EXPECT_EQ(error.code, "\"violation_fee.grok.csam\"");
  EXPECT_TRUE(error.no_retry);
}

TEST(ViolationFee, IsRecognisedWhereTheTextIsKeptFromTheClient) {
  dialect::RelayError error;
  error.message = "upstream authentication failed";
  error.internal = "Failed check: SAFETY_CHECK_TYPE_CSAM";
  mark_violation(error);
  EXPECT_EQ(error.code, "\"violation_fee.grok.csam\"");
  EXPECT_EQ(error.message, "upstream authentication failed");
}

TEST(ViolationFee, LeavesOtherFailuresAloneButTriesNoViolationElsewhere) {
  dialect::RelayError error;
  error.code = "\"rate_limited\"";
  error.message = "Failed check: another one";
  mark_violation(error);
  EXPECT_EQ(error.code, "\"rate_limited\"");
  EXPECT_FALSE(error.no_retry);
  error.code = "\"violation_fee.some.other\"";
  mark_violation(error);
  EXPECT_EQ(error.code, "\"violation_fee.some.other\"");
  EXPECT_TRUE(error.no_retry);
}

}  // namespace tollgate::relay
