#include "api/user_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace tollgate::api {
namespace {

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string fault(std::string_view field, std::string_view rule) {
  return fmt::format("Key: 'User.{}' Error:Field validation for '{}' failed on the '{}' tag", field, field, rule);
}

constexpr std::string_view kCommonModules =
    R"({"chat":{"chat":true,"enabled":true,"playground":true},)"
    R"("console":{"detail":true,"enabled":true,"log":true,"midjourney":true,"task":true,"token":true},)"
    R"("personal":{"enabled":true,"personal":true,"topup":true})";

}  // namespace

std::string check_user_input(const UserInput& input) {
  if (characters(input.username) > 20) return fault("Username", "max");
  if (!input.password.empty() && characters(input.password) < 8) return fault("Password", "min");
  if (characters(input.password) > 20) return fault("Password", "max");
  if (characters(input.display_name) > 20) return fault("DisplayName", "max");
  if (characters(input.remark) > 255) return fault("Remark", "max");
  return {};
}

std::string initial_setting(int role) {
  std::string modules(kCommonModules);
  if (role >= kRoleAdmin)
    modules += fmt::format(
        R"(,"admin":{{"channel":true,"enabled":true,"models":true,"redemption":true,"setting":{},"user":true}})",
        role >= kRoleRoot);
  json::object setting;
  setting.emplace("gotify_priority", 0);
  setting.emplace("sidebar_modules", json::string(modules + "}"));
  return json_text(setting);
}

core::Quota shown_balance(const Context& c, const model::User& user) {
  return c.services.shown_user_balance ? c.services.shown_user_balance(user.id, user.quota) : user.quota;
}

std::string with_setting(const std::string& setting, std::string_view name, std::string_view value) {
  auto parsed = parse_json(setting);
  json::object object;
  if (parsed && parsed->is_object())
    object = std::move(parsed->get_object());
  else
    object.emplace("gotify_priority", 0);
  object.insert_or_assign(json::string_view(name.data(), name.size()), json::string(value.data(), value.size()));
  return json_text(object);
}

std::string setting_text(const std::string& setting, std::string_view name) {
  auto fields = Fields::parse(setting);
  std::string value;
  if (fields) fields->get(name, value);
  return value;
}

}  // namespace tollgate::api
