// GET /api/status and the public texts.
#include <algorithm>

#include "api/console_lists.h"
#include "api/database.h"
#include "api/handlers.h"
#include "model/setup.h"

namespace tollgate::api {
namespace {

json::value parsed_or_null(const std::string& text) {
  auto value = parse_json(text);
  return value ? std::move(*value) : json::value();
}

// A list stored as text: [] when empty, null when it does not parse.
json::value console_list(const std::string& text) {
  if (text.empty()) return json::array();
  json::value value = parsed_or_null(text);
  return value.is_array() ? value : json::value();
}

json::value announcements(const std::string& text) {
  json::value value = console_list(text);
  if (!value.is_array()) return value;
  // Newest first, ties and undated ones in their order.
  const json::array& list = value.get_array();
  std::vector<std::pair<std::int64_t, std::size_t>> order;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto* object = list[i].if_object();
    const auto* date = object ? object->if_contains("publishDate") : nullptr;
    const auto time = date && date->is_string() ? parse_rfc3339(std::string(date->get_string())) : std::nullopt;
    order.emplace_back(time ? -*time : INT64_MAX, i);
  }
  std::ranges::sort(order);
  json::array out;
  for (const auto& [time, i] : order) out.push_back(list[i]);
  return out;
}

// "https://host:8080/path" → "host:8080".
std::string host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return std::string(url.substr(0, url.find('/')));
}

struct Copy {
  std::string_view field, option;
};

constexpr Copy kTexts[] = {
    {"system_name", "SystemName"},
    {"logo", "Logo"},
    {"footer_html", "Footer"},
    {"docs_link", "general_setting.docs_link"},
    {"top_up_link", "TopUpLink"},
    {"github_client_id", "GitHubClientId"},
    {"discord_client_id", "discord.client_id"},
    {"linuxdo_client_id", "LinuxDOClientId"},
    {"telegram_bot_name", "TelegramBotName"},
    {"oidc_client_id", "oidc.client_id"},
    {"oidc_authorization_endpoint", "oidc.authorization_endpoint"},
    {"wechat_qrcode", "WeChatAccountQRCodeImageURL"},
    {"turnstile_site_key", "TurnstileSiteKey"},
    {"passkey_display_name", "passkey.rp_display_name"},
    {"passkey_user_verification", "passkey.user_verification"},
    {"passkey_attachment", "passkey.attachment_preference"},
    {"quota_display_type", "general_setting.quota_display_type"},
    {"custom_currency_symbol", "general_setting.custom_currency_symbol"},
    {"data_export_default_time", "DataExportDefaultTime"},
    {"HeaderNavModules", "HeaderNavModules"},
    {"SidebarModulesAdmin", "SidebarModulesAdmin"},
};

constexpr Copy kSwitches[] = {
    {"email_verification", "EmailVerificationEnabled"},
    {"github_oauth", "GitHubOAuthEnabled"},
    {"discord_oauth", "discord.enabled"},
    {"linuxdo_oauth", "LinuxDOOAuthEnabled"},
    {"telegram_oauth", "TelegramOAuthEnabled"},
    {"oidc_enabled", "oidc.enabled"},
    {"wechat_login", "WeChatAuthEnabled"},
    {"turnstile_check", "TurnstileCheckEnabled"},
    {"passkey_login", "passkey.enabled"},
    {"passkey_allow_insecure", "passkey.allow_insecure_origin"},
    {"enable_drawing", "DrawingEnabled"},
    {"enable_task", "TaskEnabled"},
    {"enable_data_export", "DataExportEnabled"},
    {"default_collapse_sidebar", "DefaultCollapseSidebar"},
    {"mj_notify_enabled", "MjNotifyEnabled"},
    {"demo_site_enabled", "DemoSiteEnabled"},
    {"self_use_mode_enabled", "SelfUseModeEnabled"},
    {"default_use_auto_group", "DefaultUseAutoGroup"},
    {"api_info_enabled", "console_setting.api_info_enabled"},
    {"uptime_kuma_enabled", "console_setting.uptime_kuma_enabled"},
    {"announcements_enabled", "console_setting.announcements_enabled"},
    {"faq_enabled", "console_setting.faq_enabled"},
    {"checkin_enabled", "checkin_setting.enabled"},
};

constexpr Copy kNumbers[] = {
    {"quota_per_unit", "QuotaPerUnit"},
    {"usd_exchange_rate", "USDExchangeRate"},
    {"price", "Price"},
    {"stripe_unit_price", "StripeUnitPrice"},
    {"custom_currency_exchange_rate", "general_setting.custom_currency_exchange_rate"},
};

json::object status_document(const core::Options& o, const Settings& settings, bool initialised) {
  json::object data;
  auto put = [&](std::string_view name, json::value value) {
    data.insert_or_assign(json::string_view(name.data(), name.size()), std::move(value));
  };
  for (const Copy& copy : kTexts) put(copy.field, json::string(o.text(copy.option)));
  for (const Copy& copy : kSwitches) put(copy.field, o.boolean(copy.option));
  for (const Copy& copy : kNumbers) put(copy.field, o.real(copy.option));

  const std::string address =
      o.stored("ServerAddress") || !o.link_base().empty() ? o.link_base() : "http://localhost:3000";
  const std::string& rp_id = o.text("passkey.rp_id");
  const std::string& origins = o.text("passkey.origins");
  put("server_address", json::string(address));
  put("passkey_rp_id", json::string(rp_id.empty() ? host_of(address) : rp_id));
  put("passkey_origins", json::string(origins.empty() || origins == "[]" ? address : origins));

  put("version", json::string(settings.version));
  put("start_time", settings.start_time);
  put("enable_batch_update", settings.batch_update);
  put("linuxdo_minimum_trust_level", o.integer("LinuxDOMinimumTrustLevel"));
  put("display_in_currency", o.text("general_setting.quota_display_type") != "TOKENS");
  put("chats", parsed_or_null(o.text("Chats")));
  put("setup", initialised);
  put("user_agreement_enabled", !o.text("legal.user_agreement").empty());
  put("privacy_policy_enabled", !o.text("legal.privacy_policy").empty());
  put("_qn", "new-api");

  if (o.boolean("console_setting.api_info_enabled")) put("api_info", console_list(o.text("console_setting.api_info")));
  if (o.boolean("console_setting.announcements_enabled"))
    put("announcements", announcements(o.text("console_setting.announcements")));
  if (o.boolean("console_setting.faq_enabled")) put("faq", console_list(o.text("console_setting.faq")));
  return sorted(data);
}

Response text_of(Context& c, std::string_view option) { return ok(json::string(c.options->text(option))); }

}  // namespace

Response get_status(Context& c) {
  return ok(status_document(*c.options, c.services.settings, must(model::is_set_up(c.db))));
}

Response get_notice(Context& c) { return text_of(c, "Notice"); }
Response get_about(Context& c) { return text_of(c, "About"); }
Response get_home_page_content(Context& c) { return text_of(c, "HomePageContent"); }
Response get_user_agreement(Context& c) { return text_of(c, "legal.user_agreement"); }
Response get_privacy_policy(Context& c) { return text_of(c, "legal.privacy_policy"); }

}  // namespace tollgate::api
