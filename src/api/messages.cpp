#include "api/messages.h"

#include <algorithm>

namespace tollgate::api {
namespace {

struct Entry {
  std::string_view key, english, chinese;
};

constexpr Entry kCatalogue[] = {
    {"common.invalid_params", "Invalid parameters", "无效的参数"},
    {"common.database_error", "Database error, please try again later", "数据库错误，请稍后重试"},
    {"common.generate_failed", "Generation failed", "生成失败"},
    {"common.update_success", "Update successful", "更新成功"},
    {"common.update_failed", "Update failed", "更新失败"},
    {"common.uuid_duplicate", "Please retry, the system generated a duplicate UUID!",
     "请重试，系统生成的 UUID 竟然重复了！"},
    {"common.invalid_input", "Invalid input", "输入不合法"},
    {"token.name_too_long", "Token name is too long", "令牌名称过长"},
    {"token.quota_negative", "Quota value cannot be negative", "额度值不能为负数"},
    {"token.quota_exceed_max", "Quota value exceeds valid range, maximum is {{.Max}}",
     "额度值超出有效范围，最大值为 {{.Max}}"},
    {"token.generate_failed", "Failed to generate token", "生成令牌失败"},
    {"token.get_info_failed", "Failed to get token info, please try again later", "获取令牌信息失败，请稍后重试"},
    {"token.expired_cannot_enable",
     "Token has expired and cannot be enabled. Please modify the expiration time or set it to never expire",
     "令牌已过期，无法启用，请先修改令牌过期时间，或者设置为永不过期"},
    {"token.exhausted_cannot_enable",
     "Token quota is exhausted and cannot be enabled. Please modify the remaining quota or set it to unlimited",
     "令牌可用额度已用尽，无法启用，请先修改令牌剩余额度，或者设置为无限额度"},
    {"user.password_login_disabled", "Password login has been disabled by administrator", "管理员关闭了密码登录"},
    {"user.exists", "Username already exists or has been deleted", "用户名已存在，或已注销"},
    {"user.not_exists", "User does not exist", "用户不存在"},
    {"user.session_save_failed", "Failed to save session, please try again", "无法保存会话信息，请重试"},
    {"user.require_2fa", "Please enter two-factor authentication code", "请输入两步验证码"},
    {"user.input_invalid", "Invalid input {{.Error}}", "输入不合法 {{.Error}}"},
    {"user.no_permission_same_level", "No permission to access users of same or higher level",
     "无权获取同级或更高等级用户的信息"},
    {"user.no_permission_higher_level", "No permission to update users of same or higher permission level",
     "无权更新同权限等级或更高权限等级的用户信息"},
    {"user.cannot_create_higher_level", "Cannot create users with permission level equal to or higher than yourself",
     "无法创建权限大于等于自己的用户"},
    {"user.cannot_delete_root_user", "Cannot delete super administrator account", "不能删除超级管理员账户"},
    {"user.cannot_disable_root_user", "Cannot disable super administrator user", "无法禁用超级管理员用户"},
    {"user.cannot_demote_root_user", "Cannot demote super administrator user", "无法降级超级管理员用户"},
    {"user.already_admin", "This user is already an administrator", "该用户已经是管理员"},
    {"user.already_common", "This user is already a common user", "该用户已经是普通用户"},
    {"user.admin_cannot_promote", "Regular administrators cannot promote other users to administrator",
     "普通管理员用户无法提升其他用户为管理员"},
    {"quota.threshold_gt_zero", "Warning threshold must be greater than 0", "预警阈值必须大于0"},
    {"setting.invalid_type", "Invalid warning type", "无效的预警类型"},
    {"setting.webhook_empty", "Webhook URL cannot be empty", "Webhook地址不能为空"},
    {"setting.webhook_invalid", "Invalid Webhook URL", "无效的Webhook地址"},
    {"setting.email_invalid", "Invalid email address", "无效的邮箱地址"},
    {"setting.bark_url_empty", "Bark push URL cannot be empty", "Bark推送URL不能为空"},
    {"setting.bark_url_invalid", "Invalid Bark push URL", "无效的Bark推送URL"},
    {"setting.gotify_url_empty", "Gotify server URL cannot be empty", "Gotify服务器地址不能为空"},
    {"setting.gotify_token_empty", "Gotify token cannot be empty", "Gotify令牌不能为空"},
    {"setting.gotify_url_invalid", "Invalid Gotify server URL", "无效的Gotify服务器地址"},
    {"setting.url_must_http", "URL must start with http:// or https://", "URL必须以http://或https://开头"},
    {"setting.saved", "Settings updated", "设置已更新"},
};

}  // namespace

Language language_of(std::string_view tag) {
  const bool chinese = tag.size() >= 2 && (tag[0] == 'z' || tag[0] == 'Z') && (tag[1] == 'h' || tag[1] == 'H');
  return chinese ? Language::kChinese : Language::kEnglish;
}

Language language_of_header(std::string_view accept_language) {
  while (accept_language.starts_with(' ')) accept_language.remove_prefix(1);
  return language_of(accept_language.substr(0, accept_language.find_first_of(",;")));
}

std::string message(Language language, std::string_view key, std::string_view argument) {
  const auto* entry = std::ranges::find(kCatalogue, key, &Entry::key);
  if (entry == std::end(kCatalogue)) return std::string(key);
  std::string text(language == Language::kChinese ? entry->chinese : entry->english);
  const auto open = text.find("{{");
  if (open != std::string::npos) text.replace(open, text.find("}}", open) + 2 - open, argument);
  return text;
}

}  // namespace tollgate::api
