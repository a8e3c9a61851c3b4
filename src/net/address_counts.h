// How many connections each client address holds, without a lock and without a list.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "core/ip_address.h"

namespace tollgate::net {

// A table of counters that addresses are spread over by a hash nobody outside can foretell. Two addresses that meet in
// one counter share its limit: one in 65536. IPv6 clients count by their /64. From any thread.
class AddressCounts {
 public:
  AddressCounts();
  // False, and nothing is counted, when the address holds `limit` already.
  bool enter(const core::IpAddress& address, std::size_t limit);
  void leave(const core::IpAddress& address);

 private:
  std::atomic<std::uint32_t>& counter(const core::IpAddress& address);
  std::uint64_t seed_;
  std::unique_ptr<std::array<std::atomic<std::uint32_t>, 65536>> counters_;
};

}  // namespace tollgate::net
