// C2: of two people who change the same field the second is told (docs/management.md).
#include "model/channel.h"
#include "model/version.h"
#include "unit/api/api_fixture.h"

namespace tollgate::api {
namespace {

class EditConflict : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ASSERT_TRUE(model::seed_versions(**db_->lease()));
    root_ = set_up_root();
    other_ = make_user(root_, "second", 10);
  }
  void adjust(Services& services) override {
    services.cluster.epoch = [this] { return *model::lock_epoch(**db_->lease()); };
  }

  std::int64_t channel() {
    model::Channel row;
    row.key = "sk-first";
    row.name = "first";
    row.models = "m";
    row.priority = 1;
    return model::create_channel(**db_->lease(), row)->value;
  }
  static std::string version_in(const Response& response) {
    for (const auto& [name, value] : response.headers)
      if (name == "X-Tollgate-Row-Version") return value;
    return {};
  }
  std::string seen(const std::string& target, const Caller& who) { return version_in(send("GET", target, who)); }
  Response save(const std::string& target, const Caller& who, const std::string& version, const std::string& body) {
    if (!version.empty()) extra_headers_.emplace_back("X-Tollgate-If-Version", version);
    auto response = send("PUT", target, who, body);
    extra_headers_.clear();
    return response;
  }
  static json::object data(const Response& response) {
    return parse_json(response.body)->get_object().at("data").get_object();
  }
  model::Channel stored(std::int64_t id) { return **model::find_channel(**db_->lease(), core::ChannelId{id}); }
  static std::string with_id(std::int64_t id, const std::string& members) {
    return R"({"id":)" + std::to_string(id) + "," + members + "}";
  }

  Caller root_, other_;
};

TEST_F(EditConflict, C2_OfTheSameFieldOfAChannelTheSecondIsToldByWhomItWasChanged) {
  const auto id = channel();
  const auto path = "/api/channel/" + std::to_string(id);
  const auto mine = seen(path, root_), theirs = seen(path, other_);
  EXPECT_EQ(mine, theirs);
  const auto first = save("/api/channel/", other_, theirs, with_id(id, R"("priority":5)"));
  EXPECT_EQ(first.status, 200);
  EXPECT_NE(version_in(first), theirs);
  const int told = channels_changed_;

  const auto second = save("/api/channel/", root_, mine, with_id(id, R"("priority":7,"weight":3)"));
  EXPECT_EQ(second.status, 409) << second.body;
  const auto answer = parse_json(second.body)->get_object();
  EXPECT_FALSE(success(answer));
  EXPECT_NE(message_of(answer).find("priority (second)"), std::string::npos) << second.body;
  const auto conflicts = data(second).at("conflicts").get_array();
  ASSERT_EQ(conflicts.size(), 1U);
  EXPECT_EQ(conflicts[0].at("field").get_string(), "priority");
  EXPECT_EQ(conflicts[0].at("by").get_string(), "second");
  EXPECT_GT(conflicts[0].at("at").get_int64(), 0);
  EXPECT_EQ(data(second).at("current").at("priority").get_int64(), 5);
  EXPECT_EQ(stored(id).priority, 5);
  EXPECT_EQ(stored(id).weight, 0) << "nothing of a refused save is stored";
  EXPECT_EQ(channels_changed_, told);

  const std::string fresh(data(second).at("version").get_string());
  EXPECT_EQ(save("/api/channel/", root_, fresh, with_id(id, R"("priority":7)")).status, 200);
  EXPECT_EQ(stored(id).priority, 7);
}

TEST_F(EditConflict, C2_AWholeFormKeepsWhatSomebodyElseChangedAndItsSenderDidNot) {
  const auto id = channel();
  const auto path = "/api/channel/" + std::to_string(id);
  const auto mine = seen(path, root_);
  ASSERT_EQ(save("/api/channel/", other_, "", with_id(id, R"("name":"renamed","models":"m,n")")).status, 200);
  const auto saved = save("/api/channel/", root_, mine, with_id(id, R"("name":"first","models":"m","priority":9)"));
  EXPECT_EQ(saved.status, 200) << saved.body;
  EXPECT_EQ(stored(id).name, "renamed");
  EXPECT_EQ(stored(id).models, "m,n");
  EXPECT_EQ(stored(id).priority, 9);
}

TEST_F(EditConflict, C2_AFormThatWasOpenWhileItsChannelWasSwitchedOffDoesNotSwitchItOn) {
  const auto id = channel();
  const auto mine = seen("/api/channel/" + std::to_string(id), root_);
  ASSERT_TRUE((*db_->lease())->execute("UPDATE channels SET status = 3 WHERE id = ?", {id}));
  EXPECT_EQ(save("/api/channel/", root_, mine, with_id(id, R"("status":1,"remark":"r")")).status, 200);
  EXPECT_EQ(stored(id).status, 3);
  EXPECT_EQ(stored(id).remark, "r");
}

TEST_F(EditConflict, C2_AKeyThatSomebodyElseReplacedIsNotOverwrittenAndStandsInNoAnswer) {
  const auto id = channel();
  const auto mine = seen("/api/channel/" + std::to_string(id), root_);
  ASSERT_EQ(save("/api/channel/", other_, "", with_id(id, R"("key":"sk-second")")).status, 200);
  const auto refused = save("/api/channel/", root_, mine, with_id(id, R"("key":"sk-third")"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.body.find("sk-"), std::string::npos) << refused.body;
  EXPECT_EQ(stored(id).key, "sk-second");
  EXPECT_EQ(save("/api/channel/", root_, mine, with_id(id, R"("priority":4)")).status, 200);
}

TEST_F(EditConflict, C2_WithoutAVersionTheLaterSaveWinsAsEver) {
  const auto id = channel();
  ASSERT_EQ(save("/api/channel/", other_, "", with_id(id, R"("priority":5)")).status, 200);
  ASSERT_EQ(save("/api/channel/", root_, "", with_id(id, R"("priority":7)")).status, 200);
  EXPECT_EQ(stored(id).priority, 7);
}

TEST_F(EditConflict, C2_AVersionThatIsNoneIsRefusedAndChangesNothing) {
  const auto id = channel();
  for (const char* version : {"x", "1-", "1-00000000", "2-0011"}) {
    const auto answer = save("/api/channel/", root_, version, with_id(id, R"("priority":7)"));
    EXPECT_EQ(answer.status, 409) << version;
    EXPECT_TRUE(data(answer).at("conflicts").get_array().empty());
  }
  EXPECT_EQ(stored(id).priority, 1);
}

TEST_F(EditConflict, C2_OfTheGroupOfAKeyAndOfAUserTheSecondIsTold) {
  auto made = call("POST", "/api/token/", root_, R"({"name":"t","unlimited_quota":true,"group":"default"})");
  const auto token = made.at("data").at("id").get_int64();
  const auto path = "/api/token/" + std::to_string(token);
  const auto mine = seen(path, root_);
  auto body = [&](const std::string& group) {
    return with_id(token, R"("name":"t","status":1,"unlimited_quota":true,"expired_time":-1,"group":")" + group + "\"");
  };
  ASSERT_EQ(save("/api/token/", root_, mine, body("vip")).status, 200);
  const auto told = save("/api/token/", root_, mine, body("svip"));
  EXPECT_EQ(told.status, 409) << told.body;
  EXPECT_EQ(data(told).at("conflicts").get_array().at(0).at("field").get_string(), "group");
  EXPECT_EQ(data(told).at("current").at("group").get_string(), "vip");

  const auto user = make_user(root_, "third");
  const auto there = "/api/user/" + std::to_string(user.id);
  const auto first = seen(there, root_), second = seen(there, other_);
  auto person = [&](const std::string& group) {
    return with_id(user.id, R"("username":"third","display_name":"third","group":")" + group + "\"");
  };
  ASSERT_EQ(save("/api/user/", other_, second, person("vip")).status, 200);
  const auto refused = save("/api/user/", root_, first, person("svip"));
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(data(refused).at("conflicts").get_array().at(0).at("by").get_string(), "second");
}

TEST_F(EditConflict, C2_SeveralOptionsAreStoredTogetherOrNotAtAll) {
  const auto epoch = call("GET", "/api/tollgate/options", root_).at("data").at("epoch").get_int64();
  const auto base = R"({"base_epoch":)" + std::to_string(epoch);
  ASSERT_TRUE(success(call("PUT", "/api/option/", root_, R"({"key":"Notice","value":"theirs"})")));

  const auto refused = send("PUT", "/api/tollgate/options", root_,
                            base + R"(,"values":{"Notice":"mine","About":"mine","RetryTimes":4}})");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(data(refused).at("conflicts").get_array().at(0).at("field").get_string(), "Notice");
  EXPECT_EQ(data(refused).at("conflicts").get_array().at(0).at("by").get_string(), "root");
  EXPECT_EQ(data(refused).at("current").at("Notice").get_string(), "theirs");
  auto values = call("GET", "/api/tollgate/options", root_).at("data").at("values").get_object();
  EXPECT_NE(values["About"], "mine");

  // Others may have changed other options, and the same one to the same value.
  EXPECT_TRUE(success(call("PUT", "/api/tollgate/options", root_,
                           base + R"(,"values":{"Notice":"theirs","About":"mine","RetryTimes":4}})")));
  const auto again = std::to_string(data(refused).at("epoch").get_int64());
  EXPECT_TRUE(success(
      call("PUT", "/api/tollgate/options", root_, R"({"base_epoch":)" + again + R"(,"values":{"Notice":"mine"}})")));
  values = call("GET", "/api/tollgate/options", root_).at("data").at("values").get_object();
  EXPECT_EQ(values["Notice"], "mine");
  EXPECT_EQ(values["About"], "mine");
  EXPECT_EQ(values["RetryTimes"], "4");

  // One bad value keeps the others out.
  EXPECT_FALSE(success(call("PUT", "/api/tollgate/options", root_, R"({"values":{"About":"b","RetryTimes":"x"}})")));
  EXPECT_EQ(call("GET", "/api/tollgate/options", root_).at("data").at("values").at("About"), "mine");
  EXPECT_EQ(send("PUT", "/api/tollgate/options", other_, R"({"values":{"About":"b"}})").body.find("true"),
            std::string::npos);
}

TEST_F(EditConflict, C2_SecretOptionsAreComparedButNeverShown) {
  const auto epoch = call("GET", "/api/tollgate/options", root_).at("data").at("epoch").get_int64();
  ASSERT_TRUE(success(call("PUT", "/api/option/", root_, R"({"key":"SMTPToken","value":"canary-one"})")));
  const auto refused = send("PUT", "/api/tollgate/options", root_,
                            R"({"base_epoch":)" + std::to_string(epoch) + R"(,"values":{"SMTPToken":"canary-two"}})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.body.find("canary"), std::string::npos) << refused.body;
  EXPECT_EQ(send("GET", "/api/tollgate/options", root_).body.find("canary"), std::string::npos);
}

}  // namespace
}  // namespace tollgate::api
