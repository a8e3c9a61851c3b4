#include "core/config.h"
#include "core/config_checks.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tollgate::core {
namespace {

struct Loaded {
  Config config;
  ConfigReport report;
};

Loaded load(std::map<std::string, std::string, std::less<>> environment, std::map<std::string, std::string> files = {},
            std::map<std::string, std::string, std::less<>> flags = {}) {
  ConfigSources sources;
  sources.environment = std::move(environment);
  sources.flags = std::move(flags);
  sources.read_file = [files](const std::string& path) -> std::optional<std::string> {
    auto found = files.find(path);
    if (found == files.end()) return std::nullopt;
    return found->second;
  };
  ConfigReport report;
  auto config = Config::load(sources, report);
  return {std::move(config), std::move(report)};
}

}  // namespace

TEST(Config, DefaultsOfTheTableAreThemselvesValid) {
  auto [config, report] = load({});
  EXPECT_TRUE(report.errors.empty()) << report.errors.front();
  EXPECT_TRUE(report.warnings.empty()) << report.warnings.front();
  EXPECT_EQ(config.integer("PORT"), 3000);
  EXPECT_EQ(config.duration("TOLLGATE_FIRST_BYTE_TIMEOUT"), std::chrono::minutes(30));
  EXPECT_FALSE(config.is_set("PORT"));
}

TEST(Config, PortVariableBeatsPortFlagAndOtherFlagsBeatVariables) {
  auto [config, report] =
      load({{"PORT", "4000"}, {"TOLLGATE_LOG_DIR", "/a"}}, {}, {{"PORT", "5000"}, {"TOLLGATE_LOG_DIR", "/b"}});
  EXPECT_EQ(config.integer("PORT"), 4000);
  EXPECT_EQ(config.text("TOLLGATE_LOG_DIR"), "/b");
  EXPECT_EQ(load({}, {}, {{"PORT", "5000"}}).config.integer("PORT"), 5000);
}

TEST(Config, EnvironmentBeatsEnvFileEvenWhenEmpty) {
  auto [config, report] =
      load({{"PORT", "4000"}, {"SYNC_FREQUENCY", ""}}, {{".env", "PORT=1\nSYNC_FREQUENCY=9\nRELAY_TIMEOUT=7"}});
  EXPECT_EQ(config.integer("PORT"), 4000);
  EXPECT_EQ(config.integer("SYNC_FREQUENCY"), 60);
  EXPECT_EQ(config.integer("RELAY_TIMEOUT"), 7);
  EXPECT_EQ(config.origin("RELAY_TIMEOUT"), ".env");
}

TEST(Config, BoundsAreATimeAndASize) {
  auto bounds = load({}).config.bounds("TOLLGATE_DISCONNECT_DRAIN");
  EXPECT_EQ(bounds.time, std::chrono::seconds(60));
  EXPECT_EQ(bounds.bytes, 16U << 20U);
  bounds = load({{"TOLLGATE_DISCONNECT_DRAIN", "250ms, 3KB"}}).config.bounds("TOLLGATE_DISCONNECT_DRAIN");
  EXPECT_EQ(bounds.time, std::chrono::milliseconds(250));
  EXPECT_EQ(bounds.bytes, 3072U);
  EXPECT_EQ(parse_bytes("2GB"), std::size_t{2} << 30U);
  EXPECT_EQ(parse_bytes("100"), 100U);
  for (const auto* wrong : {"60s", "16MB", "60s,", "60s,16XB", "s,1MB", "60s,-1", "60s,16MB,1"})
    EXPECT_EQ(load({{"TOLLGATE_DISCONNECT_DRAIN", wrong}}).report.errors.size(), 1U) << wrong;
}

TEST(Config, SecretsComeFromFilesWithoutTheLastNewline) {
  auto [config, report] = load({{"SESSION_SECRET_FILE", "/run/s"}}, {{"/run/s", "0123456789abcdef0\n"}});
  EXPECT_EQ(config.text("SESSION_SECRET"), "0123456789abcdef0");
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(load({{"SESSION_SECRET_FILE", "/none"}}).report.errors.size(), 1U);
  EXPECT_EQ(load({{"SESSION_SECRET_FILE", "/run/s"}, {"SESSION_SECRET", "0123456789abcdef0"}}, {{"/run/s", "x"}})
                .report.errors.size(),
            1U);
}

TEST(Config, ValuesOfOtherToolsAreForgivenWithAWarning) {
  auto [config, report] = load({{"PORT", "\"8080\""}, {"RELAY_TIMEOUT", "30 # seconds"}, {"NODE_TYPE", " slave "}});
  EXPECT_EQ(config.integer("PORT"), 8080);
  EXPECT_EQ(config.integer("RELAY_TIMEOUT"), 30);
  EXPECT_EQ(config.text("NODE_TYPE"), "slave");
  EXPECT_EQ(report.warnings.size(), 2U);
}

TEST(Config, REQ_CL_09_NodeTypeIsReadInAnyCaseAndTrimmed) {
  for (const auto* text : {"slave", "Slave", "SLAVE", " slave ", "\"slave\""})
    EXPECT_EQ(load({{"NODE_TYPE", text}}).config.text("NODE_TYPE"), "slave") << text;
  auto errors = load({{"NODE_TYPE", "replica"}}).report.errors;
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0], "NODE_TYPE: \"replica\" is not known; set one of master|slave, for example NODE_TYPE=master");
}

TEST(Config, ErrorsNameTheVariableWhatIsWrongAndWhatToDo) {
  EXPECT_EQ(load({{"SYNC_FREQUENCY", "abc"}}).report.errors.at(0),
            "SYNC_FREQUENCY: \"abc\" is not a whole number; set a number between 1 and 86400, for example "
            "SYNC_FREQUENCY=60");
  EXPECT_EQ(load({{"SYNC_FREQUENCY", "0"}}).report.errors.at(0).substr(0, 38),
            "SYNC_FREQUENCY: \"0\" is out of range; s");
}

TEST(Config, REQ_CL_28_TrustedProxiesAreAddressesAndBlocks) {
  EXPECT_TRUE(load({{"TOLLGATE_TRUSTED_PROXIES", "10.0.0.1, 100.64.0.0/10,fc00::/7"}}).report.errors.empty());
  EXPECT_TRUE(load({{"TOLLGATE_TRUSTED_PROXIES", "none"}}).report.errors.empty());
  for (const auto* wrong : {"proxy.example.com", "10.0.0.0/33", "10.0.0"})
    EXPECT_EQ(load({{"TOLLGATE_TRUSTED_PROXIES", wrong}}).report.errors.size(), 1U) << wrong;
  auto defaults = load({}).config.list("TOLLGATE_TRUSTED_PROXIES");
  for (const auto* block : {"100.64.0.0/10", "169.254.0.0/16", "fe80::/10"})
    EXPECT_NE(std::find(defaults.begin(), defaults.end(), block), defaults.end()) << block;
}

TEST(Config, REQ_CL_16_ListenAddressesMayBeUnixSockets) {
  EXPECT_TRUE(
      load({{"TOLLGATE_LISTEN", "127.0.1.1:3000,[::1]:3000,unix:/run/tollgate.sock?mode=0660"}}).report.errors.empty());
  auto socket = parse_listen("unix:/run/a.sock?mode=0660");
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->path, "/run/a.sock");
  EXPECT_EQ(socket->mode, 0660U);
  EXPECT_EQ(parse_listen(":3000")->host, "*");
  for (const auto* wrong : {"3000", "host:3000", "127.0.0.1:70000", "unix:run/a", "unix:/a?mode=9", "127.0.0.1:"})
    EXPECT_EQ(load({{"TOLLGATE_LISTEN", wrong}}).report.errors.size(), 1U) << wrong;
}

TEST(Config, NamesOfNewerReleasesCountWhereOursAreNotSet) {
  EXPECT_EQ(load({{"NODE_NAME", "a"}}).config.text("TOLLGATE_NODE_NAME"), "a");
  EXPECT_EQ(load({{"NODE_NAME", "a"}, {"TOLLGATE_NODE_NAME", "b"}}).config.text("TOLLGATE_NODE_NAME"), "b");
  EXPECT_EQ(load({{"SHUTDOWN_TIMEOUT_SECONDS", "30"}}).config.duration("TOLLGATE_DRAIN_TIMEOUT"),
            std::chrono::seconds(30));
  EXPECT_TRUE(load({{"NODE_NAME", "a"}}).report.warnings.empty());
}

TEST(Config, ADurationMayBeOneOfItsWords) {
  EXPECT_EQ(load({}).config.text("TOLLGATE_EXIT_DELAY"), "auto");
  EXPECT_EQ(load({{"TOLLGATE_EXIT_DELAY", "AUTO"}}).config.duration("TOLLGATE_EXIT_DELAY"), std::chrono::seconds(0));
  EXPECT_EQ(load({{"TOLLGATE_EXIT_DELAY", "2s"}}).config.duration("TOLLGATE_EXIT_DELAY"), std::chrono::seconds(2));
  EXPECT_EQ(load({{"TOLLGATE_EXIT_DELAY", "later"}}).report.errors.size(), 1U);
}

TEST(Config, ANamedEnvFileMustBeThere) {
  EXPECT_EQ(load({{"TOLLGATE_ENV_FILE", "/e"}}, {{"/e", "PORT=5"}, {".env", "PORT=6"}}).config.integer("PORT"), 5);
  EXPECT_EQ(load({{"TOLLGATE_ENV_FILE", "/none"}}, {{".env", "PORT=6"}}).report.errors.size(), 1U);
}

TEST(Config, BadValuesRefuseOrFallBackAsTheTableSays) {
  EXPECT_EQ(load({{"PORT", "99999"}}).report.errors.size(), 1U);
  EXPECT_EQ(load({{"NODE_TYPE", "boss"}}).report.errors.size(), 1U);
  auto relaxed = load({{"RELAY_TIMEOUT", "soon"}});
  EXPECT_TRUE(relaxed.report.errors.empty());
  EXPECT_EQ(relaxed.report.warnings.size(), 1U);
  EXPECT_EQ(relaxed.config.integer("RELAY_TIMEOUT"), 0);
  EXPECT_EQ(load({{"RELAY_TIMEOUT", "soon"}, {"TOLLGATE_STRICT_CONFIG", "yes"}}).report.errors.size(), 1U);
}

TEST(Config, ErrorsNeverCarryASecret) {
  for (const auto& text :
       load({{"SQL_DSN", "root:CANARY@tcp(db)/a"}, {"TOLLGATE_ADMIN_TOKEN", "CANARY"}}).report.errors)
    EXPECT_EQ(text.find("CANARY"), std::string::npos) << text;
  EXPECT_EQ(load({{"SESSION_SECRET", "CANARY-CANARY-CANARY"}}).config.describe().find("CANARY"), std::string::npos);
}

TEST(Config, REQ_CL_08_WeakSecretsAreNamedAndTheGuidesOwnStillStart) {
  EXPECT_EQ(load({{"SESSION_SECRET", "random_string"}}).report.errors.size(), 1U);
  auto guide = load({{"SESSION_SECRET", "your_unique_session_secret"}, {"CRYPTO_SECRET", "your_unique_crypto_secret"}});
  EXPECT_TRUE(guide.report.errors.empty());
  EXPECT_EQ(guide.report.warnings.size(), 2U);
  for (const auto* weak : {"short", "changeme", "Password"}) {
    EXPECT_EQ(load({{"SESSION_SECRET", weak}}).report.warnings.size(), 1U) << weak;
    EXPECT_EQ(load({{"SESSION_SECRET", weak}, {"TOLLGATE_STRICT_CONFIG", "1"}}).report.errors.size(), 1U) << weak;
  }
  EXPECT_EQ(load({{"SESSION_SECRET_PREVIOUS", "a|b|c|d|e"}}).report.errors.size(), 1U);
}

TEST(Config, MisspeltNamesAreFound) {
  auto warnings = load({{"SYNC_FREQENCY", "9"},
                        {"TOLLGATE_NONSENSE_AT_ALL", "1"},
                        {"HOME", "/root"},
                        {"FTP_PROXY", "p"},
                        {"ftp_proxy", "p"}})
                      .report.warnings;
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_NE(warnings[0].find("SYNC_FREQUENCY"), std::string::npos);
}

TEST(EnvFile, ReadsEachFormOfALine) {
  auto file = parse_env_file(
      "\xEF\xBB\xBF# comment\n\nA=1\nexport B = two words # note\nC: 'li$A#teral'\nD=\"x\\n${A}$Z\"\nE=a#b\r\nF=\n"
      "G=\"two\nlines\"\n",
      {{"Z", "env"}});
  EXPECT_EQ(file.error, "");
  EXPECT_EQ(file.values["A"], "1");
  EXPECT_EQ(file.values["B"], "two words");
  EXPECT_EQ(file.values["C"], "li$A#teral");
  EXPECT_EQ(file.values["D"], "x\n1env");
  EXPECT_EQ(file.values["E"], "a#b");
  EXPECT_EQ(file.values["F"], "");
  EXPECT_EQ(file.values["G"], "two\nlines");
}

TEST(EnvFile, NamesTheLineThatFitsNothing) {
  EXPECT_EQ(parse_env_file("A=1\nnonsense\n", {}).error.substr(0, 7), "line 2:");
  EXPECT_EQ(parse_env_file("A=1\nB=\"open\n\n", {}).error.substr(0, 7), "line 2:");
  EXPECT_EQ(parse_env_file("9A=1\n", {}).error.substr(0, 7), "line 1:");
}

TEST(ParseDuration, KnowsItsUnitsAndRefusesTheRest) {
  EXPECT_EQ(parse_duration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(parse_duration("5"), std::chrono::seconds(5));
  EXPECT_EQ(parse_duration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(parse_duration("1h"), std::chrono::hours(1));
  for (auto text : {"", "s", "1d", "-1s", "1.5s", "5 s"}) EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace tollgate::core
