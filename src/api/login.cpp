// Log-in by password and log-out.
#include "api/database.h"
#include "api/gate.h"
#include "api/handlers.h"
#include "api/password.h"
#include "core/ascii.h"
#include "core/log.h"

namespace tollgate::api {
namespace {

// Accounts that asked for a second factor never get in by the password alone.
bool second_factor_on(sql::Connection& db, core::UserId user) {
  auto rows = must(db.query("SELECT is_enabled FROM two_fas WHERE user_id = ? AND deleted_at IS NULL", {user.value}));
  return !rows.empty() && rows[0].boolean(0);
}

json::object login_data(const model::User& user) {
  json::object data;
  data.emplace("id", user.id.value);
  data.emplace("username", json::string(user.username));
  data.emplace("display_name", json::string(user.display_name));
  data.emplace("role", user.role);
  data.emplace("status", user.status);
  data.emplace("group", json::string(user.group));
  return data;
}

}  // namespace

Response login(Context& c) {
  if (!c.options->boolean("PasswordLoginEnabled")) return fail_key(c, "user.password_login_disabled");
  std::string username, password;
  auto fields = Fields::parse(c.request.body);
  if (!fields || !fields->get("username", username).get("password", password).ok() || username.empty() ||
      password.empty())
    return fail_key(c, "common.invalid_params");
  username = std::string(core::trimmed(username));
  if (username.empty()) return fail("用户名或密码为空");

  auto user = must(model::find_user_by_login(c.db, username));
  const bool right = verify_password(password, user ? user->password : std::string());
  if (!right || user->status != 1) {
    core::log::warn("log-in refused from {}", c.request.client_ip);
    return fail("用户名或密码错误，或用户已被封禁");
  }

  if (second_factor_on(c.db, user->id)) {
    c.session.values.set("pending_username", user->username);
    c.session.values.set("pending_user_id", GoInt{user->id.value});
    c.session.changed = true;
    json::object data;
    data.emplace("require_2fa", true);
    json::object body;
    body.emplace("success", true);
    body.emplace("message", json::string(message(c.language, "user.require_2fa")));
    body.emplace("data", std::move(data));
    return json_response(200, body);
  }
  start_session(c, *user);
  return ok(login_data(*user));
}

Response logout(Context& c) {
  end_session(c);
  return ok();
}

}  // namespace tollgate::api
