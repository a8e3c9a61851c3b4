// The caller's own account.
#include "api/database.h"
#include "api/gate.h"
#include "api/handlers.h"
#include "api/password.h"
#include "api/user_rules.h"
#include "core/byte_text.h"
#include "core/random.h"

namespace tollgate::api {
namespace {

json::object permissions_of(int role) {
  json::object modules;
  if (role >= kRoleRoot) {
    // root sees everything, nothing to say
  } else if (role >= kRoleAdmin) {
    json::object admin;
    admin.emplace("setting", false);
    modules.emplace("admin", std::move(admin));
  } else {
    modules.emplace("admin", false);
  }
  json::object permissions;
  permissions.emplace("sidebar_settings", role < kRoleRoot);
  permissions.emplace("sidebar_modules", std::move(modules));
  return permissions;
}

json::object self_document(const Context& c, const model::User& user) {
  json::object data;
  auto text = [&](const char* name, const std::string& value) { data.emplace(name, json::string(value)); };
  data.emplace("id", user.id.value);
  text("username", user.username);
  text("display_name", user.display_name);
  data.emplace("role", user.role);
  data.emplace("status", user.status);
  text("email", user.email);
  text("github_id", user.github_id);
  text("discord_id", user.discord_id);
  text("oidc_id", user.oidc_id);
  text("wechat_id", user.wechat_id);
  text("telegram_id", user.telegram_id);
  text("linux_do_id", user.linux_do_id);
  text("group", user.group);
  data.emplace("quota", shown_balance(c, user).units);
  data.emplace("used_quota", user.used_quota.units);
  data.emplace("request_count", user.request_count);
  text("aff_code", user.aff_code);
  data.emplace("aff_count", user.aff_count);
  data.emplace("aff_quota", user.aff_quota.units);
  data.emplace("aff_history_quota", user.aff_history.units);
  data.emplace("inviter_id", user.inviter_id);
  text("setting", user.setting);
  text("stripe_customer", user.stripe_customer);
  text("sidebar_modules", setting_text(user.setting, "sidebar_modules"));
  data.emplace("permissions", permissions_of(c.user.role));
  return data;
}

void changed(const Context& c, core::UserId id) {
  if (c.services.user_changed) c.services.user_changed(id);
}

Response update_setting(Context& c, const model::User& user, std::string_view name, const json::value& value) {
  if (value.is_string()) {
    must(model::set_user_setting(c.db, user.id, with_setting(user.setting, name, std::string(value.get_string()))));
    changed(c, user.id);
  }
  json::object body;
  body.emplace("success", true);
  body.emplace("message", json::string(message(c.language, "common.update_success")));
  body.emplace("data", nullptr);
  return json_response(200, body);
}

Response update_profile(Context& c, model::User user, Fields& fields) {
  UserInput input;
  std::string original;
  fields.get("username", input.username)
      .get("password", input.password)
      .get("display_name", input.display_name)
      .get("original_password", original);
  if (!fields.ok()) return fail_key(c, "common.invalid_params");
  if (!check_user_input(input).empty()) return fail_key(c, "common.invalid_input");
  if (!user.password.empty() && !verify_password(original, user.password)) return fail("原密码错误");

  if (!input.username.empty() && input.username != user.username) {
    if (input.username.find('@') != std::string::npos) return fail_key(c, "common.invalid_input");
    if (must(model::username_or_email_taken(c.db, input.username, ""))) return fail_key(c, "user.exists");
    user.username = input.username;
  }
  if (!input.display_name.empty()) user.display_name = input.display_name;
  user.password.clear();
  if (!input.password.empty()) {
    auto hash = hash_password(input.password);
    if (!hash) return fail_key(c, "common.invalid_input");
    user.password = *hash;
  }
  must(model::update_user_profile(c.db, user));
  if (!input.password.empty()) {
    // Whoever holds an older cookie is out; the caller goes on with a new one.
    end_all_sessions(c, user.id);
    if (!c.user.by_access_token) start_session(c, user);
  }
  changed(c, user.id);
  return ok();
}

}  // namespace

Response get_self(Context& c) {
  auto user = must(model::find_user(c.db, c.user.id));
  return user ? ok(self_document(c, *user)) : not_found();
}

Response update_self(Context& c) {
  auto fields = Fields::parse(c.request.body);
  if (!fields) return fail_key(c, "common.invalid_params");
  auto user = must(model::find_user(c.db, c.user.id));
  if (!user) return not_found();
  for (std::string_view name : {"sidebar_modules", "language"})
    if (const json::value* value = fields->find(name)) return update_setting(c, *user, name, *value);
  return update_profile(c, std::move(*user), *fields);
}

Response create_access_token(Context& c) {
  // 28 or 32 characters, as the column and its other readers expect.
  std::string bytes(21 + core::FastRandom().below(4), '\0');
  core::random_bytes(bytes.data(), bytes.size());
  const std::string token = core::base64_encode(bytes);
  must(model::set_user_access_token(c.db, c.user.id, token));
  changed(c, c.user.id);
  return ok(json::string(token));
}

}  // namespace tollgate::api
