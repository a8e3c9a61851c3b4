// Texts of upstreams: no known secret of 8 characters or more survives in any form it is looked for, and scrubbing what
// is scrubbed changes nothing.
#include <string>

#include "core/secret_scrub.h"
#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

std::string url_encoded(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string json_escaped(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) return {};
    out += "\\u00";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at + 3 <= text.size(); at += 3) {
    unsigned group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group * 256 + static_cast<unsigned char>(text[at + i]);
    for (int shift = 18; shift >= 0; shift -= 6) out += kDigits[(group >> shift) & 63U];
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 10) return 0;
  auto input = fuzz::text(data, size);
  const std::size_t length = 8 + static_cast<unsigned char>(input[0]) % 24;
  const unsigned form = static_cast<unsigned char>(input[1]) % 6;
  input.remove_prefix(2);
  if (input.size() < length) return 0;
  const std::string secret(input.substr(0, length));
  const std::string rest(input.substr(length));
  core::SecretSet secrets;
  secrets.add(secret);

  std::string shown = secret;
  if (form == 1) shown = url_encoded(secret);
  if (form == 2) shown = json_escaped(secret);
  if (form >= 3) {
    // Whole groups only: what a neighbour changes in the first or last character is no part of the secret's form.
    std::string bytes(form - 3, 'x');
    bytes += secret;
    while (bytes.size() % 3 != 0) bytes += 'x';
    shown = base64(bytes);
  }
  const auto half = rest.size() / 2;
  const auto hidden = secrets.hide(rest.substr(0, half) + shown + rest.substr(half));
  FUZZ_CHECK(hidden.find(secret) == std::string::npos);
  FUZZ_CHECK(shown.empty() || hidden.find(shown) == std::string::npos);
  FUZZ_CHECK(secrets.hide(hidden) == hidden);

  const auto scrubbed = core::scrub(hidden, secrets);
  FUZZ_CHECK(scrubbed.size() <= core::kLongestForeignText);
  for (char c : scrubbed) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  return 0;
}
