// User administration.
#include "api/database.h"
#include "api/gate.h"
#include "api/handlers.h"
#include "api/password.h"
#include "api/row_version.h"
#include "api/user_rules.h"
#include "core/ascii.h"
#include "model/log_row.h"
#include "model/token.h"

namespace tollgate::api {
namespace {

json::object user_document(const Context& c, const model::User& user) {
  json::object o;
  auto text = [&](const char* name, const std::string& value) { o.emplace(name, json::string(value)); };
  o.emplace("id", user.id.value);
  text("username", user.username);
  o.emplace("password", "");
  o.emplace("original_password", "");
  text("display_name", user.display_name);
  o.emplace("role", user.role);
  o.emplace("status", user.status);
  text("email", user.email);
  text("github_id", user.github_id);
  text("discord_id", user.discord_id);
  text("oidc_id", user.oidc_id);
  text("wechat_id", user.wechat_id);
  text("telegram_id", user.telegram_id);
  o.emplace("verification_code", "");
  o.emplace("access_token", nullptr);  // never shown: it would lend an administrator root's rights
  o.emplace("quota", shown_balance(c, user).units);
  o.emplace("used_quota", user.used_quota.units);
  o.emplace("request_count", user.request_count);
  text("group", user.group);
  text("aff_code", user.aff_code);
  o.emplace("aff_count", user.aff_count);
  o.emplace("aff_quota", user.aff_quota.units);
  o.emplace("aff_history_quota", user.aff_history.units);
  o.emplace("inviter_id", user.inviter_id);
  o.emplace("DeletedAt", user.deleted_at ? json::value(json::string(*user.deleted_at)) : json::value());
  text("linux_do_id", user.linux_do_id);
  text("setting", user.setting);
  if (!user.remark.empty()) text("remark", user.remark);
  text("stripe_customer", user.stripe_customer);
  return o;
}

// The password is none of them: nobody sees it, and whoever sends one means it.
std::span<const EditedField<model::User>> user_fields() {
  using model::User;
  static constexpr EditedField<User> kFields[] = {
      edited<&User::username, User>("username"),
      edited<&User::display_name, User>("display_name"),
      edited<&User::group, User>("group"),
      edited<&User::remark, User>("remark"),
  };
  return kFields;
}

bool outranks(const Identity& caller, const model::User& target) {
  return caller.role > target.role || caller.role >= kRoleRoot;
}

void changed(const Context& c, core::UserId id) {
  if (!c.services.user_changed && !c.services.token_changed) return;
  if (c.services.user_changed) c.services.user_changed(id);
  if (!c.services.token_changed) return;
  for (const std::string& key : must(model::token_keys_of(c.db, id))) c.services.token_changed({}, key);
}

void log_for(const Context& c, model::LogType type, const model::User& user, std::string content) {
  model::LogRow row;
  row.user_id = user.id;
  row.username = user.username;
  row.created_at = c.now();
  row.type = static_cast<std::int64_t>(type);
  row.content = std::move(content);
  const LogConnection log(c);
  must(model::insert_logs(*log, std::span(&row, 1)));
}

Response page_of_users(Context& c, const model::UserFilter& filter) {
  const Page page = c.page();
  json::array items;
  for (const auto& user : must(model::list_users(c.db, filter, page.offset(), page.size)))
    items.push_back(user_document(c, user));
  return ok(page_object(page, must(model::count_users(c.db, filter)), std::move(items)));
}

struct AdminInput {
  std::int64_t id = 0, role = 0, quota = 0;
  std::string group;
  UserInput user;
};

std::optional<AdminInput> read_admin_input(std::string_view body) {
  AdminInput input;
  auto fields = Fields::parse(body);
  if (!fields) return std::nullopt;
  fields->get("id", input.id)
      .get("role", input.role)
      .get("quota", input.quota)
      .get("group", input.group)
      .get("username", input.user.username)
      .get("password", input.user.password)
      .get("display_name", input.user.display_name)
      .get("remark", input.user.remark);
  if (!fields->ok()) return std::nullopt;
  return input;
}

// Empty when done, else the catalogue key of the refusal.
std::string apply_action(Context& c, const model::User& target, std::string_view action) {
  const bool root = target.role >= kRoleRoot;
  if (action == "enable") {
    must(model::set_user_status(c.db, target.id, 1));
  } else if (action == "disable") {
    if (root) return "user.cannot_disable_root_user";
    must(model::set_user_status(c.db, target.id, 2));
    end_all_sessions(c, target.id);
  } else if (action == "delete") {
    if (root) return "user.cannot_delete_root_user";
    must(model::soft_delete_user(c.db, target.id, c.now()));
    end_all_sessions(c, target.id);
  } else if (action == "promote") {
    if (c.user.role < kRoleRoot) return "user.admin_cannot_promote";
    if (target.role >= kRoleAdmin) return "user.already_admin";
    must(model::set_user_role(c.db, target.id, kRoleAdmin));
    end_all_sessions(c, target.id);
  } else if (action == "demote") {
    if (root) return "user.cannot_demote_root_user";
    if (target.role == kRoleCommon) return "user.already_common";
    must(model::set_user_role(c.db, target.id, kRoleCommon));
    end_all_sessions(c, target.id);
  } else {
    return "common.invalid_params";
  }
  return {};
}

}  // namespace

Response list_users(Context& c) { return page_of_users(c, {}); }

Response search_users(Context& c) {
  return page_of_users(c, {.keyword = c.query.text("keyword"), .group = c.query.text("group"), .with_deleted = true});
}

Response get_user(Context& c) {
  if (!c.id()) return bad_id(c);
  auto user = must(model::find_user(c.db, core::UserId{*c.id()}));
  if (!user) return not_found();
  if (!outranks(c.user, *user)) return fail_key(c, "user.no_permission_same_level");
  Response response = ok(user_document(c, *user));
  response.headers.emplace_back(kRowVersionHeader, row_version(model::kUserHistory, user_fields(), *user));
  return response;
}

Response create_user(Context& c) {
  auto input = read_admin_input(c.request.body);
  if (!input) return fail_key(c, "common.invalid_params");
  UserInput& user = input->user;
  user.username = std::string(core::trimmed(user.username));
  if (user.username.empty() || user.password.empty()) return fail_key(c, "common.invalid_params");
  if (std::string fault = check_user_input(user); !fault.empty()) return fail_key(c, "user.input_invalid", fault);
  // A name like somebody's address would shadow that log-in.
  if (user.username.find('@') != std::string::npos) return fail_key(c, "user.input_invalid", "Username: @");
  if (input->role >= c.user.role) return fail_key(c, "user.cannot_create_higher_level");
  if (input->role == 0) input->role = kRoleCommon;
  if (input->role != kRoleCommon && input->role != kRoleAdmin) return fail_key(c, "common.invalid_params");
  if (must(model::username_or_email_taken(c.db, user.username, ""))) return fail_key(c, "user.exists");
  auto hash = hash_password(user.password);
  if (!hash) return fail_key(c, "user.input_invalid", hash.error().message);

  const core::Quota gift{c.options->integer("QuotaForNewUser")};
  model::User row;
  row.username = user.username;
  row.password = *hash;
  row.display_name = user.display_name.empty() ? user.username : user.display_name;
  row.role = input->role;
  row.quota = gift;
  row.setting = initial_setting(static_cast<int>(input->role));
  auto made = sql::with_once(c.db, once_key(), [&](sql::Connection& db) { return model::create_user(db, row); });
  if (!made && made.error().cls == sql::ErrorClass::kDuplicate) return fail_key(c, "user.exists");
  row.id = must(std::move(made));
  if (gift.units > 0) log_for(c, model::LogType::kSystem, row, "新用户注册赠送 " + quota_text(*c.options, gift));
  return ok();
}

Response update_user(Context& c) {
  auto input = read_admin_input(c.request.body);
  if (!input || input->id == 0) return fail_key(c, "common.invalid_params");
  if (std::string fault = check_user_input(input->user); !fault.empty())
    return fail_key(c, "user.input_invalid", fault);
  auto user = must(model::find_user(c.db, core::UserId{input->id}));
  if (!user) return not_found();
  if (!outranks(c.user, *user)) return fail_key(c, "user.no_permission_higher_level");
  if (input->role >= c.user.role && c.user.role < kRoleRoot) return fail_key(c, "user.cannot_create_higher_level");
  if (input->user.username.empty()) return fail_key(c, "common.invalid_params");
  const bool renamed = input->user.username != user->username;
  if (renamed && must(model::username_or_email_taken(c.db, input->user.username, "")))
    return fail_key(c, "user.exists");

  const core::Quota before = shown_balance(c, *user), after{input->quota};
  if (before != after && !c.services.set_user_balance) return fail("balances cannot be changed here");
  std::string hash;
  if (!input->user.password.empty()) {
    auto made = hash_password(input->user.password);
    if (!made) return fail_key(c, "user.input_invalid", made.error().message);
    hash = *made;
  }
  RowEdit edit(model::kUserHistory, user_fields(), c.request);
  const auto entity = std::to_string(input->id);
  const bool found = must(sql::with_once(c.db, once_key(), [&](sql::Connection& db) -> sql::Result<bool> {
    auto row = model::lock_user(db, user->id);
    if (!row) return row.error();
    if (!*row) return false;
    model::User wanted = **row;
    wanted.username = input->user.username;
    wanted.display_name = input->user.display_name;
    wanted.group = input->group;
    wanted.remark = input->user.remark;
    wanted.password = hash;
    if (!edit.merge(**row, wanted)) return true;
    auto written = model::update_user_profile(db, wanted);
    if (written && !edit.changed().empty())
      written = model::note_change(db, model::kUserHistory, entity, c.user.username, edit.changed());
    if (!written) return written.error();
    return true;
  }));
  if (!found) return not_found();
  if (edit.refused()) {
    const auto now = must(model::find_user(c.db, user->id));
    if (!now) return not_found();
    return edit_conflict(c, model::kUserHistory, entity, edit, user_document(c, *now),
                         row_version(model::kUserHistory, user_fields(), *now));
  }
  if (before != after) {
    if (auto set = c.services.set_user_balance(user->id, after); !set) return fail(set.error().message);
    log_for(c, model::LogType::kManage, *user,
            "管理员将用户额度从 " + quota_text(*c.options, before) + "修改为 " + quota_text(*c.options, after));
  }
  if (!hash.empty()) end_all_sessions(c, user->id);
  changed(c, user->id);
  return ok();
}

Response manage_user(Context& c) {
  std::int64_t id = 0;
  std::string action;
  auto fields = Fields::parse(c.request.body);
  if (!fields || !fields->get("id", id).get("action", action).ok()) return fail_key(c, "common.invalid_params");
  auto target = must(model::find_user(c.db, core::UserId{id}, true));
  if (!target) return fail_key(c, "user.not_exists");
  if (!outranks(c.user, *target)) return fail_key(c, "user.no_permission_higher_level");
  if (std::string refusal = apply_action(c, *target, action); !refusal.empty()) return fail_key(c, refusal);
  changed(c, target->id);

  auto now = must(model::find_user(c.db, target->id, true));
  model::User shown;
  shown.group.clear();
  shown.role = now ? now->role : target->role;
  shown.status = now ? now->status : target->status;
  json::object data = user_document(c, shown);
  data["quota"] = 0;
  return ok(std::move(data));
}

Response delete_user(Context& c) {
  if (!c.id()) return bad_id(c);
  auto user = must(model::find_user(c.db, core::UserId{*c.id()}));
  if (!user) return not_found();
  if (c.user.role <= user->role) return fail_key(c, "user.no_permission_higher_level");
  end_all_sessions(c, user->id);
  changed(c, user->id);  // while its keys can still be named
  if (!must(model::hard_delete_user(c.db, user->id))) return not_found();
  if (c.services.user_changed) c.services.user_changed(user->id);
  return ok();
}

}  // namespace tollgate::api
