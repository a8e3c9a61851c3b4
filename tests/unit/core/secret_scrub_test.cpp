#include "core/secret_scrub.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <random>

namespace tollgate::core {
namespace {

constexpr std::string_view kKey = "sk-proj-Ab3dEf9hIj/LmNoPq+StUvWx";

SecretSet of(std::initializer_list<std::string_view> secrets) {
  SecretSet set;
  for (auto secret : secrets) set.add(secret);
  return set;
}

std::string base64(std::string_view text) {
  std::string out(text.size() * 2 + 8, '\0');
  auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                              reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string url_encoded(std::string_view text, const char* digits) {
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte)) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

}  // namespace

TEST(SecretScrub, X1_HidesASecretAsItIs) {
  auto set = of({kKey});
  EXPECT_EQ(set.hide("bad key " + std::string(kKey) + "!"), "bad key ***!");
  EXPECT_EQ(set.hide(std::string(kKey) + std::string(kKey)), "******");
  EXPECT_EQ(set.hide("nothing here"), "nothing here");
}

TEST(SecretScrub, X1_HidesThePartsOfASecret) {
  auto set = of({"AKIDEXAMPLE|wJalrXUtnFEMI|eu-west"});
  EXPECT_EQ(set.hide("id AKIDEXAMPLE secret wJalrXUtnFEMI in eu-west"), "id *** secret *** in eu-west");
}

TEST(SecretScrub, X1_HidesUrlEncodedSecrets) {
  auto set = of({kKey});
  for (auto digits : {"0123456789ABCDEF", "0123456789abcdef"})
    EXPECT_EQ(set.hide("?key=" + url_encoded(kKey, digits) + "&x"), "?key=***&x");
  EXPECT_EQ(set.hide("?key=sk-proj-Ab3dEf9hIj%2FLmNoPq%2BStUvWx"), "?key=***");
  EXPECT_EQ(of({"a b%c+d ef"}).hide("q=a+b%25c%2Bd%20ef"), "q=***");
  EXPECT_EQ(of({"user:p%40ssword-1"}).hide("login user:p@ssword-1 failed"), "login *** failed");
}

TEST(SecretScrub, X1_HidesJsonEscapedSecrets) {
  auto set = of({kKey});
  EXPECT_EQ(set.hide(R"({"k":"sk-proj-Ab3dEf9hIj\/LmNoPq\u002bStUvWx"})"), R"({"k":"***"})");
  EXPECT_EQ(set.hide(R"(\u0073\u006b-proj-Ab3dEf9hIj/LmNoPq\u002BStUvWx)"), "***");
  EXPECT_EQ(of({"quo\"te\\d key"}).hide(R"(<quo\"te\\d key>)"), "<***>");
  EXPECT_EQ(of({"schl\xC3\xBCssel-\xE2\x82\xAC"}).hide(R"(schl\u00fcssel-\u20ac)"), "***");
}

TEST(SecretScrub, X1_HidesBase64AtEveryAlignment) {
  auto set = of({kKey});
  const std::string bytes(kKey);
  for (std::string before : {"", "u", "u:", "us:", "user:"}) {
    for (std::string after : {"", "x", "xy", "xyz"}) {
      auto text = base64(before + bytes + after);
      auto hidden = set.hide("Basic " + text);
      EXPECT_NE(hidden.find("***"), std::string::npos) << text;
      EXPECT_LE(hidden.size(), 6 + 3 + before.size() * 2 + after.size() * 2 + 6) << text << " -> " << hidden;
      for (auto& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
      EXPECT_NE(set.hide(text).find("***"), std::string::npos) << text;
    }
  }
}

TEST(SecretScrub, X1_HidesHeadAndTailAroundStars) {
  auto set = of({kKey});
  for (auto shown : {"sk-proj-****UvWx", "sk-pro***Wx", "sk-proj-Ab3dEf********vWx", "sk-proj\xE2\x80\xA6UvWx",
                     "sk-proj-...vWx", "sk-proj-Ab3d***"})
    EXPECT_EQ(set.hide("key: " + std::string(shown) + " is wrong"), "key: *** is wrong") << shown;
  EXPECT_EQ(set.hide("Keys begin with sk-proj. Try again"), "Keys begin with sk-proj. Try again");
}

TEST(SecretScrub, LeavesShortSecretsAlone) {
  EXPECT_EQ(of({"abc", "default"}).hide("the default of abc"), "the default of abc");
}

TEST(SecretScrub, X1_JoinedHalvesAreFoundToo) {
  // The inner one goes first and brings a new one together.
  auto set = of({"abcdefghij", "inner***secret"});
  EXPECT_EQ(set.hide("innerabcdefghijsecret"), "***");
}

TEST(SecretScrub, X1_HidesKeysByTheirShape) {
  EXPECT_EQ(hide_key_shapes("Incorrect API key provided: sk-proj-abcdefghijklmnopqrst."),
            "Incorrect API key provided: ***.");
  EXPECT_EQ(hide_key_shapes("sk-short"), "sk-short");
  EXPECT_EQ(hide_key_shapes("AIza" + std::string(35, 'x') + " AKIAABCDEFGHIJKLMNOP xai-0123456789abcdef"),
            "*** *** ***");
  EXPECT_EQ(hide_key_shapes("gsk_0123456789abcdef hf_0123456789abcdef r8_0123456789abcdef ghp_0123456789abcdef"),
            "*** *** *** ***");
  EXPECT_EQ(hide_key_shapes("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl end"), "token *** end");
  EXPECT_EQ(hide_key_shapes("-----BEGIN RSA PRIVATE KEY----- MIIE -----END RSA PRIVATE KEY----- x"), "*** x");
  EXPECT_EQ(hide_key_shapes("socks5://user:pass@host:1 and http://host/a@b"),
            "socks5://***@host:1 and http://host/a@b");
}

TEST(SecretScrub, X1_ScrubCutsCleansAndMasks) {
  auto set = of({kKey});
  EXPECT_EQ(scrub("line\nbreak\x01\x7F of \xC2\x9B"
                  "1m",
                  set),
            "line break of 1m");
  EXPECT_EQ(scrub("key " + std::string(kKey) + " at https://api.up.com/v1", set), "key *** at https://***.com/***");
  EXPECT_EQ(scrub(std::string(5000, 'x'), set).size(), kLongestForeignText);
  // Half a character does not stay at the cut, nor the head of a key.
  auto text = std::string(kLongestForeignText - 1, 'x') + "\xC3\xBC and more";
  EXPECT_EQ(scrub(text, set), std::string(kLongestForeignText - 1, 'x'));
  text = std::string(kLongestForeignText - 10, 'x') + std::string(kKey);
  EXPECT_EQ(scrub(text, set), std::string(kLongestForeignText - 10, 'x'));
}

// Whatever surrounds it, no form of a secret is left, and hiding twice is hiding once.
TEST(SecretScrub, X1_NoFormSurvivesInRandomTexts) {
  std::mt19937 random(7);
  const std::string letters = "abcXYZ019-_|/+=%*. \\\"";
  auto word = [&](std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out += letters[random() % letters.size()];
    return out;
  };
  for (int round = 0; round < 3000; ++round) {
    auto secret = word(8 + random() % 20);
    auto set = of({secret});
    std::string text;
    for (int piece = 0; piece < 4; ++piece) {
      text += word(random() % 6);
      switch (random() % 4) {
        case 0: text += secret; break;
        case 1: text += url_encoded(secret, "0123456789ABCDEF"); break;
        case 2: text += base64(word(random() % 3) + secret + word(random() % 3)); break;
        default: text += secret.substr(0, 6) + "****" + secret.substr(secret.size() - 3);
      }
    }
    auto hidden = set.hide(text);
    ASSERT_EQ(hidden.find(secret), std::string::npos) << secret << " in " << text;
    ASSERT_EQ(hidden.find(url_encoded(secret, "0123456789ABCDEF")), std::string::npos) << secret << " in " << text;
    ASSERT_EQ(set.hide(hidden), hidden) << secret << " in " << text;
  }
}

}  // namespace tollgate::core
