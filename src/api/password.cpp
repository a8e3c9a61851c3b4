#include "api/password.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <memory>

#include "core/random.h"

namespace tollgate::api {
namespace {

constexpr std::size_t kMaxBytes = 72;  // bcrypt looks at no more
constexpr std::size_t kHashSize = 60;
// A hash of cost 10 that no password is known for; compared with when there is none to compare with.
constexpr std::string_view kDummy = "$2a$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";

bool fits(std::string_view password) {
  return password.size() <= kMaxBytes && password.find('\0') == std::string_view::npos;
}

// crypt_r would take other texts for hashes of other kinds ("ga…" is a DES salt), so the form is checked before.
bool is_bcrypt(std::string_view stored) {
  if (stored.size() != kHashSize || stored.substr(0, 2) != "$2" || stored[3] != '$' || stored[6] != '$') return false;
  if (stored[2] != 'a' && stored[2] != 'b' && stored[2] != 'y') return false;
  const int tens = stored[4] - '0', ones = stored[5] - '0';
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) return false;
  const int cost = tens * 10 + ones;
  return cost >= 4 && cost <= 14;
}

// Empty on failure. The working area is 32 KiB: on the heap, wiped afterwards.
std::string bcrypt(std::string_view password, std::string_view setting) {
  auto data = std::make_unique<crypt_data>();
  std::string phrase(password), salt(setting);
  const char* out = crypt_r(phrase.c_str(), salt.c_str(), data.get());
  std::string result = out && out[0] != '*' ? out : "";
  OPENSSL_cleanse(data.get(), sizeof(crypt_data));
  OPENSSL_cleanse(phrase.data(), phrase.size());
  return result.size() == kHashSize ? result : std::string();
}

}  // namespace

core::Result<std::string> hash_password(std::string_view password) {
  if (!fits(password)) return core::error(core::Errc::kInvalid, "password length exceeds 72 bytes");
  char random[16];
  core::random_bytes(random, sizeof random);
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (!crypt_gensalt_rn("$2a$", 10, random, sizeof random, setting, sizeof setting))
    return core::error(core::Errc::kInternal, "no bcrypt in libcrypt");
  std::string hash = bcrypt(password, setting);
  if (hash.empty()) return core::error(core::Errc::kInternal, "bcrypt failed");
  return hash;
}

bool verify_password(std::string_view password, std::string_view stored) {
  const bool usable = fits(password) && is_bcrypt(stored);
  const std::string_view setting = usable ? stored : kDummy;
  const std::string hash = bcrypt(usable ? password : std::string_view("x"), setting);
  return hash.size() == setting.size() && CRYPTO_memcmp(hash.data(), setting.data(), hash.size()) == 0 && usable;
}

}  // namespace tollgate::api
