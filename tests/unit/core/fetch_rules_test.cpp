#include "core/fetch_rules.h"

#include <gtest/gtest.h>

namespace tollgate::core {
namespace {

FetchRules rules(OptionRows rows = {}) { return FetchRules(Options(rows)); }
bool takes(const FetchRules& rules, std::string_view url) { return rules.check_url(url).has_value(); }
bool admits(const FetchRules& rules, std::string_view address, std::uint16_t port = 443, bool named = true) {
  return rules.admits(*parse_ip(address), port, named);
}

}  // namespace

TEST(FetchRules, X4_TakePublicAddressesOnTheUsualPorts) {
  auto usual = rules();
  for (auto url : {"https://hooks.example.com/x?y=1", "http://example.com:8080/", "https://93.184.216.34/a",
                   "HTTPS://Example.COM./", "https://[2606:4700::1111]/"})
    EXPECT_TRUE(takes(usual, url)) << url;
  for (auto url : {"https://example.com:22/", "https://example.com:9000/", "https://example.com:0/",
                   "https://example.com:99999/", "https://example.com:/"})
    EXPECT_FALSE(takes(usual, url)) << url;
}

TEST(FetchRules, X4_RefuseEveryOtherSpellingOfAUrl) {
  auto usual = rules();
  for (auto url : {"ftp://example.com/",
                   "file:///etc/passwd",
                   "gopher://example.com/",
                   "example.com",
                   "/path",
                   "",
                   "https://user@example.com/",
                   "https://example.com\\@evil/",
                   "https://exa mple.com/",
                   "https://ex%61mple.com/",
                   "https://127.1/",
                   "https://2130706433/",
                   "https://0177.0.0.1/",
                   "https://0x7f.1/",
                   "https://a..b/",
                   "https:///x",
                   "https://[::1/",
                   "https://[example.com]/",
                   "https://[fe80::1%25eth0]/",
                   "https://\xc3\xa9.example/",
                   "https://localhost/",
                   "https://a.localhost/",
                   "https://printer.local/",
                   "https://metadata.google.internal/"})
    EXPECT_FALSE(takes(usual, url)) << url;
}

TEST(FetchRules, X4_RefuseAddressesThatAreNotPublicInEveryForm) {
  auto usual = rules();
  for (auto address :
       {"127.0.0.1",       "10.1.2.3",     "172.16.0.1",    "192.168.1.1",      "169.254.1.1",
        "100.64.0.1",      "0.0.0.0",      "224.0.0.1",     "255.255.255.255",  "192.0.2.1",
        "198.18.0.1",      "::",           "::1",           "::ffff:127.0.0.1", "::127.0.0.1",
        "fc00::1",         "fe80::1",      "fec0::1",       "ff02::1",          "2001:db8::1",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::",  "2001:0:1:2:3:4:80ff:fffe"})
    EXPECT_FALSE(admits(usual, address)) << address;
  for (auto address : {"8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"})
    EXPECT_TRUE(admits(usual, address)) << address;
  EXPECT_FALSE(takes(usual, "https://10.0.0.1/"));
  EXPECT_FALSE(takes(usual, "https://[::ffff:169.254.169.254]/"));
}

TEST(FetchRules, X4_MetadataServicesAreOutOfReachWhateverTheOptionsSay) {
  auto open = rules({{"fetch_setting.enable_ssrf_protection", "false"}, {"fetch_setting.allow_private_ip", "true"}});
  for (auto address : {"169.254.169.254", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254",
                       "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"})
    EXPECT_FALSE(admits(open, address, 80)) << address;
  EXPECT_FALSE(takes(open, "http://metadata.google.internal/"));
  EXPECT_TRUE(takes(open, "http://127.0.0.1:9000/"));
  EXPECT_TRUE(admits(open, "127.0.0.1", 9000));
}

TEST(FetchRules, PrivateAddressesOnlyWithTheirOptionAndNeverThisMachine) {
  auto home = rules({{"fetch_setting.allow_private_ip", "true"}});
  EXPECT_TRUE(admits(home, "192.168.1.1"));
  EXPECT_TRUE(takes(home, "http://printer.local/"));
  EXPECT_FALSE(admits(home, "127.0.0.1"));
}

TEST(FetchRules, ListsOfDomainsForbidOrAreAllThatIsAllowed) {
  OptionRows rows{{"fetch_setting.domain_list", R"(["*.Example.com","other.org"])"}};
  auto black = rules(rows);
  for (auto url : {"https://example.com/", "https://a.b.example.com/", "https://other.org/"})
    EXPECT_FALSE(takes(black, url)) << url;
  EXPECT_TRUE(takes(black, "https://sub.other.org/"));
  EXPECT_TRUE(takes(black, "https://badexample.com/"));
  rows["fetch_setting.domain_filter_mode"] = "true";
  auto white = rules(rows);
  EXPECT_TRUE(takes(white, "https://a.example.com/"));
  EXPECT_FALSE(takes(white, "https://elsewhere.net/"));
}

TEST(FetchRules, ListsOfAddressesCountForNamesOnlyWithTheirSwitch) {
  OptionRows rows{{"fetch_setting.ip_list", R"(["8.8.8.0/24"])"}};
  EXPECT_FALSE(admits(rules(rows), "8.8.8.8", 443, false));
  EXPECT_TRUE(admits(rules(rows), "8.8.8.8", 443, true));
  rows["fetch_setting.apply_ip_filter_for_domain"] = "true";
  EXPECT_FALSE(admits(rules(rows), "8.8.8.8", 443, true));
  rows["fetch_setting.ip_filter_mode"] = "true";
  EXPECT_TRUE(admits(rules(rows), "8.8.8.8", 443, true));
  EXPECT_FALSE(admits(rules(rows), "9.9.9.9", 443, true));
}

TEST(FetchRules, PortsMayBeRangesAndServicesBehindKnownPortsStayClosed) {
  auto wide = rules({{"fetch_setting.allowed_ports", R"(["8000-9000",443])"}});
  EXPECT_TRUE(takes(wide, "http://example.com:8500/"));
  EXPECT_TRUE(takes(wide, "https://example.com/"));
  EXPECT_FALSE(takes(wide, "http://example.com/"));
  auto all = rules({{"fetch_setting.allowed_ports", "[]"}});
  EXPECT_TRUE(takes(all, "http://example.com:50000/"));
  for (auto url : {"http://example.com:25/", "http://example.com:6379/", "http://example.com:7/"})
    EXPECT_FALSE(takes(all, url)) << url;
  EXPECT_FALSE(takes(rules({{"fetch_setting.allowed_ports", R"(["x"])"}}), "https://example.com/"));
}

}  // namespace tollgate::core
