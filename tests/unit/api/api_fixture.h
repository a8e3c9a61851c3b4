// A management API over a fresh SQLite file, driven as a client would: requests in, responses out.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "api/api.h"
#include "api/json.h"
#include "core/random.h"
#include "model/option.h"
#include "model/schema.h"

namespace tollgate::api {

// Who sends a request: a cookie or an access token, and the id that goes with it.
struct Caller {
  std::string cookie = {}, token = {};
  std::int64_t id = 0;
};

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        (std::filesystem::temp_directory_path() / ("tollgate-api-" + core::random_alphanumeric(12) + ".db")).string();
    db_ = *sql::open_sqlite(path_, 4);
    auto lease = *db_->lease();
    ASSERT_TRUE(model::migrate(*lease));
    Services services{.db = *db_, .log_db = *db_, .clock = clock_, .limits = limits_};
    services.settings.session_secrets = {"secret-of-the-test"};
    services.settings.global_limit.enabled = false;
    services.settings.critical_limit.enabled = false;
    services.channels_changed = [this] { ++channels_changed_; };
    services.options_changed = [this] { ++options_changed_; };
    services.user_changed = [this](core::UserId id) { users_changed_.push_back(id.value); };
    services.token_changed = [this](core::TokenId, std::string_view key) { tokens_changed_.emplace_back(key); };
    services.set_user_balance = [this](core::UserId id, core::Quota to) { return set("users", "quota", id.value, to); };
    services.set_token_balance = [this](core::TokenId id, core::Quota to) {
      return set("tokens", "remain_quota", id.value, to);
    };
    adjust(services);
    api_ = std::make_unique<Api>(std::move(services));
  }

  void TearDown() override {
    api_.reset();
    db_.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }

  virtual void adjust(Services&) {}

  Response send(const std::string& method, const std::string& target, const Caller& caller = {},
                const std::string& body = {}) {
    Request request;
    request.method = method;
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.body = body;
    request.client_ip = "192.0.2.7";
    if (!caller.cookie.empty()) request.headers.emplace_back("Cookie", "session=" + caller.cookie);
    if (!caller.token.empty()) request.headers.emplace_back("Authorization", "Bearer " + caller.token);
    if (caller.id != 0) request.headers.emplace_back("New-Api-User", std::to_string(caller.id));
    for (const auto& header : extra_headers_) request.headers.push_back(header);
    return api_->handle(request);
  }

  json::object call(const std::string& method, const std::string& target, const Caller& caller = {},
                    const std::string& body = {}) {
    Response response = send(method, target, caller, body);
    outputs_ += response.body;
    auto value = parse_json(response.body);
    EXPECT_TRUE(value) << response.body;
    return value && value->is_object() ? value->get_object() : json::object();
  }

  static bool success(const json::object& answer) {
    const json::value* value = answer.if_contains("success");
    return value && value->is_bool() && value->get_bool();
  }
  static std::string message_of(const json::object& answer) {
    const json::value* value = answer.if_contains("message");
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  }

  // The session cookie a response sets; empty when it sets none.
  static std::string cookie_of(const Response& response) {
    for (const auto& [name, value] : response.headers)
      if (name == "Set-Cookie") return value.substr(8, value.find(';') - 8);
    return {};
  }

  Caller log_in(const std::string& name, const std::string& password) {
    Response response =
        send("POST", "/api/user/login", {}, R"({"username":")" + name + R"(","password":")" + password + R"("})");
    auto answer = parse_json(response.body)->get_object();
    EXPECT_TRUE(success(answer)) << response.body;
    Caller caller;
    caller.cookie = cookie_of(response);
    if (success(answer)) caller.id = answer["data"].at("id").get_int64();
    return caller;
  }

  Caller set_up_root() {
    auto answer = call("POST", "/api/setup", {},
                       R"({"username":"root","password":"rootpassword","confirmPassword":"rootpassword"})");
    EXPECT_TRUE(success(answer)) << message_of(answer);
    return log_in("root", "rootpassword");
  }

  // A user made by root; role 1 or 10.
  Caller make_user(const Caller& root, const std::string& name, int role = 1) {
    auto answer = call("POST", "/api/user/", root,
                       R"({"username":")" + name + R"(","password":"password1","role":)" + std::to_string(role) + "}");
    EXPECT_TRUE(success(answer)) << message_of(answer);
    return log_in(name, "password1");
  }

  core::Result<void> set(const std::string& table, const std::string& column, std::int64_t id, core::Quota to) {
    auto lease = *db_->lease();
    if (!lease->execute("UPDATE " + table + " SET " + column + " = ? WHERE id = ?", {to.units, id}))
      return core::error(core::Errc::kUnavailable, "no");
    return {};
  }

  core::ManualClock clock_;
  core::MemoryRateLimits limits_{clock_};
  std::string path_;
  std::unique_ptr<sql::Pool> db_;
  std::unique_ptr<Api> api_;
  std::vector<std::pair<std::string, std::string>> extra_headers_;
  int channels_changed_ = 0, options_changed_ = 0;
  std::vector<std::int64_t> users_changed_;
  std::vector<std::string> tokens_changed_;
  std::string outputs_;  // every answer of call(), for searching
};

}  // namespace tollgate::api
