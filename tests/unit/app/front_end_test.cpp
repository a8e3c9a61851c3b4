#include "app/front_end.h"

#include <gtest/gtest.h>

namespace tollgate::app {
namespace {

using std::chrono::seconds;

core::Config configuration(std::map<std::string, std::string, std::less<>> values) {
  core::ConfigSources sources;
  sources.environment = std::move(values);
  core::ConfigReport report;
  return core::Config::load(sources, report);
}

core::Config of_slave(const std::string& base = "https://your-domain.com/") {
  return configuration({{"NODE_TYPE", "slave"}, {"FRONTEND_BASE_URL", base}});
}

const auto kNow = std::chrono::steady_clock::time_point(seconds(1000));

PageRequest page(std::string_view host, std::string_view path = "/") {
  return {.method = "GET", .path = path, .query = "", .accept = "text/html,*/*", .host = host, .client = "192.0.2.1"};
}

TEST(FrontEnd, REQ_CL_21_ASlaveSendsPagesOfAnotherHostToTheDomain) {
  FrontEnd front(of_slave());
  auto request = page("10.0.0.2:3000", "/console/topup");
  request.query = "a=1";
  EXPECT_EQ(front.elsewhere(request, kNow), "https://your-domain.com/console/topup?a=1");
  EXPECT_EQ(front.status(), 302);
  request.accept = std::nullopt;
  EXPECT_TRUE(front.elsewhere(request, kNow));
  request.accept = "*/*";
  EXPECT_TRUE(front.elsewhere(request, kNow));
  request.accept = "application/json";
  EXPECT_FALSE(front.elsewhere(request, kNow));
  FrontEnd below(of_slave("https://your-domain.com/gateway"));
  EXPECT_EQ(below.elsewhere(page("node"), kNow), "https://your-domain.com/gateway/");
}

TEST(FrontEnd, REQ_CL_21_TheDomainsOwnHostIsNeverSentAway) {
  FrontEnd front(of_slave());
  for (const auto* host : {"your-domain.com", "Your-Domain.COM", "your-domain.com.", "your-domain.com:443",
                           "your-domain.com:80", "your-domain.com.:443"})
    EXPECT_FALSE(front.elsewhere(page(host), kNow)) << host;
  EXPECT_TRUE(front.elsewhere(page("your-domain.com:8443"), kNow));
  FrontEnd with_port(of_slave("http://[::1]:8080"));
  EXPECT_FALSE(with_port.elsewhere(page("[::1]:8080"), kNow));
  EXPECT_TRUE(with_port.elsewhere(page("[::1]"), kNow));
}

TEST(FrontEnd, REQ_CL_21_ProgramsAndFilesAreAnsweredHere) {
  FrontEnd front(of_slave());
  for (const auto* path : {"/v1/nothing", "/api/nothing", "/assets/a.js", "/favicon.ico", "/metrics", "/-/health",
                           "/mj/x", "/suno/x", "/v1beta/models"})
    EXPECT_FALSE(front.elsewhere(page("node", path), kNow)) << path;
  EXPECT_TRUE(front.elsewhere(page("node", "/index.html"), kNow));
  auto post = page("node");
  post.method = "POST";
  EXPECT_FALSE(front.elsewhere(post, kNow));
}

TEST(FrontEnd, REQ_CL_21_AMasterOrASlaveWithoutAnAddressSendsNobodyAway) {
  FrontEnd master(configuration({{"FRONTEND_BASE_URL", "https://your-domain.com"}}));
  EXPECT_FALSE(master.elsewhere(page("node"), kNow));
  FrontEnd bare(configuration({{"NODE_TYPE", "slave"}}));
  EXPECT_FALSE(bare.elsewhere(page("node"), kNow));
  auto values = [](const char* way) {
    return configuration({{"NODE_TYPE", "slave"},
                          {"FRONTEND_BASE_URL", "https://your-domain.com"},
                          {"TOLLGATE_FRONTEND_REDIRECT", way}});
  };
  FrontEnd off(values("off"));
  EXPECT_FALSE(off.elsewhere(page("node"), kNow));
  EXPECT_EQ(FrontEnd(values("301")).status(), 301);
}

TEST(FrontEnd, REQ_CL_21_ALoopOfABalancerThatHidesTheHostEnds) {
  FrontEnd front(of_slave());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(front.elsewhere(page("backend"), kNow));
  EXPECT_FALSE(front.elsewhere(page("backend"), kNow + seconds(9)));
  auto other = page("backend");
  other.client = "192.0.2.2";
  EXPECT_TRUE(front.elsewhere(other, kNow));
  EXPECT_TRUE(front.elsewhere(page("backend"), kNow + seconds(20)));
}

TEST(FrontEnd, REQ_CL_21_ABaseThatIsNoAddressIsRefused) {
  for (const auto* wrong :
       {"your-domain.com", "ftp://a", "https://", "https://a?x", "https://a#x", "https://u@a", "/a"}) {
    core::ConfigSources sources;
    sources.environment = {{"FRONTEND_BASE_URL", wrong}};
    core::ConfigReport report;
    core::Config::load(sources, report);
    EXPECT_EQ(report.errors.size(), 1U) << wrong;
  }
}

}  // namespace
}  // namespace tollgate::app
