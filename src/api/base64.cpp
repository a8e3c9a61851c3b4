#include "api/base64.h"

#include <array>
#include <cstdint>

namespace tollgate::api {
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

}  // namespace

std::string base64_encode(std::string_view bytes) { return encode(bytes, kStandard); }
std::string base64url_encode(std::string_view bytes) { return encode(bytes, kUrl); }

std::optional<std::string> base64url_decode(std::string_view text) {
  static const auto kValues = [] {
    std::array<int, 256> table;
    table.fill(-1);
    for (std::size_t i = 0; i < kUrl.size(); ++i) table[static_cast<unsigned char>(kUrl[i])] = static_cast<int>(i);
    return table;
  }();
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

}  // namespace tollgate::api
