#include "model/row_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>

#include "core/byte_text.h"

namespace tollgate::model {
namespace {

constexpr std::string_view kSeal = "tg_mac";

std::string number(std::int64_t value) { return std::to_string(value); }
std::string flag(bool value) { return value ? "true" : "false"; }

const std::string* value_of(const HashFields& fields, std::string_view name) {
  for (const auto& [field, value] : fields)
    if (field == name) return &value;
  return nullptr;
}

// Reads one row; remembers whether everything that has to be there was.
class Reader {
 public:
  explicit Reader(const HashFields& fields) : fields_(fields) {}
  bool whole() const { return whole_; }

  std::string text(std::string_view name) {
    const auto* value = value_of(fields_, name);
    whole_ = whole_ && value;
    return value ? *value : std::string();
  }
  std::int64_t integer(std::string_view name) {
    auto value = text(name);
    std::int64_t number = 0;
    auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
    whole_ = whole_ && failed == std::errc() && end == value.data() + value.size();
    return number;
  }
  // As Go's ParseBool takes them.
  bool boolean(std::string_view name) {
    auto value = text(name);
    for (std::string_view yes : {"true", "1", "t", "T", "TRUE", "True"})
      if (value == yes) return true;
    bool no = false;
    for (std::string_view known : {"false", "0", "f", "F", "FALSE", "False"}) no = no || value == known;
    whole_ = whole_ && no;
    return false;
  }

 private:
  const HashFields& fields_;
  bool whole_ = true;
};

std::string hmac(std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), out, &size);
  return std::string(reinterpret_cast<const char*>(out), size);
}

// RFC 5869 with SHA-256, no salt, 32 bytes.
std::string hkdf(std::string_view secret, std::string_view info) {
  auto extracted = hmac(std::string(32, '\0'), secret);
  return hmac(extracted, std::string(info) + '\x01');
}

bool is_counter(std::string_view field) { return field == "Quota" || field == "RemainQuota" || field == "UsedQuota"; }

}  // namespace

HashFields hash_fields(const User& user) {
  return {{"Id", number(user.id.value)},       {"Group", user.group},           {"Email", user.email},
          {"Quota", number(user.quota.units)}, {"Status", number(user.status)}, {"Username", user.username},
          {"Setting", user.setting},           {"tg_role", number(user.role)}};
}

HashFields hash_fields(const Token& token) {
  return {{"Id", number(token.id.value)},
          {"UserId", number(token.user_id.value)},
          {"Key", ""},
          {"Status", number(token.status)},
          {"Name", token.name},
          {"CreatedTime", number(token.created_time)},
          {"AccessedTime", number(token.accessed_time)},
          {"ExpiredTime", number(token.expired_time)},
          {"RemainQuota", number(token.remain_quota.units)},
          {"UnlimitedQuota", flag(token.unlimited_quota)},
          {"ModelLimitsEnabled", flag(token.model_limits_enabled)},
          {"ModelLimits", token.model_limits},
          {"AllowIps", token.allow_ips},
          {"UsedQuota", number(token.used_quota.units)},
          {"Group", token.group},
          {"CrossGroupRetry", flag(token.cross_group_retry)}};
}

std::optional<User> user_of_hash(const HashFields& fields) {
  Reader read(fields);
  User user;
  user.id = core::UserId{read.integer("Id")};
  user.group = read.text("Group");
  user.email = read.text("Email");
  user.quota = core::Quota{read.integer("Quota")};
  user.status = read.integer("Status");
  user.username = read.text("Username");
  user.setting = read.text("Setting");
  user.role = read.integer("tg_role");
  return read.whole() ? std::optional(std::move(user)) : std::nullopt;
}

std::optional<Token> token_of_hash(const HashFields& fields) {
  Reader read(fields);
  Token token;
  token.id = core::TokenId{read.integer("Id")};
  token.user_id = core::UserId{read.integer("UserId")};
  token.status = read.integer("Status");
  token.name = read.text("Name");
  token.created_time = read.integer("CreatedTime");
  token.accessed_time = read.integer("AccessedTime");
  token.expired_time = read.integer("ExpiredTime");
  token.remain_quota = core::Quota{read.integer("RemainQuota")};
  token.unlimited_quota = read.boolean("UnlimitedQuota");
  token.model_limits_enabled = read.boolean("ModelLimitsEnabled");
  token.model_limits = read.text("ModelLimits");
  token.allow_ips = read.text("AllowIps");
  token.used_quota = core::Quota{read.integer("UsedQuota")};
  token.group = read.text("Group");
  token.cross_group_retry = read.boolean("CrossGroupRetry");
  return read.whole() ? std::optional(std::move(token)) : std::nullopt;
}

HashKeys::HashKeys(std::string_view crypto_secret)
    : secret_(crypto_secret), sealing_(hkdf(crypto_secret, "tollgate-cache-1")) {}

std::string HashKeys::token_name(std::string_view key) const { return "token:" + core::hex_digits(hmac(secret_, key)); }

std::string HashKeys::seal(std::string_view name, const HashFields& fields) const {
  std::vector<std::pair<std::string_view, std::string_view>> sorted;
  for (const auto& [field, value] : fields)
    if (!is_counter(field) && field != kSeal) sorted.emplace_back(field, value);
  std::sort(sorted.begin(), sorted.end());
  // Lengths stand before the texts, so that no other row has the same bytes.
  std::string text = std::to_string(name.size()) + ":" + std::string(name);
  for (auto [field, value] : sorted) {
    text.append("\n").append(std::to_string(field.size())).append(":").append(field);
    text.append("=").append(std::to_string(value.size())).append(":").append(value);
  }
  return core::hex_digits(hmac(sealing_, text).substr(0, 16));
}

bool HashKeys::sealed(std::string_view name, const HashFields& fields) const {
  const auto* found = value_of(fields, kSeal);
  auto wanted = seal(name, fields);
  return found && found->size() == wanted.size() && CRYPTO_memcmp(found->data(), wanted.data(), wanted.size()) == 0;
}

}  // namespace tollgate::model
