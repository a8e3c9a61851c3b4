#include "net/address_class.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace tollgate::net {
namespace {

std::vector<core::IpBlock> blocks(std::initializer_list<std::string_view> texts) {
  std::vector<core::IpBlock> out;
  for (auto text : texts) out.push_back(core::parse_ip_block(text).value());
  return out;
}

// The registries of special-purpose addresses (RFC 6890 and its updates), and what cloud providers document.
AddressClass class_of(const core::IpAddress& address) {
  static const struct {
    AddressClass name;
    std::vector<core::IpBlock> blocks;
  } kTable[] = {
      {AddressClass::kMetadata,
       blocks({"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253", "100.100.100.200",
               "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"})},
      {AddressClass::kLoopback, blocks({"127.0.0.0/8", "::1"})},
      {AddressClass::kPrivate, blocks({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                                       "198.18.0.0/15", "fc00::/7", "fec0::/10"})},
      {AddressClass::kSpecial,
       blocks({"0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24",
               "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::", "fe80::/10", "ff00::/8", "100::/64",
               "64:ff9b:1::/48", "2001:db8::/32", "2001:10::/28", "2001:20::/28", "3fff::/20", "5f00::/16"})},
  };
  for (const auto& row : kTable)
    if (std::ranges::any_of(row.blocks, [&](const auto& block) { return block.contains(address); })) return row.name;
  return AddressClass::kPublic;
}

std::optional<core::IpAddress> inner(const core::IpAddress& address) {
  static const auto kNat64 = core::parse_ip_block("64:ff9b::/96").value();
  static const auto k6to4 = core::parse_ip_block("2002::/16").value();
  static const auto kTeredo = core::parse_ip_block("2001::/32").value();
  static const auto kCompatible = core::parse_ip_block("::/96").value();
  std::size_t at = 12;
  if (k6to4.contains(address))
    at = 2;
  else if (!kNat64.contains(address) && !kTeredo.contains(address) && !kCompatible.contains(address))
    return std::nullopt;
  core::IpAddress out;
  out.bytes[10] = out.bytes[11] = 0xFF;
  const std::uint8_t flip = kTeredo.contains(address) ? 0xFF : 0;
  for (std::size_t i = 0; i < 4; ++i) out.bytes[12 + i] = static_cast<std::uint8_t>(address.bytes[at + i] ^ flip);
  return out;
}

}  // namespace

AddressClass address_class(const core::IpAddress& address) {
  const auto outer = class_of(address);
  if (outer != AddressClass::kPublic) return outer;
  const auto carried = inner(address);
  return carried ? class_of(*carried) : outer;
}

}  // namespace tollgate::net
