#include "redis/slot.h"

#include <array>

#include "core/ascii.h"

namespace tollgate::redis {
namespace {

// CRC-16/XMODEM: polynomial 0x1021, start 0.
constexpr std::array<std::uint16_t, 256> kTable = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned value = byte << 8U;
    for (int bit = 0; bit < 8; ++bit) value = (value & 0x8000U) != 0 ? (value << 1U) ^ 0x1021U : value << 1U;
    table[byte] = static_cast<std::uint16_t>(value);
  }
  return table;
}();

}  // namespace

std::uint16_t slot_of(std::string_view key) {
  if (auto open = key.find('{'); open != std::string_view::npos) {
    auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  unsigned crc = 0;
  for (char c : key) crc = ((crc << 8U) ^ kTable[((crc >> 8U) ^ static_cast<unsigned char>(c)) & 0xFFU]) & 0xFFFFU;
  return static_cast<std::uint16_t>(crc % kSlots);
}

std::string_view key_of(const Command& command) {
  if (command.size() < 2) return {};
  auto name = core::ascii_lower(command[0]);
  if (name == "eval" || name == "evalsha")
    return command.size() > 3 ? std::string_view(command[3]) : std::string_view();
  for (std::string_view keyless : {"publish", "ping", "info", "script", "config", "client", "scan", "cluster",
                                   "flushall", "flushdb", "role", "echo", "acl", "command"})
    if (name == keyless) return {};
  return command[1];
}

}  // namespace tollgate::redis
