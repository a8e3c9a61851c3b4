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
      {"https://a.b.co.uk?x=1&flag&y=2 end", "https://***.co.uk?x=***&***&y=*** end"},
      {"http://user:pass@10.0.0.1:8080/x", "http://***.1/***"},
  };
  for (const auto& [input, expected] : cases) EXPECT_EQ(mask_sensitive(input), expected) << input;
}

}  // namespace tollgate::core
