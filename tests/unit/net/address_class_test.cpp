#include "net/address_class.h"

#include <gtest/gtest.h>

namespace tollgate::net {
namespace {

AddressClass of(std::string_view text) { return address_class(core::parse_ip(text).value()); }

}  // namespace

TEST(AddressClass, IsPublicForWhatTheInternetReaches) {
  for (auto text : {"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "192.167.1.1", "2606:4700::1111",
                    "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"})
    EXPECT_EQ(of(text), AddressClass::kPublic) << text;
}

TEST(AddressClass, KnowsOwnNetworks) {
  for (auto text : {"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "198.18.0.1", "fd12::1",
                    "fec0::1", "::ffff:10.0.0.1"})
    EXPECT_EQ(of(text), AddressClass::kPrivate) << text;
  for (auto text : {"127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"})
    EXPECT_EQ(of(text), AddressClass::kLoopback) << text;
}

TEST(AddressClass, KnowsWhatIsNoPlaceToCall) {
  for (auto text : {"0.0.0.0", "0.1.2.3", "169.254.1.1", "192.0.2.1", "203.0.113.9", "224.0.0.1", "255.255.255.255",
                    "::", "fe80::1", "ff02::1", "2001:db8::1", "64:ff9b:1::1"})
    EXPECT_EQ(of(text), AddressClass::kSpecial) << text;
  for (auto text : {"169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"})
    EXPECT_EQ(of(text), AddressClass::kMetadata) << text;
}

TEST(AddressClass, LooksIntoAddressesThatCarryAnother) {
  EXPECT_EQ(of("64:ff9b::a9fe:a9fe"), AddressClass::kMetadata);  // 169.254.169.254 by NAT64
  EXPECT_EQ(of("2002:7f00:1::1"), AddressClass::kLoopback);      // 127.0.0.1 by 6to4
  EXPECT_EQ(of("2001::f5ff:fffe"), AddressClass::kPrivate);      // 10.0.0.1 by Teredo, inverted
  EXPECT_EQ(of("::10.0.0.1"), AddressClass::kPrivate);
}

}  // namespace tollgate::net
