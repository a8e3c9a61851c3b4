// IP addresses and CIDR blocks as text gives them. IPv4 is held in its IPv4-mapped IPv6 form, so both spellings are
// equal.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tollgate::core {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// "192.0.2.1" or "2001:db8::1", nothing around it.
std::optional<IpAddress> parse_ip(std::string_view text);

struct IpBlock {
  IpAddress base;
  int prefix = 128;  // bits of the 128-bit form
  bool contains(const IpAddress& address) const;
};

// An address or a CIDR block; nullopt for anything else.
std::optional<IpBlock> parse_ip_block(std::string_view text);

// The allow-list of an API key (column allow_ips): entries between line feeds or commas, blanks dropped. Entries that
// are no address never match, so a list of only such entries admits nobody; a list without entries admits everybody.
class IpAllowList {
 public:
  IpAllowList() = default;
  explicit IpAllowList(std::string_view text);
  bool restricts() const { return restricts_; }
  bool admits(const IpAddress& address) const;

 private:
  bool restricts_ = false;
  std::vector<IpBlock> blocks_;
};

}  // namespace tollgate::core
