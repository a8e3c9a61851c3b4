#include "core/mask.h"

#include <gtest/gtest.h>

namespace tollgate::core {

TEST(Mask, HidesHostsAddressesAndKeys) {
  const std::pair<const char*, const char*> cases[] = {
      {"dial https://api.openai.com/v1/chat/completions?key=abc failed",
       "dial https://***.com/***/***/***?key=*** failed"},
      {"see api.openai.com or a.b.co.uk", "see ***.***.com or ***.***.co.uk"},
      {"lookup 10.1.2.3:53", "lookup ***.***.***.***:53"},
      {"http://localhost:3000/a/b", "http://***/***/***"},
      {"contact a@b.com", "contact a@***.com"},
      {"gpt-4.1-mini", "gpt-4.1-mini"},
      {"file app.py line", "file ***.app.py line"},
      {"api_key:secret rest", "api_key:*** rest"},
      {"plain text, nothing to hide.", "plain text, nothing to hide."},
      {"version 1.2.3 of 300.400", "version 1.2.3 of 300.400"},
  };
  for (const auto& [input, expected] : cases) EXPECT_EQ(mask_sensitive(input), expected) << input;
}

TEST(Mask, ScrubReplacesKnownSecretsAndKeyShapes) {
  std::string_view secrets[] = {"my-upstream-secret"};
  EXPECT_EQ(scrub("bad key my-upstream-secret!", secrets), "bad key ***!");
  EXPECT_EQ(scrub("Incorrect API key provided: sk-proj-abcdefghijklmnopqrst."), "Incorrect API key provided: ***");
  EXPECT_EQ(scrub("line\nbreak"), "line break");
  EXPECT_LE(scrub(std::string(5000, 'x')).size(), 2048U);
}

}  // namespace tollgate::core
