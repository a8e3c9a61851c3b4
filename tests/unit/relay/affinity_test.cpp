#include "relay/affinity.h"

#include <gtest/gtest.h>

#include "core/clock.h"
#include "relay/affinity_rules.h"
#include "relay/affinity_store.h"

namespace tollgate::relay {
namespace {

core::Options options(std::string rules) {
  return core::Options(
      {{"channel_affinity_setting.rules", std::move(rules)}, {"channel_affinity_setting.default_ttl_seconds", "60"}});
}

const AffinityRule& only(const std::shared_ptr<const AffinityRules>& rules) { return rules->rules.at(0); }

}  // namespace

TEST(AffinityRules, AreTheTwoOfThePatternsByDefault) {
  auto rules = read_affinity_rules(core::Options());
  ASSERT_TRUE(rules);
  ASSERT_EQ(rules->rules.size(), 2U);
  EXPECT_TRUE(rules->switch_on_success);
  EXPECT_EQ(rules->max_entries, 100'000U);
  const auto& codex = rules->rules[0];
  EXPECT_EQ(codex.name, "codex trace");
  EXPECT_TRUE(codex.takes_model("gpt-5"));
  EXPECT_FALSE(codex.takes_model("my-gpt-5"));
  EXPECT_TRUE(codex.takes_path("/v1/responses"));
  EXPECT_FALSE(codex.takes_path("/v1/chat/completions"));
  EXPECT_EQ(codex.ttl, std::chrono::seconds(3600));
  EXPECT_TRUE(codex.with_group && codex.with_name);
  EXPECT_FALSE(codex.skip_retry);
}

TEST(AffinityRules, AreOffWhenTheOptionsSaySo) {
  EXPECT_EQ(read_affinity_rules(core::Options({{"channel_affinity_setting.enabled", "false"}})), nullptr);
  EXPECT_EQ(read_affinity_rules(options("[]")), nullptr);
  EXPECT_EQ(read_affinity_rules(options("no list")), nullptr);
}

TEST(AffinityRules, MatchNoModelWithoutExpressionsAndWithBrokenOnes) {
  EXPECT_FALSE(only(read_affinity_rules(options(R"([{"name":"a"}])"))).takes_model("m"));
  EXPECT_FALSE(only(read_affinity_rules(options(R"([{"model_regex":["("]}])"))).takes_model("("));
  EXPECT_TRUE(only(read_affinity_rules(options(R"([{"model_regex":["(","m"]}])"))).takes_model("m"));
}

TEST(AffinityRules, LookAtPathAgentAndValue) {
  auto rules = read_affinity_rules(options(
      R"([{"model_regex":["."],"path_regex":["/chat/"],"user_agent_include":["Codex","other"],"value_regex":"^v\\d+$"}])"));
  const auto& rule = only(rules);
  EXPECT_TRUE(rule.takes_path("/v1/chat/completions"));
  EXPECT_FALSE(rule.takes_path("/v1/completions"));
  EXPECT_TRUE(rule.takes_agent("my-CODEX/1.0"));
  EXPECT_FALSE(rule.takes_agent("curl"));
  EXPECT_TRUE(rule.takes_value("v12"));
  EXPECT_FALSE(rule.takes_value("v"));
  auto broken = read_affinity_rules(options(R"([{"model_regex":["."],"value_regex":"("}])"));
  EXPECT_TRUE(only(broken).takes_path("/any"));
  EXPECT_TRUE(only(broken).takes_agent(""));
  EXPECT_FALSE(only(broken).takes_value("("));
}

TEST(AffinityRules, TakeTheirOwnTimeOrTheOneForAll) {
  EXPECT_EQ(only(read_affinity_rules(options(R"([{"ttl_seconds":7}])"))).ttl, std::chrono::seconds(7));
  EXPECT_EQ(only(read_affinity_rules(options(R"([{"ttl_seconds":0}])"))).ttl, std::chrono::seconds(60));
}

TEST(AffinityModels, FollowTheRulesInForce) {
  auto first = read_affinity_rules(options(R"([{"model_regex":["^a"]},{"model_regex":["b"],"path_regex":["/p"]}])"));
  auto second = read_affinity_rules(options(R"([{"model_regex":["^c"]}])"));
  AffinityModels models;
  EXPECT_EQ(models.find(first, "ab", "/p"), (std::vector{&first->rules[0], &first->rules[1]}));
  EXPECT_EQ(models.find(first, "b", "/p"), (std::vector{&first->rules[1]}));
  EXPECT_TRUE(models.find(first, "b", "/q").empty());
  EXPECT_TRUE(models.find(second, "ab", "/p").empty());
}

TEST(Affinity, ShowsValuesByFingerprintAndHint) {
  EXPECT_EQ(affinity_fingerprint("abc"), "a9993e36");
  EXPECT_EQ(affinity_hint("twelve bytes"), "twelve bytes");
  EXPECT_EQ(affinity_hint("thirteen byte"), "thir...byte");
  EXPECT_EQ(affinity_hint("a\nb\r"), "a b ");
}

TEST(AffinityUsages, AddUpByRuleGroupAndFingerprint) {
  core::ManualClock clock(1000);
  AffinityUsages usages(clock);
  billing::Usage usage;
  usage.prompt_tokens = 10;
  usage.completion_tokens = 5;
  usage.total_tokens = 15;
  usages.add("r", "g", "f", usage, std::chrono::seconds(30), 100);
  usage.cached_tokens = 8;
  usages.add("r", "g", "f", usage, std::chrono::seconds(30), 100);
  auto sum = usages.find("r", "g", "f");
  ASSERT_TRUE(sum);
  EXPECT_EQ(sum->total, 2);
  EXPECT_EQ(sum->hit, 1);
  EXPECT_EQ(sum->prompt_tokens, 20);
  EXPECT_EQ(sum->completion_tokens, 10);
  EXPECT_EQ(sum->total_tokens, 30);
  EXPECT_EQ(sum->cached_tokens, 8);
  EXPECT_EQ(sum->window_seconds, 30);
  EXPECT_EQ(sum->last_seen_at, 1000);
  EXPECT_FALSE(usages.find("r", "g", "other"));
  clock.advance(std::chrono::seconds(30));
  EXPECT_FALSE(usages.find("r", "g", "f"));
}

}  // namespace tollgate::relay
