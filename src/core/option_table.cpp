#include "core/option_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/config.h"
#include "core/default_prices.h"

namespace tollgate::core {
namespace {

// Keys and defaults are part of the compatible API: operators' scripts and other nodes write them.
constexpr OptionSpec kTable[] = {
    // Log-in and registration.
    {"PasswordLoginEnabled", OptionType::kBool, "true"},
    {"PasswordRegisterEnabled", OptionType::kBool, "true"},
    {"RegisterEnabled", OptionType::kBool, "true"},
    {"EmailVerificationEnabled", OptionType::kBool, "false"},
    {"EmailDomainRestrictionEnabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "EmailDomainWhitelist",
     "无法启用邮箱域名限制，请先填入限制的邮箱域名！"},
    {"EmailAliasRestrictionEnabled", OptionType::kBool, "false"},
    {"EmailDomainWhitelist", OptionType::kCommaList,
     "gmail.com,163.com,126.com,qq.com,outlook.com,hotmail.com,icloud.com,yahoo.com,foxmail.com"},
    {"GitHubOAuthEnabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "GitHubClientId",
     "无法启用 GitHub OAuth，请先填入 GitHub Client Id 以及 GitHub Client Secret！"},
    {"GitHubClientId", OptionType::kText},
    {"GitHubClientSecret", OptionType::kText},
    {"LinuxDOOAuthEnabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "LinuxDOClientId",
     "无法启用 LinuxDO OAuth，请先填入 LinuxDO Client Id 以及 LinuxDO Client Secret！"},
    {"LinuxDOClientId", OptionType::kText, "", OptionCheck::kNone, true},
    {"LinuxDOClientSecret", OptionType::kText, "", OptionCheck::kNone, true},
    {"LinuxDOMinimumTrustLevel", OptionType::kInt, "0", OptionCheck::kNone, true},
    {"TelegramOAuthEnabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "TelegramBotToken",
     "无法启用 Telegram OAuth，请先填入 Telegram Bot Token！"},
    {"TelegramBotToken", OptionType::kText},
    {"TelegramBotName", OptionType::kText},
    {"WeChatAuthEnabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "WeChatServerAddress",
     "无法启用微信登录，请先填入微信登录相关配置信息！"},
    {"WeChatServerAddress", OptionType::kText},
    {"WeChatServerToken", OptionType::kText},
    {"WeChatAccountQRCodeImageURL", OptionType::kText},
    {"TurnstileCheckEnabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "TurnstileSiteKey",
     "无法启用 Turnstile 校验，请先填入 Turnstile 校验相关配置信息！"},
    {"TurnstileSiteKey", OptionType::kText},
    {"TurnstileSecretKey", OptionType::kText},
    {"discord.enabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "discord.client_id",
     "无法启用 Discord OAuth，请先填入 Discord Client Id 以及 Discord Client Secret！"},
    {"discord.client_id", OptionType::kText},
    {"discord.client_secret", OptionType::kText},
    {"oidc.enabled", OptionType::kBool, "false", OptionCheck::kNeeds, false, "oidc.client_id",
     "无法启用 OIDC 登录，请先填入 OIDC Client Id 以及 OIDC Client Secret！"},
    {"oidc.client_id", OptionType::kText},
    {"oidc.client_secret", OptionType::kText},
    {"oidc.well_known", OptionType::kText},
    {"oidc.authorization_endpoint", OptionType::kText},
    {"oidc.token_endpoint", OptionType::kText},
    {"oidc.user_info_endpoint", OptionType::kText},
    {"passkey.enabled", OptionType::kBool, "false"},
    {"passkey.rp_display_name", OptionType::kText, "New API"},
    {"passkey.rp_id", OptionType::kText},
    {"passkey.origins", OptionType::kText},
    {"passkey.allow_insecure_origin", OptionType::kBool, "false"},
    {"passkey.user_verification", OptionType::kText, "preferred"},
    {"passkey.attachment_preference", OptionType::kText},
    // Mail.
    {"SMTPServer", OptionType::kText},
    {"SMTPAccount", OptionType::kText},
    {"SMTPFrom", OptionType::kText},
    {"SMTPToken", OptionType::kText},
    {"SMTPPort", OptionType::kInt, "587"},
    {"SMTPSSLEnabled", OptionType::kBool, "false"},
    // The site.
    {"SystemName", OptionType::kText, "New API"},
    {"Logo", OptionType::kText},
    {"Footer", OptionType::kText},
    {"Notice", OptionType::kText},
    {"About", OptionType::kText},
    {"HomePageContent", OptionType::kText},
    {"ServerAddress", OptionType::kText},
    {"TopUpLink", OptionType::kText},
    {"Chats", OptionType::kJsonArray,
     R"json([{"Cherry Studio":"cherrystudio://providers/api-keys?v=1&data={cherryConfig}"},{"流畅阅读":"fluentread"},{"Lobe Chat 官方示例":"https://chat-preview.lobehub.com/?settings={\"keyVaults\":{\"openai\":{\"apiKey\":\"{key}\",\"baseURL\":\"{address}/v1\"}}}"},{"AI as Workspace":"https://aiaw.app/set-provider?provider={\"type\":\"openai\",\"settings\":{\"apiKey\":\"{key}\",\"baseURL\":\"{address}/v1\",\"compatibility\":\"strict\"}}"},{"AMA 问天":"ama://set-api-key?server={address}&key={key}"},{"OpenCat":"opencat://team/join?domain={address}&token={key}"}])json"},
    {"DefaultCollapseSidebar", OptionType::kBool, "false"},
    {"HeaderNavModules", OptionType::kText, "", OptionCheck::kNone, true},
    {"SidebarModulesAdmin", OptionType::kText, "", OptionCheck::kNone, true},
    {"DemoSiteEnabled", OptionType::kBool, "false"},
    {"SelfUseModeEnabled", OptionType::kBool, "false"},
    {"general_setting.docs_link", OptionType::kText, "https://docs.newapi.pro"},
    {"legal.user_agreement", OptionType::kText},
    {"legal.privacy_policy", OptionType::kText},
    {"console_setting.api_info", OptionType::kText, "", OptionCheck::kApiInfo},
    {"console_setting.announcements", OptionType::kText, "", OptionCheck::kAnnouncements},
    {"console_setting.faq", OptionType::kText, "", OptionCheck::kFaq},
    {"console_setting.uptime_kuma_groups", OptionType::kText, "", OptionCheck::kUptimeGroups},
    {"console_setting.api_info_enabled", OptionType::kBool, "true"},
    {"console_setting.announcements_enabled", OptionType::kBool, "true"},
    {"console_setting.faq_enabled", OptionType::kBool, "true"},
    {"console_setting.uptime_kuma_enabled", OptionType::kBool, "true"},
    // Money and quota.
    {"QuotaForNewUser", OptionType::kInt, "0"},
    {"QuotaForInviter", OptionType::kInt, "0"},
    {"QuotaForInvitee", OptionType::kInt, "0"},
    {"QuotaRemindThreshold", OptionType::kInt, "1000"},
    {"PreConsumedQuota", OptionType::kInt, "500"},
    {"QuotaPerUnit", OptionType::kFloat, "500000", OptionCheck::kPositive},
    {"USDExchangeRate", OptionType::kFloat, "7.3"},
    {"Price", OptionType::kFloat, "7.3"},
    {"DisplayInCurrencyEnabled", OptionType::kBool, "true"},
    {"DisplayTokenStatEnabled", OptionType::kBool, "true"},
    {"general_setting.quota_display_type", OptionType::kText, "USD", OptionCheck::kDisplayType},
    {"general_setting.custom_currency_symbol", OptionType::kText, "¤"},
    {"general_setting.custom_currency_exchange_rate", OptionType::kFloat, "1"},
    {"quota_setting.enable_free_model_pre_consume", OptionType::kBool, "true"},
    {"token_setting.max_user_tokens", OptionType::kInt, "1000", OptionCheck::kNotNegative},
    {"checkin_setting.enabled", OptionType::kBool, "false"},
    {"checkin_setting.min_quota", OptionType::kInt, "1000"},
    {"checkin_setting.max_quota", OptionType::kInt, "10000"},
    {"ModelRatio", OptionType::kJsonObject, "", OptionCheck::kNumberMap},
    {"ModelPrice", OptionType::kJsonObject, "", OptionCheck::kNumberMap},
    {"CompletionRatio", OptionType::kJsonObject, "", OptionCheck::kNumberMap},
    {"CacheRatio", OptionType::kJsonObject, "", OptionCheck::kNumberMap},
    {"CreateCacheRatio", OptionType::kJsonObject, "", OptionCheck::kNumberMap, false, "", "缓存创建倍率设置失败: "},
    {"ImageRatio", OptionType::kJsonObject, "", OptionCheck::kNumberMap, false, "", "图片倍率设置失败: "},
    {"AudioRatio", OptionType::kJsonObject, "", OptionCheck::kNumberMap, false, "", "音频倍率设置失败: "},
    {"AudioCompletionRatio", OptionType::kJsonObject, "", OptionCheck::kNumberMap, false, "", "音频补全倍率设置失败: "},
    {"ExposeRatioEnabled", OptionType::kBool, "false"},
    // Groups.
    {"GroupRatio", OptionType::kJsonObject, R"json({"default":1,"vip":1,"svip":1})json", OptionCheck::kGroupRatio},
    {"GroupGroupRatio", OptionType::kJsonObject, R"json({"vip":{"edit_this":0.9}})json", OptionCheck::kNestedNumberMap},
    {"UserUsableGroups", OptionType::kJsonObject, R"json({"default":"默认分组","vip":"vip分组"})json",
     OptionCheck::kTextMap},
    {"AutoGroups", OptionType::kJsonArray, R"json(["default"])json"},
    {"DefaultUseAutoGroup", OptionType::kBool, "false"},
    {"TopupGroupRatio", OptionType::kJsonObject, R"json({"default":1,"vip":1,"svip":1})json", OptionCheck::kNumberMap},
    {"group_ratio_setting.group_special_usable_group", OptionType::kJsonObject,
     R"json({"vip":{"append_1":"vip_special_group_1","-:remove_1":"vip_removed_group_1"}})json"},
    // Logs and statistics.
    {"LogConsumeEnabled", OptionType::kBool, "true"},
    {"DataExportEnabled", OptionType::kBool, "true"},
    {"DataExportInterval", OptionType::kInt, "5", OptionCheck::kPositive},
    {"DataExportDefaultTime", OptionType::kText, "hour", OptionCheck::kExportTime},
    // Drawing and tasks.
    {"DrawingEnabled", OptionType::kBool, "true"},
    {"TaskEnabled", OptionType::kBool, "true"},
    {"MjForwardUrlEnabled", OptionType::kBool, "true"},
    {"MjActionCheckSuccessEnabled", OptionType::kBool, "true"},
    {"MjNotifyEnabled", OptionType::kBool, "false"},
    {"MjAccountFilterEnabled", OptionType::kBool, "false"},
    {"MjModeClearEnabled", OptionType::kBool, "false"},
    // Retries and channel health.
    {"RetryTimes", OptionType::kInt, "0", OptionCheck::kNotNegative},
    {"ChannelDisableThreshold", OptionType::kFloat, "5", OptionCheck::kNotNegative},
    {"AutomaticDisableChannelEnabled", OptionType::kBool, "false"},
    {"AutomaticEnableChannelEnabled", OptionType::kBool, "false"},
    {"AutomaticDisableKeywords", OptionType::kLines,
     "Your credit balance is too low\nThis organization has been disabled.\nYou exceeded your current "
     "quota\nPermission denied\nThe security token included in the request is invalid\nOperation not allowed\nYour "
     "account is not authorized"},
    {"AutomaticDisableStatusCodes", OptionType::kStatusCodes, "401"},
    {"AutomaticRetryStatusCodes", OptionType::kStatusCodes, "100-199,300-399,401-407,409-499,500-503,505-523,525-599"},
    {"monitor_setting.auto_test_channel_enabled", OptionType::kBool, "false"},
    {"monitor_setting.auto_test_channel_minutes", OptionType::kFloat, "10", OptionCheck::kPositive},
    // Words and limits.
    {"CheckSensitiveEnabled", OptionType::kBool, "true"},
    {"CheckSensitiveOnPromptEnabled", OptionType::kBool, "true"},
    {"StopOnSensitiveEnabled", OptionType::kBool, "true"},
    {"SensitiveWords", OptionType::kLines, "test_sensitive"},
    {"StreamCacheQueueLength", OptionType::kInt, "0"},
    {"ModelRequestRateLimitEnabled", OptionType::kBool, "false"},
    {"ModelRequestRateLimitDurationMinutes", OptionType::kInt, "1", OptionCheck::kNotNegative},
    {"ModelRequestRateLimitCount", OptionType::kInt, "0", OptionCheck::kNotNegative},
    {"ModelRequestRateLimitSuccessCount", OptionType::kInt, "1000", OptionCheck::kNotNegative},
    {"ModelRequestRateLimitGroup", OptionType::kJsonObject, "{}", OptionCheck::kModelRateLimits},
    // Outbound calls.
    {"WorkerUrl", OptionType::kText},
    {"WorkerValidKey", OptionType::kText},
    {"WorkerAllowHttpImageRequestEnabled", OptionType::kBool, "false"},
    {"fetch_setting.enable_ssrf_protection", OptionType::kBool, "true"},
    {"fetch_setting.allow_private_ip", OptionType::kBool, "false"},
    {"fetch_setting.domain_filter_mode", OptionType::kBool, "false"},
    {"fetch_setting.ip_filter_mode", OptionType::kBool, "false"},
    {"fetch_setting.apply_ip_filter_for_domain", OptionType::kBool, "false"},
    {"fetch_setting.domain_list", OptionType::kJsonArray, "[]"},
    {"fetch_setting.ip_list", OptionType::kJsonArray, "[]"},
    {"fetch_setting.allowed_ports", OptionType::kJsonArray, R"json(["80","443","8080","8443"])json"},
    // Payment.
    {"PayAddress", OptionType::kText},
    {"EpayId", OptionType::kText},
    {"EpayKey", OptionType::kText},
    {"CustomCallbackAddress", OptionType::kText},
    {"PayMethods", OptionType::kJsonArray,
     R"json([{"name":"支付宝","color":"rgba(var(--semi-blue-5), 1)","type":"alipay"},{"name":"微信","color":"rgba(var(--semi-green-5), 1)","type":"wxpay"},{"name":"自定义1","color":"black","type":"custom1","min_topup":"50"}])json"},
    {"MinTopUp", OptionType::kInt, "1"},
    {"StripeApiSecret", OptionType::kText},
    {"StripeWebhookSecret", OptionType::kText},
    {"StripePriceId", OptionType::kText},
    {"StripeUnitPrice", OptionType::kFloat, "8"},
    {"StripeMinTopUp", OptionType::kInt, "1"},
    {"StripePromotionCodesEnabled", OptionType::kBool, "false"},
    {"CreemApiKey", OptionType::kText},
    {"CreemWebhookSecret", OptionType::kText},
    {"CreemProducts", OptionType::kJsonArray, "[]"},
    {"CreemTestMode", OptionType::kBool, "false"},
    {"payment_setting.amount_options", OptionType::kJsonArray, "[10,20,50,100,200,500]"},
    {"payment_setting.amount_discount", OptionType::kJsonObject, "{}"},
    // Relay.
    {"general_setting.ping_interval_enabled", OptionType::kBool, "false"},
    {"general_setting.ping_interval_seconds", OptionType::kInt, "60", OptionCheck::kPositive},
    {"channel_affinity_setting.enabled", OptionType::kBool, "true"},
    {"channel_affinity_setting.switch_on_success", OptionType::kBool, "true"},
    {"channel_affinity_setting.max_entries", OptionType::kInt, "100000"},
    {"channel_affinity_setting.default_ttl_seconds", OptionType::kInt, "3600"},
    {"channel_affinity_setting.rules", OptionType::kJsonArray,
     R"json([{"name":"codex trace","model_regex":["^gpt-.*$"],"path_regex":["/v1/responses"],"key_sources":[{"type":"gjson","path":"prompt_cache_key"}],"value_regex":"","ttl_seconds":0,"skip_retry_on_failure":false,"include_using_group":true,"include_rule_name":true},{"name":"claude code trace","model_regex":["^claude-.*$"],"path_regex":["/v1/messages"],"key_sources":[{"type":"gjson","path":"metadata.user_id"}],"value_regex":"","ttl_seconds":0,"skip_retry_on_failure":false,"include_using_group":true,"include_rule_name":true}])json"},
    {"global.pass_through_request_enabled", OptionType::kBool, "false"},
    {"global.thinking_model_blacklist", OptionType::kJsonArray,
     R"json(["moonshotai/kimi-k2-thinking","kimi-k2-thinking"])json"},
    {"global.chat_completions_to_responses_policy", OptionType::kJsonObject,
     R"json({"enabled":false,"all_channels":true})json"},
    {"claude.model_headers_settings", OptionType::kJsonObject, "{}"},
    {"claude.default_max_tokens", OptionType::kJsonObject, R"json({"default":8192})json"},
    {"claude.thinking_adapter_enabled", OptionType::kBool, "true"},
    {"claude.thinking_adapter_budget_tokens_percentage", OptionType::kFloat, "0.8"},
    {"gemini.safety_settings", OptionType::kJsonObject, R"json({"default":"OFF"})json"},
    {"gemini.version_settings", OptionType::kJsonObject, R"json({"default":"v1beta","gemini-1.0-pro":"v1"})json"},
    {"gemini.supported_imagine_models", OptionType::kJsonArray,
     R"json(["gemini-2.0-flash-exp-image-generation","gemini-2.0-flash-exp"])json"},
    {"gemini.thinking_adapter_enabled", OptionType::kBool, "false"},
    {"gemini.thinking_adapter_budget_tokens_percentage", OptionType::kFloat, "0.6"},
    {"gemini.function_call_thought_signature_enabled", OptionType::kBool, "true"},
    {"gemini.remove_function_response_id_enabled", OptionType::kBool, "true"},
    {"grok.violation_deduction_enabled", OptionType::kBool, "true"},
    {"grok.violation_deduction_amount", OptionType::kFloat, "0.05"},
    {"qwen.sync_image_models", OptionType::kJsonArray,
     R"json(["z-image","qwen-image","wan2.6","qwen-image-edit","qwen-image-edit-max","qwen-image-edit-max-2026-01-16","qwen-image-edit-plus","qwen-image-edit-plus-2025-12-15","qwen-image-edit-plus-2025-10-30"])json"},
    // Machine.
    {"performance_setting.disk_cache_enabled", OptionType::kBool, "false"},
    {"performance_setting.disk_cache_threshold_mb", OptionType::kInt, "10"},
    {"performance_setting.disk_cache_max_size_mb", OptionType::kInt, "1024"},
    {"performance_setting.disk_cache_path", OptionType::kText},
    {"performance_setting.monitor_enabled", OptionType::kBool, "true"},
    {"performance_setting.monitor_cpu_threshold", OptionType::kInt, "90"},
    {"performance_setting.monitor_memory_threshold", OptionType::kInt, "90"},
    {"performance_setting.monitor_disk_threshold", OptionType::kInt, "90"},
    {"model_deployment.ionet.enabled", OptionType::kBool, "", OptionCheck::kNone, true},
    {"model_deployment.ionet.api_key", OptionType::kText, "", OptionCheck::kNone, true},
    // Left over from old releases; read and written, without effect.
    {"FileUploadPermission", OptionType::kInt, "0"},
    {"FileDownloadPermission", OptionType::kInt, "0"},
    {"ImageUploadPermission", OptionType::kInt, "0"},
    {"ImageDownloadPermission", OptionType::kInt, "0"},
};

const std::vector<const OptionSpec*>& by_key() {
  static const std::vector<const OptionSpec*> sorted = [] {
    std::vector<const OptionSpec*> list;
    for (const OptionSpec& spec : kTable) list.push_back(&spec);
    std::ranges::sort(list, {}, &OptionSpec::key);
    return list;
  }();
  return sorted;
}

const OptionSpec& known(std::string_view key) {
  if (const OptionSpec* spec = find_option(key)) return *spec;
  throw std::logic_error("unknown option " + std::string(key));
}

bool structured(std::string_view key) { return key.find('.') != std::string_view::npos; }

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// A float option of a structured group may hold "10.5" where an integer is meant.
std::optional<std::int64_t> parse_cut(std::string_view text) {
  if (auto whole = parse_integer(text)) return whole;
  auto value = parse_real(text);
  if (!value || std::abs(*value) > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

std::span<const OptionSpec> option_table() { return kTable; }

const OptionSpec* find_option(std::string_view key) {
  const auto& list = by_key();
  auto it = std::ranges::lower_bound(list, key, {}, &OptionSpec::key);
  return it != list.end() && (*it)->key == key ? *it : nullptr;
}

std::string_view option_default(std::string_view key) {
  const OptionSpec* spec = find_option(key);
  if (!spec) return {};
  std::string_view prices = default_price_table(key);
  return prices.empty() ? spec->fallback : prices;
}

bool is_secret_option(std::string_view key) {
  for (std::string_view ending : {"Token", "Secret", "Key", "secret", "api_key"})
    if (key.ends_with(ending)) return true;
  if (find_option(key)) return false;
  std::string text = lower(key);
  for (std::string_view ending : {"token", "secret", "key", "password", "privatekey", "credential"})
    if (text.ends_with(ending)) return true;
  return false;
}

std::string_view canonical_option(std::string_view key) {
  if (key == "group_ratio_setting.group_ratio") return "GroupRatio";
  if (key == "group_ratio_setting.group_group_ratio") return "GroupGroupRatio";
  return key;
}

Options::Options() : Options(OptionRows{}) {}

Options::Options(const OptionRows& rows, std::string link_base) : link_base_(std::move(link_base)) {
  for (const OptionSpec& spec : kTable)
    if (!spec.unlisted) values_.emplace(spec.key, option_default(spec.key));
  for (const auto& [key, value] : rows) {
    // A row under a second name counts only where the first name has none.
    std::string_view name = canonical_option(key);
    if (name != key && rows.contains(name)) continue;
    values_.insert_or_assign(std::string(name), value);
    stored_.emplace(name);
  }
  // The old switch speaks for the display type until that is stored itself.
  constexpr std::string_view kDisplay = "general_setting.quota_display_type";
  if (stored("DisplayInCurrencyEnabled") && !stored(kDisplay))
    values_.insert_or_assign(std::string(kDisplay), boolean("DisplayInCurrencyEnabled") ? "USD" : "TOKENS");
}

bool Options::boolean(std::string_view key) const {
  known(key);
  if (!structured(key)) return text(key) == "true";
  if (auto value = parse_bool(text(key))) return *value;
  return option_default(key) == "true";
}

std::int64_t Options::integer(std::string_view key) const {
  known(key);
  if (!structured(key)) return parse_integer(text(key)).value_or(0);
  if (auto value = parse_cut(text(key))) return *value;
  return parse_cut(option_default(key)).value_or(0);
}

double Options::real(std::string_view key) const {
  known(key);
  if (auto value = parse_real(text(key))) return *value;
  return structured(key) ? parse_real(option_default(key)).value_or(0) : 0;
}

const std::string& Options::text(std::string_view key) const {
  static const std::string kNone;
  auto it = values_.find(key);
  return it == values_.end() ? kNone : it->second;
}

bool Options::stored(std::string_view key) const { return stored_.contains(key); }

}  // namespace tollgate::core
