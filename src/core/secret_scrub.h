// Takes secrets out of texts that come from outside before they reach a client, a log line or a log row. Only for texts
// of errors: what it costs grows with text times secrets.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::core {

// The longest text of an upstream that goes on.
inline constexpr std::size_t kLongestForeignText = 2048;

// The secrets that one request used. Those shorter than 8 characters are not looked for: they would hide plain words.
class SecretSet {
 public:
  // The secret, its parts between '|' and '-', and what it stands for when it is URL-encoded itself.
  void add(std::string_view secret);

  // Each occurrence becomes ***: as it is, URL-encoded, JSON-escaped, in base64 at any alignment, and as its head and
  // tail around stars or dots (sk-abcd****wxyz). Nothing is left to find in the result.
  std::string hide(std::string_view text) const;

  // Where a text was cut at its end: without the piece of a secret that the cut left over, from 4 characters on.
  std::string_view without_cut_secret(std::string_view text) const;

 private:
  void add_one(std::string_view secret);
  std::size_t match(std::string_view text, std::size_t at) const;

  std::vector<std::string> secrets_;
  std::vector<std::string> needles_;  // the secrets, and what all their base64 texts have in common
};

// What a foreign text passes before anybody sees it: cut to kLongestForeignText, control characters out, known secrets
// and whatever looks like a provider's key hidden, then mask_sensitive() of core/mask.h.
std::string scrub(std::string_view text, const SecretSet& secrets);

// The steps by shape alone: keys of providers, JWTs, private key blocks, user:password@ of URLs.
std::string hide_key_shapes(std::string_view text);

}  // namespace tollgate::core
