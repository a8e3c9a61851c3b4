// Tokens, channels, options and logs.
#include "core/option_table.h"
#include "model/channel.h"
#include "model/log_row.h"
#include "unit/api/api_fixture.h"

namespace tollgate::api {
namespace {

class Resources : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    root_ = set_up_root();
  }

  std::int64_t new_token(const Caller& owner, const std::string& body) {
    auto answer = call("POST", "/api/token/", owner, body);
    EXPECT_TRUE(success(answer)) << message_of(answer);
    return answer["data"].at("id").get_int64();
  }

  std::int64_t new_channel(const std::string& channel) {
    auto answer = call("POST", "/api/channel/", root_, R"({"mode":"single","channel":)" + channel + "}");
    EXPECT_TRUE(success(answer)) << message_of(answer);
    return call("GET", "/api/channel/?id_sort=true", root_)["data"].at("items").at(0).at("id").get_int64();
  }

  model::Channel stored_channel(std::int64_t id) {
    auto lease = *db_->lease();
    return **model::find_channel(*lease, core::ChannelId{id});
  }

  Caller root_;
};

TEST_F(Resources, L5_EveryFieldOfAnApiKeyIsStoredAndReturned) {
  auto made = call("POST", "/api/token/", root_,
                   R"({"name":"k","expired_time":1800000000,"remain_quota":12345,"unlimited_quota":false,
                       "model_limits_enabled":true,"model_limits":"a,b","allow_ips":"10.0.0.1","group":"vip",
                       "cross_group_retry":true})");
  ASSERT_TRUE(success(made));
  const std::string key(made["data"].at("key").get_string());
  EXPECT_EQ(key.size(), 48U);
  EXPECT_EQ(tokens_changed_, std::vector<std::string>{key});
  auto token = call("GET", "/api/token/" + std::to_string(made["data"].at("id").get_int64()), root_);
  const json::object& data = token["data"].get_object();
  EXPECT_EQ(data.at("key").get_string(), key);
  EXPECT_EQ(data.at("name").get_string(), "k");
  EXPECT_EQ(data.at("expired_time").get_int64(), 1800000000);
  EXPECT_EQ(data.at("remain_quota").get_int64(), 12345);
  EXPECT_FALSE(data.at("unlimited_quota").get_bool());
  EXPECT_TRUE(data.at("model_limits_enabled").get_bool());
  EXPECT_EQ(data.at("model_limits").get_string(), "a,b");
  EXPECT_EQ(data.at("allow_ips").get_string(), "10.0.0.1");
  EXPECT_EQ(data.at("group").get_string(), "vip");
  EXPECT_TRUE(data.at("cross_group_retry").get_bool());
  EXPECT_EQ(data.at("status").get_int64(), 1);
}

TEST_F(Resources, AKeyWithoutExpiryNeverExpires) {
  const auto id = new_token(root_, R"({"name":"k","unlimited_quota":true})");
  EXPECT_EQ(call("GET", "/api/token/" + std::to_string(id), root_)["data"].at("expired_time").get_int64(), -1);
}

TEST_F(Resources, TokenRefusalsAreTheDocumentedOnes) {
  auto refused = [&](const std::string& body) { return message_of(call("POST", "/api/token/", root_, body)); };
  EXPECT_EQ(refused(R"({"name":")" + std::string(51, 'x') + R"("})"), "Token name is too long");
  EXPECT_EQ(refused(R"({"name":"k","remain_quota":-1})"), "Quota value cannot be negative");
  EXPECT_EQ(refused(R"({"name":"k","remain_quota":500000000000001})"),
            "Quota value exceeds valid range, maximum is 500000000000000");
  EXPECT_NE(refused(R"({"name":5})"), "");
  EXPECT_EQ(refused(""), "EOF");
  EXPECT_EQ(message_of(call("GET", "/api/token/abc", root_)), "strconv.Atoi: parsing \"abc\": invalid syntax");
  EXPECT_EQ(message_of(call("GET", "/api/token/0", root_)), "id 或 userId 为空！");
  EXPECT_EQ(message_of(call("GET", "/api/token/99999999999999999999", root_)),
            "strconv.Atoi: parsing \"99999999999999999999\": invalid syntax");
  EXPECT_EQ(message_of(call("GET", "/api/token/9223372036854775807", root_)), "record not found");
}

TEST_F(Resources, TokensAreUpdatedWhollyOrByStatusOnly) {
  const auto id = new_token(root_, R"({"name":"k","remain_quota":5,"group":"vip"})");
  const std::string number = std::to_string(id);
  auto off = call("PUT", "/api/token/?status_only=true", root_, R"({"id":)" + number + R"(,"status":2})");
  EXPECT_EQ(off["data"].at("status").get_int64(), 2);
  EXPECT_EQ(off["data"].at("name").get_string(), "k");
  EXPECT_FALSE(success(call("PUT", "/api/token/?status_only=true", root_, R"({"id":)" + number + R"(,"status":9})")));
  auto whole = call("PUT", "/api/token/", root_, R"({"id":)" + number + R"(,"name":"n","remain_quota":77})");
  EXPECT_EQ(whole["data"].at("name").get_string(), "n");
  EXPECT_EQ(whole["data"].at("remain_quota").get_int64(), 77);
  EXPECT_EQ(whole["data"].at("group").get_string(), "");
  EXPECT_EQ(whole["data"].at("status").get_int64(), 2);
  EXPECT_EQ(whole["data"].at("expired_time").get_int64(), 0);
}

TEST_F(Resources, TokenSearchKnowsOneWildCard) {
  new_token(root_, R"({"name":"production","unlimited_quota":true})");
  new_token(root_, R"({"name":"test","unlimited_quota":true})");
  auto total = [&](const std::string& query) {
    clock_.advance(std::chrono::seconds(60));
    auto answer = call("GET", "/api/token/search?" + query, root_);
    return success(answer) ? answer["data"].at("total").get_int64() : -1;
  };
  EXPECT_EQ(total("keyword=prod"), 0) << "exact without %";
  EXPECT_EQ(total("keyword=production"), 1);
  EXPECT_EQ(total("keyword=prod%25"), 1);
  EXPECT_EQ(total("keyword=%25du%25"), 1);
  EXPECT_EQ(total("keyword="), 2);
  EXPECT_EQ(total("keyword=%25%25a"), -1);
  EXPECT_EQ(total("keyword=%25a"), -1);
}

TEST_F(Resources, BatchDeletionCountsOwnTokensOnly) {
  const Caller alice = make_user(root_, "alice");
  const auto mine = new_token(alice, R"({"name":"a","unlimited_quota":true})");
  const auto theirs = new_token(root_, R"({"name":"b","unlimited_quota":true})");
  auto answer = call("POST", "/api/token/batch", alice,
                     R"({"ids":[)" + std::to_string(mine) + "," + std::to_string(theirs) + ",12345]}");
  EXPECT_EQ(answer["data"].get_int64(), 1);
  EXPECT_TRUE(success(call("GET", "/api/token/" + std::to_string(theirs), root_)));
  EXPECT_FALSE(success(call("POST", "/api/token/batch", alice, R"({"ids":[]})")));
}

TEST_F(Resources, L5_EveryFieldOfAChannelIsStoredAndReturned) {
  const auto id = new_channel(R"({"type":1,"key":"sk-up","name":"c","models":"gpt-4o,gpt-4o-mini","group":"default,vip",
      "base_url":"http://up","weight":3,"priority":-2,"auto_ban":0,"model_mapping":"{\"a\":\"b\"}",
      "status_code_mapping":"{\"500\":\"429\"}","setting":"{\"proxy\":\"x\"}","param_override":"{}",
      "header_override":"{\"h\":1}","remark":"r","tag":"t","openai_organization":"org","test_model":"m","other":"o",
      "settings":"{\"z\":1}"})");
  EXPECT_EQ(channels_changed_, 1);
  auto got = call("GET", "/api/channel/" + std::to_string(id), root_);
  const json::object& data = got["data"].get_object();
  EXPECT_EQ(data.at("key").get_string(), "");
  EXPECT_EQ(data.at("models").get_string(), "gpt-4o,gpt-4o-mini");
  EXPECT_EQ(data.at("group").get_string(), "default,vip");
  EXPECT_EQ(data.at("base_url").get_string(), "http://up");
  EXPECT_EQ(data.at("weight").get_int64(), 3);
  EXPECT_EQ(data.at("priority").get_int64(), -2);
  EXPECT_EQ(data.at("auto_ban").get_int64(), 0);
  EXPECT_EQ(data.at("model_mapping").get_string(), R"({"a":"b"})");
  EXPECT_EQ(data.at("status_code_mapping").get_string(), R"({"500":"429"})");
  EXPECT_EQ(data.at("setting").get_string(), R"({"proxy":"x"})");
  EXPECT_EQ(data.at("header_override").get_string(), R"({"h":1})");
  EXPECT_EQ(data.at("remark").get_string(), "r");
  EXPECT_EQ(data.at("tag").get_string(), "t");
  EXPECT_EQ(data.at("openai_organization").get_string(), "org");
  EXPECT_EQ(data.at("test_model").get_string(), "m");
  EXPECT_EQ(data.at("other").get_string(), "o");
  EXPECT_EQ(data.at("settings").get_string(), R"({"z":1})");
  EXPECT_EQ(data.at("status").get_int64(), 1);
  EXPECT_FALSE(data.at("channel_info").at("is_multi_key").get_bool());
  EXPECT_EQ(json_text(call("GET", "/api/user/models", root_)["data"]), R"(["gpt-4o","gpt-4o-mini"])");
  EXPECT_EQ(json_text(call("GET", "/api/channel/models_enabled", root_)["data"]), R"(["gpt-4o","gpt-4o-mini"])");
}

TEST_F(Resources, X1_AnEmptyOrMaskedKeyKeepsTheStoredOne) {
  const auto id = new_channel(R"({"type":1,"key":"sk-canary","name":"c","models":"m"})");
  const std::string number = std::to_string(id);
  for (const char* key : {R"("key":"",)", R"("key":"sk-c****ary",)", ""}) {
    auto answer = call("PUT", "/api/channel/", root_,
                       R"({"id":)" + number + "," + key + R"("name":"n","base_url":"","priority":0})");
    ASSERT_TRUE(success(answer)) << message_of(answer);
    EXPECT_EQ(stored_channel(id).key, "sk-canary");
  }
  EXPECT_EQ(stored_channel(id).name, "n");
  EXPECT_EQ(stored_channel(id).models, "m") << "absent fields stay";
  call("PUT", "/api/channel/", root_, R"({"id":)" + number + R"(,"key":"sk-next"})");
  EXPECT_EQ(stored_channel(id).key, "sk-next");
}

TEST_F(Resources, BatchModeMakesOneChannelALine) {
  auto answer = call("POST", "/api/channel/", root_,
                     R"({"mode":"batch","batch_add_set_key_prefix_2_name":true,
                         "channel":{"type":1,"key":"firstkey1\n\nsecondkey2","name":"c","models":"m"}})");
  ASSERT_TRUE(success(answer));
  auto list = call("GET", "/api/channel/?id_sort=1", root_);
  ASSERT_EQ(list["data"].at("total").get_int64(), 2);
  EXPECT_EQ(list["data"].at("items").at(0).at("name").get_string(), "c secondke");
  EXPECT_EQ(list["data"].at("items").at(1).at("name").get_string(), "c firstkey");
}

TEST_F(Resources, SeveralKeysMakeOneChannelAndAreAppended) {
  auto answer = call("POST", "/api/channel/", root_,
                     R"({"mode":"multi_to_single","multi_key_mode":"polling",
                         "channel":{"type":1,"key":"k1\n k2 \n  \n","name":"c","models":"m"}})");
  ASSERT_TRUE(success(answer));
  auto item = call("GET", "/api/channel/", root_)["data"].at("items").at(0);
  EXPECT_EQ(item.at("channel_info").at("multi_key_size").get_int64(), 2);
  EXPECT_EQ(item.at("channel_info").at("multi_key_mode").get_string(), "polling");
  const auto id = item.at("id").get_int64();
  auto updated =
      call("PUT", "/api/channel/", root_, R"({"id":)" + std::to_string(id) + R"(,"key":"k2\nk3","key_mode":"append"})");
  EXPECT_EQ(updated["data"].at("channel_info").at("multi_key_size").get_int64(), 3);
  EXPECT_EQ(updated["data"].at("key_mode").get_string(), "append");
  EXPECT_EQ(stored_channel(id).key, "k1\nk2\nk3");
}

TEST_F(Resources, ChannelRefusalsAreTheDocumentedOnes) {
  auto refused = [&](const std::string& body) { return message_of(call("POST", "/api/channel/", root_, body)); };
  EXPECT_EQ(refused("{}"), "channel cannot be empty");
  EXPECT_EQ(refused(R"({"mode":"single","channel":{"type":1,"name":"c"}})"), "channel cannot be empty");
  EXPECT_EQ(refused(R"({"mode":"heap","channel":{"type":1,"key":"k"}})"), "不支持的添加模式");
  EXPECT_EQ(refused(R"({"mode":"single","channel":{"type":41,"key":"k"}})"), "部署地区不能为空");
  EXPECT_EQ(refused(R"({"mode":"single","channel":{"type":41,"key":"k","other":"{}"}})"),
            "部署地区必须包含default字段");
  EXPECT_EQ(refused(R"({"mode":"single","channel":{"type":57,"key":"k"}})"), "Codex key must be a valid JSON object");
  EXPECT_EQ(refused(R"({"mode":"single","channel":{"type":57,"key":"{\"access_token\":\"x\"}"}})"),
            "Codex key JSON must include account_id");
  EXPECT_NE(refused(R"({"mode":"single","channel":{"type":1,"key":"k","setting":"["}})").find("渠道额外设置"),
            std::string::npos);
  EXPECT_NE(refused(R"({"mode":"single","channel":{"type":"1","key":"k"}})"), "");
  EXPECT_NE(refused(R"({"mode":"single","channel":{"type":1,"key":"k","weight":-1}})"), "");
  EXPECT_EQ(message_of(call("PUT", "/api/channel/", root_, R"({"id":777,"name":"x"})")), "record not found");
}

TEST_F(Resources, ChannelListsFilterCountAndSearch) {
  new_channel(R"({"type":1,"key":"k1","name":"one","models":"gpt-4o","tag":"a"})");
  const auto second =
      new_channel(R"({"type":14,"key":"k2","name":"two","models":"claude","priority":5,"group":"vip"})");
  auto status = call("POST", "/api/channel/" + std::to_string(second) + "/status", root_, R"({"status":2})");
  EXPECT_EQ(status["data"].at("status").get_int64(), 2);
  auto list = call("GET", "/api/channel/", root_);
  EXPECT_EQ(list["data"].at("items").at(0).at("name").get_string(), "two") << "priority first";
  EXPECT_EQ(json_text(call("GET", "/api/channel/?status=enabled", root_)["data"].at("type_counts")), R"({"1":1})");
  EXPECT_EQ(call("GET", "/api/channel/?status=disabled", root_)["data"].at("total").get_int64(), 1);
  EXPECT_EQ(call("GET", "/api/channel/?type=1", root_)["data"].at("total").get_int64(), 1);
  EXPECT_EQ(call("GET", "/api/channel/?tag_mode=true", root_)["data"].at("total").get_int64(), 1);
  EXPECT_EQ(call("GET", "/api/channel/search?keyword=k2", root_)["data"].at("total").get_int64(), 1);
  EXPECT_EQ(call("GET", "/api/channel/search?keyword=&group=vip", root_)["data"].at("total").get_int64(), 1);
  EXPECT_EQ(call("GET", "/api/channel/search?keyword=o&model=gpt", root_)["data"].at("total").get_int64(), 1);
  EXPECT_EQ(call("DELETE", "/api/channel/disabled", root_)["data"].get_int64(), 1);
  EXPECT_EQ(json_text(call("POST", "/api/channel/fix", root_)["data"]), R"({"success":1,"fails":0})");
  EXPECT_EQ(call("POST", "/api/channel/batch", root_, R"({"ids":[1,999]})")["data"].get_int64(), 1);
  EXPECT_TRUE(success(call("DELETE", "/api/channel/999", root_)));
  EXPECT_EQ(message_of(call("DELETE", "/api/channel/0", root_)), "WHERE conditions required");
}

TEST_F(Resources, AChannelKeyIsNotShownWithoutASecondProof) {
  const auto id = new_channel(R"({"type":1,"key":"sk-canary","name":"c","models":"m"})");
  Response response = send("POST", "/api/channel/" + std::to_string(id) + "/key", root_);
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.body, R"({"success":false,"message":"需要安全验证","code":"VERIFICATION_REQUIRED"})");
}

TEST_F(Resources, L5_EveryOptionKeepsItsDefaultThroughARoundTrip) {
  for (const auto& spec : core::option_table()) {
    if (spec.type == core::OptionType::kBool && core::option_default(spec.key).empty()) continue;
    json::object body;
    body.emplace("key", json::string(spec.key));
    body.emplace("value", json::string(core::option_default(spec.key)));
    auto answer = call("PUT", "/api/option/", root_, json_text(body));
    EXPECT_TRUE(success(answer)) << spec.key << ": " << message_of(answer);
  }
  std::map<std::string, std::string> listed;
  const json::object answer = call("GET", "/api/option/", root_);
  for (const auto& item : answer.at("data").get_array())
    listed.emplace(item.at("key").get_string(), item.at("value").get_string());
  for (const auto& spec : core::option_table()) {
    if (core::is_secret_option(spec.key)) {
      EXPECT_FALSE(listed.contains(std::string(spec.key))) << spec.key;
    } else if (!spec.unlisted || spec.type != core::OptionType::kBool) {
      ASSERT_TRUE(listed.contains(std::string(spec.key))) << spec.key;
      EXPECT_EQ(listed.at(std::string(spec.key)), core::option_default(spec.key));
    }
  }
}

TEST_F(Resources, BadOptionValuesChangeNothing) {
  auto put = [&](const std::string& key, const std::string& value) {
    return message_of(call("PUT", "/api/option/", root_, R"({"key":")" + key + R"(","value":)" + value + "}"));
  };
  EXPECT_EQ(put("GroupRatio", R"("{\"default\":-1}")"), "group ratio must be not less than 0: default");
  EXPECT_NE(put("GroupRatio", R"("[")"), "");
  EXPECT_NE(put("GroupRatio", R"("{\"default\":\"1\"}")"), "");
  EXPECT_NE(put("RetryTimes", R"("two")"), "");
  EXPECT_NE(put("RetryTimes", "-1"), "");
  EXPECT_NE(put("QuotaPerUnit", "0"), "");
  EXPECT_NE(put("LogConsumeEnabled", R"("yes")"), "");
  EXPECT_EQ(put("AutomaticRetryStatusCodes", R"("500-400,99,abc")"),
            "invalid http status code rules: 500-400, 99, abc");
  EXPECT_EQ(put("GitHubOAuthEnabled", "true"),
            "无法启用 GitHub OAuth，请先填入 GitHub Client Id 以及 GitHub Client Secret！");
  EXPECT_EQ(put("oidc.enabled", "true"), "无法启用 OIDC 登录，请先填入 OIDC Client Id 以及 OIDC Client Secret！");
  EXPECT_NE(put("ImageRatio", R"("nonsense")").find("图片倍率设置失败: "), std::string::npos);
  EXPECT_EQ(put("ModelRequestRateLimitGroup", R"("{\"vip\":[-1,5]}")"),
            "group vip has negative rate limit values: [-1, 5]");
  EXPECT_EQ(put("console_setting.faq", R"("[{\"question\":\"q\"}]")"), "第1个FAQ缺少答案字段");
  EXPECT_EQ(put("console_setting.announcements", R"("[{\"content\":\"c\",\"publishDate\":\"today\"}]")"),
            "第1个公告的发布日期格式错误");
  EXPECT_EQ(send("PUT", "/api/option/", root_, "{").status, 400);
  EXPECT_EQ(options_changed_, 1) << "only the set-up";
}

TEST_F(Resources, OptionValuesOfAnyJsonTypeBecomeTexts) {
  auto stored = [&](const std::string& key, const std::string& value) {
    EXPECT_TRUE(success(call("PUT", "/api/option/", root_, R"({"key":")" + key + R"(","value":)" + value + "}")));
    const json::object answer = call("GET", "/api/option/", root_);
    for (const auto& item : answer.at("data").get_array())
      if (item.at("key").get_string() == key) return std::string(item.at("value").get_string());
    return std::string("missing");
  };
  EXPECT_EQ(stored("DefaultCollapseSidebar", "true"), "true");
  EXPECT_EQ(stored("Price", "0.1"), "0.1");
  EXPECT_EQ(stored("QuotaPerUnit", "1e6"), "1000000");
  EXPECT_EQ(stored("Notice", "null"), "");
  EXPECT_EQ(stored("AutoGroups", R"(["a","b"])"), R"(["a","b"])");
  EXPECT_EQ(stored("tg.own", R"("x")"), "x");
  EXPECT_GT(options_changed_, 5);
}

TEST_F(Resources, HoldersOfAKeySeeItsUsageWhateverItsState) {
  auto made = call("POST", "/api/token/", root_,
                   R"({"name":"k","remain_quota":5,"model_limits_enabled":true,"model_limits":"a,b"})");
  const std::string key(made["data"].at("key").get_string());
  call("PUT", "/api/token/?status_only=1", root_,
       R"({"id":)" + std::to_string(made["data"].at("id").get_int64()) + R"(,"status":2})");
  auto usage = call("GET", "/api/usage/token/", {.token = "sk-" + key});
  EXPECT_EQ(
      json_text(usage["data"]),
      R"({"object":"token_usage","name":"k","total_granted":5,"total_used":0,"total_available":5,)"
      R"("unlimited_quota":false,"model_limits":{"a":true,"b":true},"model_limits_enabled":true,"expires_at":0})");
  EXPECT_TRUE(call("GET", "/api/log/token", {.token = "sk-" + key})["data"].is_array());
  auto pinned = send("GET", "/api/usage/token/", {.token = "sk-" + key + "-17"});
  EXPECT_EQ(pinned.status, 200);
  EXPECT_NE(pinned.body.find("Failed to get token info"), std::string::npos) << pinned.body;
  EXPECT_EQ(send("GET", "/api/log/token", {.token = "sk-" + key + "-17"}).status, 200);
  EXPECT_EQ(send("GET", "/api/usage/token/").status, 401);
  Response unknown = send("GET", "/api/log/token", {.token = "sk-" + std::string(48, 'x')});
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(unknown.body, R"({"success":false,"message":"无效的令牌"})");
}

class HeldMoney : public Resources {
 protected:
  void adjust(Services& services) override {
    services.shown_user_balance = [](core::UserId, core::Quota column) { return column + core::Quota{1000}; };
    services.shown_token_balance = [](core::TokenId, core::Quota column) { return column + core::Quota{50}; };
    services.set_token_balance = nullptr;
  }
};

TEST_F(HeldMoney, B9_BalancesAreShownWithWhatNodesHoldAndChangeOnlyThroughTheLedger) {
  EXPECT_EQ(call("GET", "/api/user/self", root_)["data"].at("quota").get_int64(), 100'001'000);
  const auto id = new_token(root_, R"({"name":"k","remain_quota":5})");
  const std::string number = std::to_string(id);
  EXPECT_EQ(call("GET", "/api/token/" + number, root_)["data"].at("remain_quota").get_int64(), 55);
  auto same = call("PUT", "/api/token/", root_, R"({"id":)" + number + R"(,"name":"n","remain_quota":55})");
  EXPECT_TRUE(success(same)) << "the shown balance sent back is no change";
  auto other = call("PUT", "/api/token/", root_, R"({"id":)" + number + R"(,"name":"n","remain_quota":5})");
  EXPECT_FALSE(success(other));
}

TEST_F(Resources, LogsAreListedForOwnersAndAdministrators) {
  const Caller alice = make_user(root_, "alice");
  const auto channel = new_channel(R"({"type":1,"key":"k","name":"upstream-a","models":"m"})");
  {
    auto lease = *db_->lease();
    std::vector<model::LogRow> rows(3);
    for (auto& row : rows) {
      row.user_id = core::UserId{alice.id};
      row.username = "alice";
      row.created_at = clock_.unix_seconds() - 30;
      row.type = 2;
      row.model_name = "gpt-4o";
      row.quota = {10};
      row.prompt_tokens = 7;
      row.channel_id = core::ChannelId{channel};
      row.other = R"({"model_ratio":1,"admin_info":{"use_channel":["1"]}})";
    }
    rows[2].user_id = core::UserId{root_.id};
    rows[2].username = "root";
    ASSERT_TRUE(model::insert_logs(*lease, rows));
  }
  auto all = call("GET", "/api/log/?type=2", root_);
  EXPECT_EQ(all["data"].at("total").get_int64(), 3);
  EXPECT_EQ(all["data"].at("items").at(0).at("channel_name").get_string(), "upstream-a");
  auto own = call("GET", "/api/log/self?page_size=1&p=2", alice);
  EXPECT_EQ(own["data"].at("total").get_int64(), 2);
  EXPECT_EQ(own["data"].at("items").at(0).at("id").get_int64(), 2);
  EXPECT_EQ(own["data"].at("items").at(0).at("other").get_string(), R"({"model_ratio":1})");
  EXPECT_EQ(own["data"].at("items").at(0).at("channel_name").get_string(), "");
  EXPECT_EQ(json_text(call("GET", "/api/log/self/stat", alice)["data"]), R"({"quota":20,"rpm":2,"tpm":14})");
  EXPECT_EQ(call("GET", "/api/log/stat?username=root", root_)["data"].at("quota").get_int64(), 10);
  EXPECT_EQ(message_of(call("GET", "/api/log/search", root_)), "该接口已废弃");
  EXPECT_FALSE(success(call("GET", "/api/log/self?model_name=%25%25", alice)));
}

}  // namespace
}  // namespace tollgate::api
