#include "api/session_cookie.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tollgate::api {
namespace {

const std::vector<std::string> kSecrets = {"tollgate-test-secret"};
constexpr std::int64_t kStamp = 1767225600;

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (char signed_char : bytes) {
    const auto c = static_cast<unsigned char>(signed_char);
    out.push_back(kDigits[c >> 4U]);
    out.push_back(kDigits[c & 15U]);
  }
  return out;
}

SessionValues login(std::int64_t id, std::string name, std::int64_t role, std::string group) {
  SessionValues values;
  values.set("id", GoInt{id});
  values.set("username", std::move(name));
  values.set("role", GoInt{role});
  values.set("status", GoInt{1});
  values.set("group", std::move(group));
  return values;
}

SessionValues second_example() {
  SessionValues values = login(300, "alice", 1, "vip");
  values.set("secure_verified_at", GoInt64{1767225600});
  values.set("turnstile", true);
  values.set("oauth_state", std::string("aB3dE5gH7jK9"));
  return values;
}

// Worked examples of the format, computed independently of this code.
constexpr std::string_view kGobA =
    "0d7f040102ff8000011001100000ff8eff80000506737472696e670c040002696403696e740402000206737472696e67"
    "0c0a0008757365726e616d6506737472696e670c060004726f6f7406737472696e670c060004726f6c6503696e740403"
    "00ffc806737472696e670c08000673746174757303696e740402000206737472696e670c07000567726f757006737472"
    "696e670c09000764656661756c74";
constexpr std::string_view kValueA =
    "MTc2NzIyNTYwMHxEWDhFQVFMX2dBQUJFQUVRQUFEX2p2LUFBQVVHYzNSeWFXNW5EQVFBQW1sa0EybHVkQVFDQUFJR2MzUnlh"
    "VzVuREFvQUNIVnpaWEp1WVcxbEJuTjBjbWx1Wnd3R0FBUnliMjkwQm5OMGNtbHVad3dHQUFSeWIyeGxBMmx1ZEFRREFQX0lC"
    "bk4wY21sdVp3d0lBQVp6ZEdGMGRYTURhVzUwQkFJQUFnWnpkSEpwYm1jTUJ3QUZaM0p2ZFhBR2MzUnlhVzVuREFrQUIyUmxa"
    "bUYxYkhRPXx2mKHX4D2Dipb6j4ztz9b0YwcUlsPVrfww0pABk0SuMA==";
constexpr std::string_view kGobB =
    "0eff81040102ff8200011001100000fe0101ff82000806737472696e670c040002696403696e74040400fe0258067374"
    "72696e670c0a0008757365726e616d6506737472696e670c070005616c69636506737472696e670c060004726f6c6503"
    "696e740402000206737472696e670c08000673746174757303696e740402000206737472696e670c07000567726f7570"
    "06737472696e670c05000376697006737472696e670c1400127365637572655f76657269666965645f617405696e7436"
    "34040600fcd2ab720006737472696e670c0b00097475726e7374696c6504626f6f6c0202000106737472696e670c0d00"
    "0b6f617574685f737461746506737472696e670c0e000c6142336445356748376a4b39";
constexpr std::string_view kValueB =
    "MTc2NzIyNTYwMHxEdi1CQkFFQ180SUFBUkFCRUFBQV9nRUJfNElBQ0FaemRISnBibWNNQkFBQ2FXUURhVzUwQkFRQV9nSllC"
    "bk4wY21sdVp3d0tBQWgxYzJWeWJtRnRaUVp6ZEhKcGJtY01Cd0FGWVd4cFkyVUdjM1J5YVc1bkRBWUFCSEp2YkdVRGFXNTBC"
    "QUlBQWdaemRISnBibWNNQ0FBR2MzUmhkSFZ6QTJsdWRBUUNBQUlHYzNSeWFXNW5EQWNBQldkeWIzVndCbk4wY21sdVp3d0ZB"
    "QU4yYVhBR2MzUnlhVzVuREJRQUVuTmxZM1Z5WlY5MlpYSnBabWxsWkY5aGRBVnBiblEyTkFRR0FQelNxM0lBQm5OMGNtbHVa"
    "d3dMQUFsMGRYSnVjM1JwYkdVRVltOXZiQUlDQUFFR2MzUnlhVzVuREEwQUMyOWhkWFJvWDNOMFlYUmxCbk4wY21sdVp3d09B"
    "QXhoUWpOa1JUVm5TRGRxU3prPXzcJSEI2syYm-4V0HLDPsi5XU75x471zabznQeNAhivWQ==";
constexpr std::string_view kGobC = "0d7f040102ff800001100110000004ff800000";
constexpr std::string_view kValueC =
    "MTc2NzIyNTYwMHxEWDhFQVFMX2dBQUJFQUVRQUFBRV80QUFBQT09fKww7rsNKdWTm_gw45Ml62TDZ08ls2SWVo5P3F4IVDdt";

TEST(SessionCookie, WritesTheWorkedExamplesByteForByte) {
  EXPECT_EQ(hex(encode_gob(login(1, "root", 100, "default"))), kGobA);
  EXPECT_EQ(hex(encode_gob(second_example(), 65)), kGobB);
  EXPECT_EQ(hex(encode_gob(SessionValues())), kGobC);
  EXPECT_EQ(encode_session(login(1, "root", 100, "default"), kSecrets[0], kStamp), kValueA);
  EXPECT_EQ(encode_session(second_example(), kSecrets[0], kStamp, 65), kValueB);
  EXPECT_EQ(encode_session(SessionValues(), kSecrets[0], kStamp), kValueC);
}

TEST(SessionCookie, ReadsTheWorkedExamples) {
  auto a = decode_session(kValueA, kSecrets, kStamp + 10);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->saved_at, kStamp);
  EXPECT_EQ(a->values.integer("id"), 1);
  EXPECT_EQ(a->values.text("username"), "root");
  EXPECT_EQ(a->values.integer("role"), 100);
  auto b = decode_session(kValueB, kSecrets, kStamp);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->values.entries(), second_example().entries());
  auto c = decode_session(kValueC, kSecrets, kStamp);
  ASSERT_TRUE(c);
  EXPECT_TRUE(c->values.empty());
}

TEST(SessionCookie, AnyChangedCharacterGivesNothing) {
  for (std::size_t i = 0; i + 3 < kValueA.size(); ++i) {
    std::string value(kValueA);
    value[i] = value[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(decode_session(value, kSecrets, kStamp)) << i;
  }
}

TEST(SessionCookie, AnotherSecretGivesNothingAndAnOlderOneStillVerifies) {
  EXPECT_FALSE(decode_session(kValueA, std::vector<std::string>{"another"}, kStamp));
  EXPECT_TRUE(decode_session(kValueA, std::vector<std::string>{"new", kSecrets[0]}, kStamp));
  EXPECT_FALSE(decode_session(kValueA, std::vector<std::string>{}, kStamp));
}

TEST(SessionCookie, EndsAfterThirtyDays) {
  EXPECT_TRUE(decode_session(kValueA, kSecrets, kStamp + kSessionSeconds));
  EXPECT_FALSE(decode_session(kValueA, kSecrets, kStamp + kSessionSeconds + 1));
}

TEST(SessionCookie, Chaos34_AnHourMoreOrLessOnOneNodeEndsNoSession) {
  for (std::int64_t hour : {-3600, 3600}) EXPECT_TRUE(decode_session(kValueA, kSecrets, kStamp + hour));
}

TEST(SessionCookie, TooLongAValueIsNotWritten) {
  SessionValues values;
  values.set("aff", std::string(4000, 'x'));
  EXPECT_FALSE(encode_session(values, kSecrets[0], kStamp));
}

TEST(SessionCookie, AllValueTypesSurviveARoundTrip) {
  SessionValues values;
  values.set("zero", GoInt{0});
  values.set("minus", GoInt{-129});
  values.set("least", GoInt64{INT64_MIN});
  values.set("most", GoInt64{INT64_MAX});
  values.set("empty", std::string());
  values.set("no", false);
  values.set("bytes", GoBytes{std::string("\0\xff|", 3)});
  values.set("u", GoUint{7, false});
  values.set("u64", GoUint{UINT64_MAX, true});
  values.set("float", 17.25);
  values.set("nil", GoNil{});
  auto back = decode_gob(encode_gob(values));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->entries(), values.entries());
}

TEST(SessionCookie, EveryCutOfAStreamIsRefused) {
  const std::string whole = encode_gob(second_example());
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(decode_gob(whole.substr(0, size))) << size;
  EXPECT_FALSE(decode_gob(whole + "x"));
}

TEST(SessionCookie, DamagedStreamsNeverCrash) {
  const std::string whole = encode_gob(second_example());
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      (void)decode_gob(damaged);
    }
}

TEST(SessionCookie, TheFirstCookieOfTheNameCounts) {
  EXPECT_EQ(session_from_cookie_header("a=b; session=one; session=two"), "one");
  EXPECT_EQ(session_from_cookie_header("Session=one"), "");
  EXPECT_EQ(session_from_cookie_header("xsession=one; session=two=="), "two==");
  EXPECT_EQ(session_from_cookie_header(""), "");
}

TEST(SessionCookie, AttributesAreThoseBrowsersKeepForThirtyDays) {
  EXPECT_EQ(session_set_cookie("v", kStamp, false),
            "session=v; Path=/; Expires=Sat, 31 Jan 2026 00:00:00 GMT; Max-Age=2592000; HttpOnly; SameSite=Strict");
  EXPECT_NE(session_set_cookie("v", kStamp, true).find("; Secure"), std::string::npos);
}

}  // namespace
}  // namespace tollgate::api
