// Bytes as text.
#include "core/byte_text.h"

#include <gtest/gtest.h>

namespace tollgate::core {
namespace {

// RFC 4648 §10.
TEST(ByteText, EncodesBase64WithPadding) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_encode("\xFB\xFF"), "+/8=");
  EXPECT_EQ(base64url_encode("\xFB\xFF"), "-_8=");
  EXPECT_EQ(base64url_decode("-_8="), "\xFB\xFF");
  EXPECT_EQ(base64url_decode("-_8"), std::nullopt);
}

TEST(ByteText, DecodesTheStartOfALongText) {
  EXPECT_EQ(base64_decode_start("Zm9vYmFy", 100), "foobar");
  EXPECT_EQ(base64_decode_start("Zm9vYmFy", 4), "foo");
  EXPECT_EQ(base64_decode_start("Zm9vYmFy", 6), "foob");
  EXPECT_EQ(base64_decode_start("Zm8=", 100), "fo");
  EXPECT_EQ(base64_decode_start("Zm9v-YmFy", 100), "foo");
  EXPECT_EQ(base64_decode_start("", 100), "");
}

TEST(ByteText, WritesTwoDigitsAByte) {
  EXPECT_EQ(hex_digits(""), "");
  EXPECT_EQ(hex_digits(std::string_view("\0\x0F\xA0\xFF", 4)), "000fa0ff");
}

}  // namespace
}  // namespace tollgate::core
