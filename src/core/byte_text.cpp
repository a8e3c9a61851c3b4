#include "core/byte_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tollgate::core {
namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::string_view bytes, std::string_view alphabet) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out.push_back(k <= have ? alphabet[group >> (18U - 6U * k) & 63U] : '=');
  }
  return out;
}

// The value of each character of an alphabet, -1 of all others.
constexpr std::array<std::int8_t, 256> values_of(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return table;
}

}  // namespace

std::string base64_encode(std::string_view bytes) { return encode(bytes, kStandard); }
std::string base64url_encode(std::string_view bytes) { return encode(bytes, kUrl); }

std::optional<std::string> base64url_decode(std::string_view text) {
  static constexpr auto kValues = values_of(kUrl);
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  int digits = 0, padding = 0;
  for (char c : text) {
    if (c == '\r' || c == '\n') continue;
    if (c == '=') {
      // Padding stands only in the third and fourth place of the last group.
      if (digits < 2) return std::nullopt;
      ++padding;
      group <<= 6U;
    } else {
      const int value = kValues[static_cast<unsigned char>(c)];
      if (value < 0 || padding > 0) return std::nullopt;
      group = group << 6U | static_cast<std::uint32_t>(value);
    }
    if (++digits == 4) {
      for (int k = 0; k < 3 - padding; ++k)
        out.push_back(static_cast<char>(group >> (16U - 8U * static_cast<unsigned>(k))));
      digits = 0;
      group = 0;
      if (padding > 0) padding = 3;  // anything after it is a fault
    }
  }
  if (digits != 0) return std::nullopt;
  return out;
}

std::string base64_decode_start(std::string_view text, std::size_t most) {
  static constexpr auto kValues = values_of(kStandard);
  std::string out;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (char c : text.substr(0, most)) {
    const int value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) break;
    group = group << 6U | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits & 0xFFU);
  }
  return out;
}

std::string hex_digits(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

}  // namespace tollgate::core
