// What must hold for every route: gates, ownership, no secrets out, no crash by hostile input.
#include "api/routes.h"
#include "unit/api/api_fixture.h"

namespace tollgate::api {
namespace {

class Security : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    root_ = set_up_root();
    admin_ = make_user(root_, "boss", 10);
    alice_ = make_user(root_, "alice");
    bob_ = make_user(root_, "bob");
  }

  static std::string path_of(const Route& route, std::int64_t id) {
    std::string path(route.pattern);
    if (const auto at = path.find("{id}"); at != std::string::npos) path.replace(at, 4, std::to_string(id));
    return path;
  }

  Caller root_, admin_, alice_, bob_;
};

TEST_F(Security, X3_NoGatedRouteAnswersWithoutRights) {
  for (const Route& route : routes()) {
    if (route.access == Access::kNone) continue;
    const std::string method(route.method), path = path_of(route, 1);
    if (route.access == Access::kToken) {
      EXPECT_EQ(send(method, path, root_).status, 401) << "a session is no API key: " << path;
      continue;
    }
    EXPECT_EQ(send(method, path, {}, "{}").status, 401) << method << path;
    EXPECT_EQ(send(method, path + "/", {}, "{}").status == 401, path != "/api/models") << method << path;
    clock_.advance(std::chrono::seconds(120));
    if (route.access == Access::kUser) continue;
    EXPECT_EQ(message_of(call(method, path, alice_, "{}")), "无权进行此操作，权限不足") << method << path;
    if (route.access == Access::kRoot || route.access == Access::kOperator) {
      EXPECT_EQ(message_of(call(method, path, admin_, "{}")), "无权进行此操作，权限不足") << method << path;
    }
  }
}

TEST_F(Security, X3_NobodyReachesAnotherUsersObject) {
  auto made = call("POST", "/api/token/", bob_, R"({"name":"bobs","unlimited_quota":true})");
  const auto token = made["data"].at("id").get_int64();
  for (const Route& route : routes()) {
    if (route.object != Object::kToken) continue;
    for (const Caller& caller : {alice_, admin_, root_})
      EXPECT_EQ(message_of(call(std::string(route.method), path_of(route, token), caller)), "record not found")
          << route.pattern;
  }
  auto body = R"({"id":)" + std::to_string(token) + R"(,"name":"stolen","unlimited_quota":true})";
  EXPECT_EQ(message_of(call("PUT", "/api/token/", alice_, body)), "record not found");
  auto own = call("GET", "/api/token/" + std::to_string(token), bob_);
  EXPECT_EQ(own["data"].at("name").get_string(), "bobs");

  for (const Route& route : routes()) {
    if (route.object != Object::kUser) continue;
    const std::string method(route.method);
    EXPECT_FALSE(success(call(method, path_of(route, root_.id), admin_))) << route.pattern;
    EXPECT_FALSE(success(call(method, path_of(route, admin_.id), admin_))) << route.pattern;
  }
  EXPECT_TRUE(success(call("GET", "/api/user/" + std::to_string(bob_.id), admin_)));
}

TEST_F(Security, X1_NoCanaryLeavesThroughAnyReadingRoute) {
  const std::string key = "sk-canary-0123456789abcdef";
  ASSERT_TRUE(success(call(
      "POST", "/api/channel/", root_,
      R"({"mode":"single","channel":{"type":1,"key":")" + key + R"(","name":"c","models":"m","group":"default"}})")));
  for (const char* option : {"SMTPToken", "GitHubClientSecret", "StripeApiSecret", "EpayKey", "tg.smtp.Password"})
    ASSERT_TRUE(success(call("PUT", "/api/option/", root_,
                             std::string(R"({"key":")") + option + R"(","value":"canary-option-value"})")));
  const std::string access(call("GET", "/api/user/token", root_)["data"].get_string());
  outputs_.clear();
  for (const Route& route : routes()) {
    if (route.access == Access::kToken) continue;
    if (route.method != "GET" || route.pattern == "/api/user/token" || route.pattern == "/api/user/logout") continue;
    call("GET", path_of(route, 1), root_);
    clock_.advance(std::chrono::seconds(60));
  }
  call("GET", "/api/channel/search?keyword=" + key, root_);
  call("PUT", "/api/channel/", root_, R"({"id":1,"name":"d"})");
  EXPECT_GT(outputs_.size(), 10'000U);
  EXPECT_EQ(outputs_.find("canary"), std::string::npos);
  EXPECT_EQ(outputs_.find(access), std::string::npos);
  EXPECT_EQ(outputs_.find("$2a$"), std::string::npos);
}

TEST_F(Security, HostileBodiesAreRefusedOnEveryRoute) {
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  for (const std::string& body :
       {std::string("{"), std::string("null"), std::string("[]"), std::string("\"x\""), deep, std::string("\xff\xfe"),
        std::string(R"({"id":9223372036854775808})"), std::string(R"({"id":1e999})"), std::string(R"({"id":"1"})"),
        std::string(R"({"username":{},"name":[],"channel":5,"key":{},"ids":{},"value":{}})")}) {
    for (const Route& route : routes()) {
      if (route.method == "GET" || route.method == "DELETE") continue;
      Response response = send(std::string(route.method), path_of(route, 424242), root_, body);
      EXPECT_NE(response.status, 500) << route.pattern << " " << body.substr(0, 40);
      EXPECT_TRUE(parse_json(response.body)) << route.pattern;
    }
  }
}

TEST_F(Security, X2_HostileCredentialsAndQueriesAreOnlyTexts) {
  for (const char* text : {"' OR '1'='1", "\" OR 1=1 --", "%", "Bearer ", "\\", "x'); DROP TABLE users; --"}) {
    for (const Route& route : routes()) {
      if (route.access == Access::kNone) continue;
      Caller caller;
      caller.token = text;
      caller.id = root_.id;
      Response response = send(std::string(route.method), path_of(route, 1), caller, "{}");
      EXPECT_NE(response.status, 500) << route.pattern;
      EXPECT_NE(response.body.find("\"success\":false"), std::string::npos) << route.pattern << text;
    }
  }
  for (const char* path : {"/api/user/search", "/api/channel/search", "/api/log/", "/api/log/self", "/api/log/stat",
                           "/api/data/", "/api/token/search"}) {
    clock_.advance(std::chrono::seconds(60));
    const std::string query =
        "?keyword=%27%20OR%201=1--&token=%27&group=%27&model=%27&username=%27&model_name=%27x&p=-5&page_size=-1"
        "&type=999999999999999999999&start_timestamp=x&request_id=%27";
    Response response = send("GET", path + query, root_);
    EXPECT_NE(response.status, 500) << path;
    EXPECT_NE(response.body.find("\"success\":true"), std::string::npos) << path << response.body;
  }
  EXPECT_TRUE(success(call("GET", "/api/user/self", root_)));
}

TEST_F(Security, ForgedCookiesAreNobody) {
  Caller caller = alice_;
  caller.cookie[10] = caller.cookie[10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(send("GET", "/api/user/self", caller).status, 401);
  caller.cookie = std::string(5000, 'A');
  EXPECT_EQ(send("GET", "/api/user/self", caller).status, 401);
  clock_.advance(std::chrono::hours(24 * 31));
  EXPECT_EQ(send("GET", "/api/user/self", alice_).status, 401) << "thirty days are over";
}

}  // namespace
}  // namespace tollgate::api
