// First start: whether the installation is set up, and setting it up.
#include "model/setup.h"

#include "api/database.h"
#include "api/handlers.h"
#include "api/password.h"
#include "core/log.h"
#include "model/option.h"
#include "model/user.h"
#include "sql/transaction.h"

namespace tollgate::api {
namespace {

constexpr core::Quota kRootQuota{100'000'000};
constexpr std::size_t kMaxName = 12, kMinPassword = 8;  // bytes

std::string_view database_name(sql::Dialect dialect) {
  switch (dialect) {
    case sql::Dialect::kMysql: return "mysql";
    case sql::Dialect::kPostgres: return "postgres";
    default: return "sqlite";
  }
}

struct SetupInput {
  std::string username, password, confirmation;
  bool self_use = false, demo = false;
};

// Everything or nothing; a second request at the same moment finds the root user and changes nothing.
sql::Result<bool> set_up(sql::Connection& db, const SetupInput& input, const std::string& hash,
                         const std::string& version, std::int64_t now) {
  return sql::with_transaction(db, [&](sql::Connection& tx) -> sql::Result<bool> {
    auto exists = model::root_exists(tx);
    if (!exists) return exists.error();
    if (*exists) return false;
    model::User root;
    root.username = input.username;
    root.password = hash;
    root.display_name = "Root User";
    root.role = kRoleRoot;
    root.quota = kRootQuota;
    if (auto made = model::create_user(tx, root); !made) return made.error();
    auto text = [](bool value) { return value ? "true" : "false"; };
    if (auto r = model::save_option(tx, "SelfUseModeEnabled", text(input.self_use)); !r) return r.error();
    if (auto r = model::save_option(tx, "DemoSiteEnabled", text(input.demo)); !r) return r.error();
    if (auto r = model::mark_set_up(tx, version, now); !r) return r.error();
    return true;
  });
}

}  // namespace

Response get_setup(Context& c) {
  const bool done = must(model::is_set_up(c.db));
  const std::string_view database = done ? "" : database_name(c.db.dialect());
  json::object data;
  data.emplace("status", done);
  data.emplace("root_init", !done && must(model::root_exists(c.db)));
  data.emplace("database_type", json::string_view(database.data(), database.size()));
  json::object body;
  body.emplace("success", true);
  body.emplace("data", std::move(data));
  return json_response(200, body);
}

Response post_setup(Context& c) {
  if (must(model::is_set_up(c.db))) return fail("系统已经初始化完成");
  SetupInput input;
  auto fields = Fields::parse(c.request.body);
  if (!fields) return fail("请求参数有误");
  fields->get("username", input.username)
      .get("password", input.password)
      .get("confirmPassword", input.confirmation)
      .get("SelfUseModeEnabled", input.self_use)
      .get("DemoSiteEnabled", input.demo);
  if (!fields->ok() || input.username.empty()) return fail("请求参数有误");
  if (input.username.size() > kMaxName) return fail("用户名长度不能超过12个字符");
  if (input.password != input.confirmation) return fail("两次输入的密码不一致");
  if (input.password.size() < kMinPassword) return fail("密码长度至少为8个字符");
  auto hash = hash_password(input.password);
  if (!hash) return fail("系统错误: " + hash.error().message);

  if (!must(set_up(c.db, input, *hash, c.services.settings.version, c.now()))) return fail("系统已经初始化完成");
  core::log::info("the installation is set up, root user {}", input.username);
  if (c.services.options_changed) c.services.options_changed();
  return ok_message("系统初始化成功");
}

}  // namespace tollgate::api
