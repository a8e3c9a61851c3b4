#include "relay/answer_headers.h"

#include <gtest/gtest.h>

namespace tollgate::relay {

TEST(AnswerHeaders, KeepOfADispositionOnlyAPlainFileName) {
  EXPECT_EQ(clean_disposition("attachment; filename=\"speech.mp3\""), "attachment; filename=\"speech.mp3\"");
  EXPECT_EQ(clean_disposition("Inline"), "inline");
  EXPECT_EQ(clean_disposition("attachment; filename=\"../../etc/passwd\""), "attachment; filename=\"passwd\"");
  EXPECT_EQ(clean_disposition("attachment; filename=..hidden;x"), "attachment; filename=\"hidden\"");
  EXPECT_EQ(clean_disposition("attachment; filename=\"a<b>\r\nX: y.mp3\""), "attachment; filename=\"abX y.mp3\"");
  EXPECT_EQ(clean_disposition("attachment; filename=\"\\\\\""), "attachment");
  EXPECT_EQ(clean_disposition("form-data; name=x"), "");
}

}  // namespace tollgate::relay
