// What kind of network an address belongs to: for calls to addresses that somebody else chose.
#pragma once
#include "core/ip_address.h"

namespace tollgate::net {

// From harmless to forbidden.
enum class AddressClass {
  kPublic,
  kPrivate,  // private, shared and benchmark networks
  kLoopback,
  kSpecial,   // link-local, multicast, reserved, documentation, unspecified
  kMetadata,  // where clouds tell a machine its credentials
};

// Of the address, or of the IPv4 address inside a public one that carries it (NAT64, 6to4, Teredo, compatible).
AddressClass address_class(const core::IpAddress& address);

}  // namespace tollgate::net
