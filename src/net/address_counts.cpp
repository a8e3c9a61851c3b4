#include "net/address_counts.h"

#include <cstring>
#include <random>

namespace tollgate::net {

AddressCounts::AddressCounts() : counters_(std::make_unique<std::array<std::atomic<std::uint32_t>, 65536>>()) {
  std::random_device random;
  seed_ = (std::uint64_t{random()} << 32U) | random();
}

std::atomic<std::uint32_t>& AddressCounts::counter(const core::IpAddress& address) {
  std::uint64_t network, host;
  std::memcpy(&network, address.bytes.data(), 8);
  std::memcpy(&host, address.bytes.data() + 8, 8);
  // The first half of every IPv4 address, mapped into IPv6, is 0.
  std::uint64_t hash = (network != 0 ? network : host) ^ seed_;
  // The finaliser of SplitMix64: every bit of the input reaches every bit of the index.
  hash = (hash ^ (hash >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94D049BB133111EBULL;
  return (*counters_)[hash >> 48U];
}

bool AddressCounts::enter(const core::IpAddress& address, std::size_t limit) {
  auto& count = counter(address);
  if (count.fetch_add(1, std::memory_order_relaxed) < limit) return true;
  count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void AddressCounts::leave(const core::IpAddress& address) { counter(address).fetch_sub(1, std::memory_order_relaxed); }

}  // namespace tollgate::net
