#include "model/user.h"
#include "unit/api/api_fixture.h"

namespace tollgate::api {
namespace {

using Accounts = ApiTest;

TEST_F(Accounts, SetupMakesRootOnce) {
  auto before = call("GET", "/api/setup");
  EXPECT_FALSE(before["data"].at("status").get_bool());
  EXPECT_FALSE(before["data"].at("root_init").get_bool());
  EXPECT_EQ(before["data"].at("database_type").get_string(), "sqlite");

  EXPECT_EQ(message_of(call("POST", "/api/setup", {}, "{")), "请求参数有误");
  EXPECT_EQ(message_of(call("POST", "/api/setup", {}, R"({"username":"averylongname","password":"12345678"})")),
            "用户名长度不能超过12个字符");
  EXPECT_EQ(message_of(call("POST", "/api/setup", {},
                            R"({"username":"root","password":"12345678","confirmPassword":"12345679"})")),
            "两次输入的密码不一致");
  EXPECT_EQ(message_of(call("POST", "/api/setup", {},
                            R"({"username":"root","password":"1234567","confirmPassword":"1234567"})")),
            "密码长度至少为8个字符");
  auto done =
      call("POST", "/api/setup/", {},
           R"({"username":"root","password":"12345678","confirmPassword":"12345678","SelfUseModeEnabled":true})");
  EXPECT_TRUE(success(done));
  EXPECT_EQ(message_of(done), "系统初始化成功");
  EXPECT_EQ(message_of(call("POST", "/api/setup", {}, "{}")), "系统已经初始化完成");

  auto after = call("GET", "/api/setup");
  EXPECT_TRUE(after["data"].at("status").get_bool());
  EXPECT_EQ(after["data"].at("database_type").get_string(), "");
  auto status = call("GET", "/api/status");
  EXPECT_TRUE(status["data"].at("setup").get_bool());
  EXPECT_TRUE(status["data"].at("self_use_mode_enabled").get_bool());
}

TEST_F(Accounts, StatusHasTheDocumentedFieldsSorted) {
  auto status = call("GET", "/api/status/");
  ASSERT_TRUE(success(status));
  const json::object& data = status["data"].get_object();
  EXPECT_EQ(data.at("system_name").get_string(), "New API");
  EXPECT_EQ(data.at("server_address").get_string(), "http://localhost:3000");
  EXPECT_EQ(data.at("passkey_rp_id").get_string(), "localhost:3000");
  EXPECT_EQ(data.at("_qn").get_string(), "new-api");
  EXPECT_DOUBLE_EQ(data.at("price").to_number<double>(), 7.3);
  EXPECT_EQ(data.at("chats").get_array().size(), 6U);
  EXPECT_TRUE(data.at("api_info").is_array());
  EXPECT_FALSE(data.contains("custom_oauth_providers"));
  std::string last;
  for (const auto& member : data) {
    EXPECT_LT(last, std::string(member.key()));
    last = std::string(member.key());
  }
  EXPECT_NE(send("GET", "/api/status").body.find("\"price\":7.3,"), std::string::npos);
}

TEST_F(Accounts, UnknownRoutesAreNotFoundInTheirOwnShape) {
  Response response = send("GET", "/api/nothing");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"x({"error":{"message":"Invalid URL (GET /api/nothing)","type":"invalid_request_error",)x"
                           R"("param":"","code":""}})");
  EXPECT_EQ(send("PATCH", "/api/status").status, 404);
  EXPECT_EQ(send("GET", "/api/models/").status, 404);
  EXPECT_TRUE(Api::owns("/api/x"));
  EXPECT_FALSE(Api::owns("/apix"));
}

TEST_F(Accounts, LogInGivesACookieAndTheUser) {
  const Caller root = set_up_root();
  auto self = call("GET", "/api/user/self", root);
  ASSERT_TRUE(success(self)) << message_of(self);
  EXPECT_EQ(self["data"].at("role").get_int64(), 100);
  EXPECT_EQ(self["data"].at("quota").get_int64(), 100'000'000);
  EXPECT_FALSE(self["data"].get_object().contains("password"));
  EXPECT_FALSE(self["data"].get_object().contains("access_token"));
  EXPECT_EQ(json_text(self["data"].at("permissions")), R"({"sidebar_settings":false,"sidebar_modules":{}})");
}

TEST_F(Accounts, LogInRefusalsNameNoReason) {
  set_up_root();
  const std::string refusal = "用户名或密码错误，或用户已被封禁";
  EXPECT_EQ(message_of(call("POST", "/api/user/login", {}, R"({"username":"root","password":"wrong"})")), refusal);
  EXPECT_EQ(message_of(call("POST", "/api/user/login", {}, R"({"username":"nobody","password":"wrong"})")), refusal);
  EXPECT_EQ(message_of(call("POST", "/api/user/login", {}, R"({"username":"  ","password":"x"})")), "用户名或密码为空");
  EXPECT_EQ(message_of(call("POST", "/api/user/login", {}, R"({"username":"root"})")), "Invalid parameters");
  extra_headers_ = {{"Accept-Language", "zh-CN,zh;q=0.9"}};
  EXPECT_EQ(message_of(call("POST", "/api/user/login", {}, R"({"username":1})")), "无效的参数");
}

TEST_F(Accounts, GatesAnswerWithTheFixedTexts) {
  const Caller root = set_up_root();
  const Caller user = make_user(root, "alice");
  Response nobody = send("GET", "/api/user/self");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_EQ(nobody.body, R"({"success":false,"message":"无权进行此操作，未登录且未提供 access token"})");
  EXPECT_EQ(message_of(call("GET", "/api/user/self", {.token = "wrong", .id = 1})),
            "无权进行此操作，access token 无效");
  Caller other = root;
  other.id = 0;
  EXPECT_EQ(send("GET", "/api/user/self", other).status, 401);
  other.id = user.id;
  EXPECT_EQ(message_of(call("GET", "/api/user/self", other)), "无权进行此操作，New-Api-User 与登录用户不匹配");
  EXPECT_EQ(message_of(call("GET", "/api/user/", user)), "无权进行此操作，权限不足");
  EXPECT_EQ(send("GET", "/api/user/", user).status, 200);
  extra_headers_ = {{"Sec-Fetch-Site", "cross-site"}};
  EXPECT_EQ(send("GET", "/api/user/self", user).status, 403);
}

TEST_F(Accounts, AccessTokensWorkWithTheUserHeader) {
  const Caller root = set_up_root();
  auto made = call("GET", "/api/user/token", root);
  const std::string token(made["data"].get_string());
  EXPECT_TRUE(token.size() == 28 || token.size() == 32) << token;
  EXPECT_TRUE(success(call("GET", "/api/user/self", {.token = token, .id = root.id})));
  EXPECT_EQ(send("GET", "/api/user/self", {.token = token, .id = root.id + 1}).status, 401);
  call("GET", "/api/user/token", root);
  EXPECT_FALSE(success(call("GET", "/api/user/self", {.token = token, .id = root.id}))) << "replaced";
}

TEST_F(Accounts, LogOutEndsACopiedCookieToo) {
  const Caller root = set_up_root();
  const Caller second = log_in("root", "rootpassword");
  EXPECT_TRUE(success(call("GET", "/api/user/logout", root)));
  EXPECT_EQ(send("GET", "/api/user/self", root).status, 401);
  EXPECT_TRUE(success(call("GET", "/api/user/self", second))) << "other sessions go on";
}

TEST_F(Accounts, APasswordChangeEndsAllOtherSessions) {
  const Caller root = set_up_root();
  const Caller user = make_user(root, "alice");
  Caller again = log_in("alice", "password1");
  EXPECT_EQ(message_of(call("PUT", "/api/user/self", again, R"({"password":"password2","original_password":"nope"})")),
            "原密码错误");
  Response changed = send("PUT", "/api/user/self", again,
                          R"({"password":"password2","original_password":"password1","display_name":"Al"})");
  EXPECT_EQ(changed.body, R"({"success":true,"message":""})");
  EXPECT_EQ(send("GET", "/api/user/self", user).status, 401);
  EXPECT_EQ(send("GET", "/api/user/self", again).status, 401);
  again.cookie = cookie_of(changed);
  auto self = call("GET", "/api/user/self", again);
  EXPECT_EQ(self["data"].at("display_name").get_string(), "Al");
  log_in("alice", "password2");
}

TEST_F(Accounts, ADisabledUserIsOutAtOnce) {
  const Caller root = set_up_root();
  const Caller user = make_user(root, "alice");
  auto token = std::string(call("GET", "/api/user/token", user)["data"].get_string());
  auto body = R"({"id":)" + std::to_string(user.id) + R"(,"action":"disable"})";
  auto managed = call("POST", "/api/user/manage", root, body);
  ASSERT_TRUE(success(managed));
  EXPECT_EQ(managed["data"].at("status").get_int64(), 2);
  EXPECT_EQ(managed["data"].at("username").get_string(), "");
  EXPECT_EQ(send("GET", "/api/user/self", user).status, 401);
  EXPECT_EQ(message_of(call("GET", "/api/user/self", {.token = token, .id = user.id})), "用户已被封禁");
  EXPECT_FALSE(users_changed_.empty());
}

TEST_F(Accounts, TheRoleOfTheDatabaseCountsNotThatOfTheCookie) {
  const Caller root = set_up_root();
  make_user(root, "alice", 10);
  {
    auto lease = *db_->lease();
    ASSERT_TRUE(lease->execute("UPDATE users SET role = 1 WHERE username = 'alice'"));
  }
  const Caller user = log_in("alice", "password1");
  EXPECT_EQ(message_of(call("GET", "/api/user/", user)), "无权进行此操作，权限不足");
}

TEST_F(Accounts, AnAccountWithASecondFactorDoesNotGetInByPassword) {
  const Caller root = set_up_root();
  {
    auto lease = *db_->lease();
    ASSERT_TRUE(lease->execute("INSERT INTO two_fas (user_id, secret, is_enabled) VALUES (?, 'X', 1)", {root.id}));
  }
  Response response = send("POST", "/api/user/login", {}, R"({"username":"root","password":"rootpassword"})");
  EXPECT_EQ(response.body,
            R"({"success":true,"message":"Please enter two-factor authentication code","data":{"require_2fa":true}})");
  EXPECT_EQ(send("GET", "/api/user/self", {.cookie = cookie_of(response), .id = root.id}).status, 401);
}

TEST_F(Accounts, AdministratorsCreateListSearchAndUpdateUsers) {
  const Caller root = set_up_root();
  const Caller admin = make_user(root, "boss", 10);
  const Caller user = make_user(admin, "alice");
  EXPECT_EQ(message_of(call("POST", "/api/user/", admin, R"({"username":"eve","password":"password1","role":10})")),
            "Cannot create users with permission level equal to or higher than yourself");
  EXPECT_EQ(message_of(call("POST", "/api/user/", root, R"({"username":"alice","password":"password1"})")),
            "Username already exists or has been deleted");
  EXPECT_NE(message_of(call("POST", "/api/user/", root, R"({"username":"bob","password":"short"})")).find("'min' tag"),
            std::string::npos);
  EXPECT_FALSE(success(call("POST", "/api/user/", root, R"({"username":"bob","password":"password1","role":5})")));

  auto list = call("GET", "/api/user/?p=1&page_size=2", admin);
  EXPECT_EQ(list["data"].at("total").get_int64(), 3);
  EXPECT_EQ(list["data"].at("items").get_array().size(), 2U);
  EXPECT_EQ(list["data"].at("items").at(0).at("username").get_string(), "alice");
  auto found = call("GET", "/api/user/search?keyword=lic", admin);
  EXPECT_EQ(found["data"].at("total").get_int64(), 1);

  const std::string id = std::to_string(user.id);
  auto updated =
      call("PUT", "/api/user/", admin,
           R"({"id":)" + id + R"(,"username":"alice","display_name":"A","group":"vip","quota":7000,"remark":"r"})");
  ASSERT_TRUE(success(updated)) << message_of(updated);
  auto got = call("GET", "/api/user/" + id, admin);
  EXPECT_EQ(got["data"].at("group").get_string(), "vip");
  EXPECT_EQ(got["data"].at("quota").get_int64(), 7000);
  EXPECT_EQ(got["data"].at("remark").get_string(), "r");
  auto logs = call("GET", "/api/log/?type=3", admin);
  EXPECT_EQ(logs["data"].at("items").at(0).at("content").get_string(),
            "管理员将用户额度从 ＄0.000000 额度修改为 ＄0.014000 额度");

  EXPECT_EQ(message_of(call("GET", "/api/user/" + std::to_string(root.id), admin)),
            "No permission to access users of same or higher level");
  EXPECT_FALSE(success(call("DELETE", "/api/user/" + std::to_string(root.id), admin)));
  EXPECT_TRUE(success(call("DELETE", "/api/user/" + id, admin)));
  EXPECT_EQ(message_of(call("GET", "/api/user/" + id, admin)), "record not found");
}

TEST_F(Accounts, ManageFollowsTheRanks) {
  const Caller root = set_up_root();
  const Caller admin = make_user(root, "boss", 10);
  const Caller user = make_user(root, "alice");
  auto manage = [&](const Caller& caller, std::int64_t id, const std::string& action) {
    return call("POST", "/api/user/manage", caller,
                R"({"id":)" + std::to_string(id) + R"(,"action":")" + action + R"("})");
  };
  EXPECT_EQ(message_of(manage(admin, user.id, "promote")),
            "Regular administrators cannot promote other users to administrator");
  EXPECT_EQ(message_of(manage(admin, root.id, "disable")),
            "No permission to update users of same or higher permission level");
  EXPECT_EQ(message_of(manage(root, root.id, "disable")), "Cannot disable super administrator user");
  EXPECT_EQ(message_of(manage(root, admin.id, "promote")), "This user is already an administrator");
  EXPECT_EQ(message_of(manage(root, 0, "disable")), "User does not exist");
  EXPECT_EQ(message_of(manage(root, user.id, "dance")), "Invalid parameters");
  EXPECT_EQ(manage(root, user.id, "promote")["data"].at("role").get_int64(), 10);
  EXPECT_EQ(manage(root, user.id, "demote")["data"].at("role").get_int64(), 1);
  EXPECT_TRUE(success(manage(admin, user.id, "delete")));
  auto list = call("GET", "/api/user/search?keyword=alice", root);
  EXPECT_FALSE(list["data"].at("items").at(0).at("DeletedAt").is_null());
}

TEST_F(Accounts, TheLanguageOfTheUserSettingWins) {
  const Caller root = set_up_root();
  EXPECT_EQ(message_of(call("PUT", "/api/user/self", root, R"({"language":"zh"})")), "Update successful");
  EXPECT_EQ(message_of(call("POST", "/api/user/manage", root, R"({"id":0,"action":"disable"})")), "用户不存在");
}

TEST_F(Accounts, GroupsAreThoseTheOptionsAllow) {
  const Caller root = set_up_root();
  EXPECT_EQ(json_text(call("GET", "/api/group/", root)["data"]), R"(["default","vip","svip"])");
  EXPECT_EQ(json_text(call("GET", "/api/user/groups")["data"]),
            R"({"default":{"ratio":1,"desc":"默认分组"},"vip":{"ratio":1,"desc":"vip分组"}})");
  auto body = R"({"key":"UserUsableGroups","value":"{\"default\":\"d\",\"auto\":\"any\"}"})";
  ASSERT_TRUE(success(call("PUT", "/api/option/", root, body)));
  EXPECT_EQ(json_text(call("GET", "/api/user/self/groups", root)["data"]),
            R"({"auto":{"ratio":"自动","desc":"any"},"default":{"ratio":1,"desc":"d"}})");
}

class Shared : public ApiTest {
 protected:
  void adjust(Services& services) override { services.settings.session_secrets = {"own", "tollgate-test-secret"}; }
};

TEST_F(Shared, ACookieOfAGoNodeIsASessionUntilTheUsersSessionsEnd) {
  const Caller root = set_up_root();
  ASSERT_EQ(root.id, 1);
  const Caller go{.cookie =
                      "MTc2NzIyNTYwMHxEWDhFQVFMX2dBQUJFQUVRQUFEX2p2LUFBQVVHYzNSeWFXNW5EQVFBQW1sa0EybHVkQVFDQUFJR2MzUnlh"
                      "VzVuREFvQUNIVnpaWEp1WVcxbEJuTjBjbWx1Wnd3R0FBUnliMjkwQm5OMGNtbHVad3dHQUFSeWIyeGxBMmx1ZEFRREFQX0lC"
                      "bk4wY21sdVp3d0lBQVp6ZEdGMGRYTURhVzUwQkFJQUFnWnpkSEpwYm1jTUJ3QUZaM0p2ZFhBR2MzUnlhVzVuREFrQUIyUmxa"
                      "bUYxYkhRPXx2mKHX4D2Dipb6j4ztz9b0YwcUlsPVrfww0pABk0SuMA==",
                  .id = 1};
  clock_.advance(std::chrono::seconds(1767225600 + 60 - clock_.unix_seconds()));
  EXPECT_TRUE(success(call("GET", "/api/user/self", go)));
  auto changed = call("PUT", "/api/user/self", go, R"({"password":"password2","original_password":"rootpassword"})");
  ASSERT_TRUE(success(changed)) << message_of(changed);
  EXPECT_EQ(send("GET", "/api/user/self", go).status, 401);
}

class Limited : public ApiTest {
 protected:
  void adjust(Services& services) override {
    services.settings.global_limit = {true, 5, 60};
    services.settings.critical_limit = {true, 2, 600};
  }
};

TEST_F(Limited, L4_RefusalsSayWhichLimitAndWhenItFrees) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send("GET", "/api/notice").status, 200);
  clock_.advance(std::chrono::seconds(20));
  Response refused = send("GET", "/api/notice");
  EXPECT_EQ(refused.status, 429);
  bool retry_after = false;
  for (const auto& [name, value] : refused.headers)
    if (name == "Retry-After") {
      retry_after = true;
      EXPECT_EQ(value, "40");
    }
  EXPECT_TRUE(retry_after);
  EXPECT_NE(refused.body.find("5 requests in 60 seconds"), std::string::npos);
  clock_.advance(std::chrono::seconds(40));
  EXPECT_EQ(send("GET", "/api/notice").status, 200);
}

TEST_F(Limited, LogInHasItsOwnLimitBeforeAnyHashing) {
  EXPECT_EQ(send("POST", "/api/user/login", {}, "{").status, 200);
  EXPECT_EQ(send("POST", "/api/user/login", {}, "{").status, 200);
  EXPECT_EQ(send("POST", "/api/user/login", {}, "{").status, 429);
}

TEST_F(Limited, REQ_CL_35_StatusIsExemptForTheMachineItselfAndWideForOthers) {
  Request request;
  request.method = "GET";
  request.path = "/api/status";
  request.client_ip = "127.0.0.1";
  request.is_neighbour = true;
  for (int i = 0; i < 60; ++i) EXPECT_EQ(api_->handle(request).status, 200);
  request.is_neighbour = false;
  request.client_ip = "192.0.2.1";
  for (int i = 0; i < 50; ++i) EXPECT_EQ(api_->handle(request).status, 200);
  EXPECT_EQ(api_->handle(request).status, 429);
}

}  // namespace
}  // namespace tollgate::api
