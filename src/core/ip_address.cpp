#include "core/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace tollgate::core {

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  char buffer[INET6_ADDRSTRLEN];
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  IpAddress address;
  if (inet_pton(AF_INET, buffer, &address.bytes[12]) == 1) {
    address.bytes[10] = address.bytes[11] = 0xFF;
    return address;
  }
  if (inet_pton(AF_INET6, buffer, address.bytes.data()) == 1) return address;
  return std::nullopt;
}

bool IpBlock::contains(const IpAddress& address) const {
  int whole = prefix / 8;
  if (std::memcmp(base.bytes.data(), address.bytes.data(), static_cast<std::size_t>(whole)) != 0) return false;
  int rest = prefix % 8;
  if (rest == 0) return true;
  auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
  auto at = static_cast<std::size_t>(whole);
  return (base.bytes[at] & mask) == (address.bytes[at] & mask);
}

std::optional<IpBlock> parse_ip_block(std::string_view text) {
  auto slash = text.find('/');
  auto base = parse_ip(text.substr(0, slash));
  if (!base) return std::nullopt;
  if (slash == std::string_view::npos) return IpBlock{*base, 128};
  bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  auto bits = text.substr(slash + 1);
  int prefix = 0;
  auto [end, ec] = std::from_chars(bits.data(), bits.data() + bits.size(), prefix);
  if (ec != std::errc() || end != bits.data() + bits.size() || prefix < 0 || prefix > (v4 ? 32 : 128))
    return std::nullopt;
  return IpBlock{*base, v4 ? prefix + 96 : prefix};
}

IpAllowList::IpAllowList(std::string_view text) {
  while (!text.empty()) {
    auto end = std::min(text.find_first_of(",\n"), text.size());
    std::string entry;
    for (char c : text.substr(0, end))
      if (c != ' ' && c != '\t' && c != '\r') entry.push_back(c);
    if (!entry.empty()) {
      restricts_ = true;
      if (auto block = parse_ip_block(entry)) blocks_.push_back(*block);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool IpAllowList::admits(const IpAddress& address) const {
  if (!restricts_) return true;
  for (const auto& block : blocks_)
    if (block.contains(address)) return true;
  return false;
}

}  // namespace tollgate::core
