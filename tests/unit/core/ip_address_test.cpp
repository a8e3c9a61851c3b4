#include "core/ip_address.h"

#include <gtest/gtest.h>

namespace tollgate::core {
namespace {

bool admits(std::string_view list, std::string_view address) { return IpAllowList(list).admits(*parse_ip(address)); }

}  // namespace

TEST(IpAddress, EqualsItsMappedForm) { EXPECT_EQ(parse_ip("192.0.2.1"), parse_ip("::ffff:192.0.2.1")); }

TEST(IpAddress, RefusesWhatIsNone) {
  for (auto text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "g::1", "1.2.3.4/8", "[::1]"})
    EXPECT_FALSE(parse_ip(text)) << text;
}

TEST(IpAllowList, WithoutEntriesAdmitsEverybody) {
  EXPECT_TRUE(admits("", "203.0.113.9"));
  EXPECT_TRUE(admits(" \n,\n", "203.0.113.9"));
}

TEST(IpAllowList, MatchesAddressesAndBlocks) {
  constexpr auto list = "10.0.0.0/9\n 203.0.113.9 ,\r\n2001:db8::/33";
  EXPECT_TRUE(admits(list, "10.127.1.1"));
  EXPECT_FALSE(admits(list, "10.128.1.1"));
  EXPECT_TRUE(admits(list, "203.0.113.9"));
  EXPECT_TRUE(admits(list, "::ffff:203.0.113.9"));
  EXPECT_TRUE(admits(list, "2001:db8:7fff::1"));
  EXPECT_FALSE(admits(list, "2001:db8:8000::1"));
}

TEST(IpAllowList, TakesCommasLikeLineFeeds) {
  for (auto address : {"1.1.1.1", "2.2.2.2", "10.0.0.9"}) EXPECT_TRUE(admits("1.1.1.1, 2.2.2.2,10.0.0.0/8", address));
  EXPECT_FALSE(admits("1.1.1.1,2.2.2.2", "3.3.3.3"));
}

TEST(IpAllowList, OfInvalidEntriesAdmitsNobody) { EXPECT_FALSE(admits("10.0.0.0/33", "10.0.0.1")); }

}  // namespace tollgate::core
