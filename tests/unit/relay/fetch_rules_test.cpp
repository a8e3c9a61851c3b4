#include "relay/fetch_rules.h"

#include <gtest/gtest.h>

namespace tollgate::relay {
namespace {

FetchRules rules(const core::OptionRows& rows = {}) { return read_fetch_rules(core::Options(rows)); }

bool takes(const FetchRules& rules, std::string_view text) {
  auto url = net::parse_url(text);
  return url && rules.take_url(*url);
}

bool takes_address(const FetchRules& rules, std::string_view text, bool of_name = false) {
  return rules.take_address(core::parse_ip(text).value(), of_name);
}

}  // namespace

TEST(FetchRules, TakePublicNamesOnTheUsualPortsByDefault) {
  for (auto url : {"https://example.com/a.png", "http://example.com", "http://example.com:8080/",
                   "https://a.example.com:8443/", "http://93.184.216.34/"})
    EXPECT_TRUE(takes(rules(), url)) << url;
  for (auto url :
       {"http://example.com:81/", "http://example.com:6379/", "https://example.com:22/", "socks5://example.com/"})
    EXPECT_FALSE(takes(rules(), url)) << url;
}

TEST(FetchRules, RefuseSpellingsThatProgramsReadDifferently) {
  for (auto url :
       {"http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://1.2.3.4.5/",
        "http://user@example.com/", "http://exa%6dple.com/", "http://example..com/", "http://example.com/\\a",
        "http://ex\xC3\xA4mple.com/", "http://[fe80::1%25eth0]/", "http://.example.com/", "http://a b.com/"})
    EXPECT_FALSE(takes(rules(), url)) << url;
}

TEST(FetchRules, RefuseNamesOfOwnNetworks) {
  for (auto url : {"http://localhost/", "http://a.localhost/", "http://printer.local/",
                   "http://metadata.google.internal/", "http://metadata/", "http://router.home.arpa/"})
    EXPECT_FALSE(takes(rules(), url)) << url;
}

TEST(FetchRules, RefuseAddressesThatAreNotPublic) {
  EXPECT_TRUE(takes_address(rules(), "93.184.216.34"));
  for (auto text : {"127.0.0.1", "10.0.0.1", "169.254.1.1", "169.254.169.254", "224.0.0.1", "::1", "fe80::1",
                    "::ffff:10.0.0.1", "64:ff9b::7f00:1"}) {
    EXPECT_FALSE(takes_address(rules(), text)) << text;
    EXPECT_FALSE(takes_address(rules(), text, true)) << text;
  }
}

TEST(FetchRules, OpenPrivateNetworksButNotThisMachineWhenTheOptionsSaySo) {
  auto open = rules({{"fetch_setting.allow_private_ip", "true"}});
  EXPECT_TRUE(takes_address(open, "10.0.0.1"));
  EXPECT_FALSE(takes_address(open, "127.0.0.1"));
  EXPECT_FALSE(takes_address(open, "169.254.1.1"));
}

TEST(FetchRules, KeepMetadataClosedEvenWithoutProtection) {
  auto off = rules({{"fetch_setting.enable_ssrf_protection", "false"}});
  EXPECT_TRUE(takes_address(off, "127.0.0.1"));
  EXPECT_TRUE(takes(off, "http://localhost:3000/"));
  EXPECT_FALSE(takes_address(off, "169.254.169.254"));
}

TEST(FetchRules, KeepListsOfNamesEitherWay) {
  auto black = rules({{"fetch_setting.domain_list", R"(["*.Evil.com","bad.org"])"}});
  EXPECT_FALSE(takes(black, "http://evil.com/"));
  EXPECT_FALSE(takes(black, "http://a.evil.com/"));
  EXPECT_FALSE(takes(black, "http://bad.org/"));
  EXPECT_TRUE(takes(black, "http://a.bad.org/"));
  EXPECT_TRUE(takes(black, "http://notevil.com/"));
  auto white =
      rules({{"fetch_setting.domain_list", R"(["*.good.com"])"}, {"fetch_setting.domain_filter_mode", "true"}});
  EXPECT_TRUE(takes(white, "http://cdn.good.com/"));
  EXPECT_FALSE(takes(white, "http://example.com/"));
}

TEST(FetchRules, KeepListsOfAddressesForNamesOnlyWhenTheOptionsSaySo) {
  auto black = rules({{"fetch_setting.ip_list", R"(["93.184.0.0/16"])"}});
  EXPECT_FALSE(takes_address(black, "93.184.216.34"));
  EXPECT_TRUE(takes_address(black, "93.184.216.34", true));
  auto both = rules({{"fetch_setting.ip_list", R"(["93.184.0.0/16"])"},
                     {"fetch_setting.ip_filter_mode", "true"},
                     {"fetch_setting.apply_ip_filter_for_domain", "true"}});
  EXPECT_TRUE(takes_address(both, "93.184.216.34", true));
  EXPECT_FALSE(takes_address(both, "8.8.8.8", true));
}

TEST(FetchRules, ReadPortsAsNumbersAndRanges) {
  auto some = rules({{"fetch_setting.allowed_ports", R"(["443","8000-8010",9000])"}});
  EXPECT_TRUE(takes(some, "https://example.com/"));
  EXPECT_TRUE(takes(some, "http://example.com:8005/"));
  EXPECT_TRUE(takes(some, "http://example.com:9000/"));
  EXPECT_FALSE(takes(some, "http://example.com/"));
  auto all = rules({{"fetch_setting.allowed_ports", "[]"}});
  EXPECT_TRUE(takes(all, "http://example.com:12345/"));
  EXPECT_FALSE(takes(all, "http://example.com:5432/"));
}

}  // namespace tollgate::relay
