#include "net/environment_proxy.h"

#include <gtest/gtest.h>

namespace tollgate::net {
namespace {

std::string proxy_of(const EnvironmentProxies& proxies, std::string_view target) {
  const auto* proxy = proxies.proxy_for(*parse_url(target));
  return proxy ? proxy->scheme + " " + proxy->host + " " + std::to_string(proxy->port) : "direct";
}

EnvironmentProxies with(EnvironmentProxies::Texts texts) { return *EnvironmentProxies::make(texts); }

}  // namespace

TEST(EnvironmentProxies, AreChosenByTheSchemeOfTheTarget) {
  auto proxies = with({.http = "http://p1:3128", .https = "socks5://u:p@p2"});
  EXPECT_EQ(proxy_of(proxies, "http://h.example/"), "http p1 3128");
  EXPECT_EQ(proxy_of(proxies, "https://h.example/"), "socks5 p2 1080");
  EXPECT_EQ(proxy_of(with({.https = "p:1"}), "http://h.example"), "direct");
  EXPECT_EQ(proxy_of(with({}), "https://h.example"), "direct");
}

TEST(EnvironmentProxies, TakeAllProxyWhereTheSchemeHasNone) {
  auto proxies = with({.https = "p1:1", .all = "p2:2"});
  EXPECT_EQ(proxy_of(proxies, "https://h.example"), "http p1 1");
  EXPECT_EQ(proxy_of(proxies, "http://h.example"), "http p2 2");
}

TEST(EnvironmentProxies, NeverCarryCallsToThisMachine) {
  auto proxies = with({.all = "p:1"});
  for (auto target : {"http://localhost:1", "http://127.0.0.1", "http://127.8.9.1:5", "https://[::1]:8"})
    EXPECT_EQ(proxy_of(proxies, target), "direct") << target;
  EXPECT_EQ(proxy_of(proxies, "http://127.0.0.1.example"), "http p 1");
}

TEST(EnvironmentProxies, LeaveOutWhatNoProxyNames) {
  auto proxies = with(
      {.all = "p:1", .none = " a.example , .below.example,*.star.example,10.0.0.0/8,[2001:db8::1]:90,b.example:8080"});
  for (auto target : {"http://a.example", "https://x.y.a.example:99", "http://x.below.example", "http://x.star.example",
                      "http://10.1.2.3", "http://[2001:db8::1]:90", "http://b.example:8080", "http://A.Example"})
    EXPECT_EQ(proxy_of(proxies, target), "direct") << target;
  for (auto target : {"http://ba.example", "http://below.example", "http://11.1.2.3", "http://[2001:db8::1]:91",
                      "http://b.example", "http://a.example.org"})
    EXPECT_EQ(proxy_of(proxies, target), "http p 1") << target;
  EXPECT_EQ(proxy_of(with({.all = "p:1", .none = "*"}), "http://h.example"), "direct");
}

TEST(EnvironmentProxies, SayWhichVariableCannotBeUsedAndNotItsValue) {
  auto wrong = EnvironmentProxies::make({.http = "ftp://user:secret@p"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "HTTP_PROXY: unsupported URL scheme");
  EXPECT_EQ(EnvironmentProxies::make({.all = "http://"}).error().message, "ALL_PROXY: URL without a host");
}

}  // namespace tollgate::net
