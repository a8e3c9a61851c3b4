#include "relay/snapshot.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/random.h"
#include "model/channel.h"
#include "model/option.h"
#include "model/schema.h"

namespace tollgate::relay {
namespace {

// Channels as they are stored, read the way the program reads them.
class Channels : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / ("tollgate-channels-" + core::random_alphanumeric(12) + ".db"))
                .string();
    pool_ = *sql::open_sqlite(path_, 1);
    ASSERT_TRUE(model::migrate(**pool_->lease()));
  }
  void TearDown() override {
    pool_.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
  Channel read(model::Channel row) {
    row.name = "made";
    row.key = "k";
    row.models = "m";
    auto lease = pool_->lease();
    auto id = model::create_channel(**lease, row);
    auto snapshot = load_snapshot(**lease, defaults_);
    return *(*snapshot)->channel(*id);
  }

  SnapshotDefaults defaults_;
  std::string path_;
  std::unique_ptr<sql::Pool> pool_;
};

}  // namespace

TEST_F(Channels, OfAzureHaveAVersionAndNamesWithoutDotsWhenTheyAreOld) {
  model::Channel row{.type = 3, .created_time = 1'746'835'199};
  auto old = read(row);
  EXPECT_EQ(old.other, "2025-04-01-preview");
  EXPECT_TRUE(old.dotless_deployment);
  row.created_time = 1'746'835'200;
  row.other = "2024-10-21";
  auto later = read(row);
  EXPECT_EQ(later.other, "2024-10-21");
  EXPECT_FALSE(later.dotless_deployment);
}

TEST_F(Channels, WithoutAProxyTakeThatOfTheEnvironment) {
  defaults_.proxies = *net::EnvironmentProxies::make({.https = "http://p:3128", .none = "api.mistral.ai"});
  EXPECT_EQ(read({.type = 1}).proxy->host, "p");
  EXPECT_FALSE(read({.type = 42}).proxy);
  EXPECT_FALSE(read({.type = 1, .base_url = "http://plain.example"}).proxy);
  EXPECT_EQ(read({.type = 1, .setting = R"({"proxy":"socks5://own:1"})"}).proxy->host, "own");
}

TEST_F(Channels, NameASchemeOfAProxyThatIsNotSpoken) {
  auto channel = read({.type = 1, .setting = R"({"proxy":"ftp://user:secret@p"})"});
  EXPECT_FALSE(channel.proxy);
  EXPECT_EQ(channel.bad_proxy, "unsupported proxy scheme: ftp");
}

TEST_F(Channels, TakeASettingThatDoesNotParseForAnEmptyOne) {
  auto channel = read({.type = 1, .setting = "{\"force_format\":tru", .settings = "no json"});
  EXPECT_TRUE(channel.enabled);
  EXPECT_FALSE(channel.reshape.any());
  EXPECT_TRUE(read({.type = 1, .setting = R"({"force_format":true})"}).reshape.canonical);
}

}  // namespace tollgate::relay
