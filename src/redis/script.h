// A Lua script and the digest by which servers keep it.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::redis {

// Immutable; made once, used by any thread. A script names its one key as KEYS[1], so that it runs on clusters as well.
class Script {
 public:
  explicit Script(std::string_view text);
  const std::string& text() const { return text_; }
  const std::string& digest() const { return digest_; }  // SHA-1, 40 hex digits

 private:
  std::string text_, digest_;
};

}  // namespace tollgate::redis
