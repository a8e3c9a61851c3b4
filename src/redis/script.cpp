#include "redis/script.h"

#include <fmt/core.h>
#include <openssl/sha.h>

namespace tollgate::redis {

Script::Script(std::string_view text) : text_(text) {
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  for (unsigned char byte : digest) digest_ += fmt::format("{:02x}", byte);
}

}  // namespace tollgate::redis
