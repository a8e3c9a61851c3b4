// The tables of the installation that the compatible product has too: names, classes, defaults and indexes are its.
#include <vector>

#include "model/schema.h"

namespace tollgate::model {
namespace {

using enum ColumnClass;

// clang-format off
constexpr Column kChannelsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "type", .cls = kInt, .default_value = "0"},
  {.name = "key", .cls = kLong, .not_null = true},
  {.name = "open_ai_organization", .cls = kLong},
  {.name = "test_model", .cls = kLong},
  {.name = "status", .cls = kInt, .default_value = "1"},
  {.name = "name", .cls = kString},
  {.name = "weight", .cls = kUnsigned, .default_value = "0"},
  {.name = "created_time", .cls = kInt},
  {.name = "test_time", .cls = kInt},
  {.name = "response_time", .cls = kInt},
  {.name = "base_url", .cls = kString, .default_value = "", .text_default = true},
  {.name = "other", .cls = kLong},
  {.name = "balance", .cls = kReal},
  {.name = "balance_updated_time", .cls = kInt},
  {.name = "models", .cls = kLong},
  {.name = "group", .cls = kLiteral, .literal = "varchar(64)", .default_value = "default", .text_default = true},
  {.name = "used_quota", .cls = kInt, .default_value = "0"},
  {.name = "model_mapping", .cls = kText},
  {.name = "status_code_mapping", .cls = kLiteral, .literal = "varchar(1024)", .default_value = "", .text_default = true},
  {.name = "priority", .cls = kInt, .default_value = "0"},
  {.name = "auto_ban", .cls = kInt, .default_value = "1"},
  {.name = "other_info", .cls = kLong},
  {.name = "tag", .cls = kString},
  {.name = "setting", .cls = kText},
  {.name = "param_override", .cls = kText},
  {.name = "header_override", .cls = kText},
  {.name = "remark", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "channel_info", .cls = kJson},
  {.name = "settings", .cls = kLong},
};
constexpr Index kChannelsIndexes[] = {
  {.name = "idx_channels_name", .columns = "name"},
  {.name = "idx_channels_tag", .columns = "tag"},
};
constexpr Column kTokensColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt},
  {.name = "key", .cls = kLiteral, .literal = "char(48)"},
  {.name = "status", .cls = kInt, .default_value = "1"},
  {.name = "name", .cls = kString},
  {.name = "created_time", .cls = kInt},
  {.name = "accessed_time", .cls = kInt},
  {.name = "expired_time", .cls = kInt, .default_value = "-1"},
  {.name = "remain_quota", .cls = kInt, .default_value = "0"},
  {.name = "unlimited_quota", .cls = kBool},
  {.name = "model_limits_enabled", .cls = kBool},
  {.name = "model_limits", .cls = kLiteral, .literal = "varchar(1024)", .default_value = "", .text_default = true},
  {.name = "allow_ips", .cls = kString, .default_value = "", .text_default = true},
  {.name = "used_quota", .cls = kInt, .default_value = "0"},
  {.name = "group", .cls = kString, .default_value = "", .text_default = true},
  {.name = "cross_group_retry", .cls = kBool},
  {.name = "deleted_at", .cls = kTime},
};
constexpr Index kTokensIndexes[] = {
  {.name = "idx_tokens_user_id", .columns = "user_id"},
  {.name = "idx_tokens_key", .columns = "key", .unique = true},
  {.name = "idx_tokens_name", .columns = "name"},
  {.name = "idx_tokens_deleted_at", .columns = "deleted_at"},
};
constexpr Column kUsersColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "username", .cls = kString, .unique = true},
  {.name = "password", .cls = kLong, .not_null = true},
  {.name = "display_name", .cls = kString},
  {.name = "role", .cls = kInt, .default_value = "1"},
  {.name = "status", .cls = kInt, .default_value = "1"},
  {.name = "email", .cls = kString},
  {.name = "github_id", .cls = kString},
  {.name = "discord_id", .cls = kString},
  {.name = "oidc_id", .cls = kString},
  {.name = "wechat_id", .cls = kString},
  {.name = "telegram_id", .cls = kString},
  {.name = "access_token", .cls = kLiteral, .literal = "char(32)"},
  {.name = "quota", .cls = kInt, .default_value = "0"},
  {.name = "used_quota", .cls = kInt, .default_value = "0"},
  {.name = "request_count", .cls = kInt, .default_value = "0"},
  {.name = "group", .cls = kLiteral, .literal = "varchar(64)", .default_value = "default", .text_default = true},
  {.name = "aff_code", .cls = kLiteral, .literal = "varchar(32)"},
  {.name = "aff_count", .cls = kInt, .default_value = "0"},
  {.name = "aff_quota", .cls = kInt, .default_value = "0"},
  {.name = "aff_history", .cls = kInt, .default_value = "0"},
  {.name = "inviter_id", .cls = kInt},
  {.name = "deleted_at", .cls = kTime},
  {.name = "linux_do_id", .cls = kString},
  {.name = "setting", .cls = kText},
  {.name = "remark", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "stripe_customer", .cls = kLiteral, .literal = "varchar(64)"},
};
constexpr Index kUsersIndexes[] = {
  {.name = "idx_users_username", .columns = "username"},
  {.name = "idx_users_display_name", .columns = "display_name"},
  {.name = "idx_users_email", .columns = "email"},
  {.name = "idx_users_git_hub_id", .columns = "github_id"},
  {.name = "idx_users_discord_id", .columns = "discord_id"},
  {.name = "idx_users_oidc_id", .columns = "oidc_id"},
  {.name = "idx_users_we_chat_id", .columns = "wechat_id"},
  {.name = "idx_users_telegram_id", .columns = "telegram_id"},
  {.name = "idx_users_access_token", .columns = "access_token", .unique = true},
  {.name = "idx_users_aff_code", .columns = "aff_code", .unique = true},
  {.name = "idx_users_inviter_id", .columns = "inviter_id"},
  {.name = "idx_users_deleted_at", .columns = "deleted_at"},
  {.name = "idx_users_linux_do_id", .columns = "linux_do_id"},
  {.name = "idx_users_stripe_customer", .columns = "stripe_customer"},
};
constexpr Column kPasskeyCredentialsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt, .not_null = true},
  {.name = "credential_id", .cls = kLiteral, .literal = "varchar(512)", .not_null = true},
  {.name = "public_key", .cls = kText, .not_null = true},
  {.name = "attestation_type", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "aa_guid", .cls = kLiteral, .literal = "varchar(512)"},
  {.name = "sign_count", .cls = kUnsigned32, .default_value = "0"},
  {.name = "clone_warning", .cls = kBool},
  {.name = "user_present", .cls = kBool},
  {.name = "user_verified", .cls = kBool},
  {.name = "backup_eligible", .cls = kBool},
  {.name = "backup_state", .cls = kBool},
  {.name = "transports", .cls = kText},
  {.name = "attachment", .cls = kLiteral, .literal = "varchar(32)"},
  {.name = "last_used_at", .cls = kTime},
  {.name = "created_at", .cls = kTime},
  {.name = "updated_at", .cls = kTime},
  {.name = "deleted_at", .cls = kTime},
};
constexpr Index kPasskeyCredentialsIndexes[] = {
  {.name = "idx_passkey_credentials_user_id", .columns = "user_id", .unique = true},
  {.name = "idx_passkey_credentials_credential_id", .columns = "credential_id", .unique = true},
  {.name = "idx_passkey_credentials_deleted_at", .columns = "deleted_at"},
};
constexpr Column kOptionsColumns[] = {
  {.name = "key", .cls = kString},
  {.name = "value", .cls = kLong},
};
constexpr Column kRedemptionsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt},
  {.name = "key", .cls = kLiteral, .literal = "char(32)"},
  {.name = "status", .cls = kInt, .default_value = "1"},
  {.name = "name", .cls = kString},
  {.name = "quota", .cls = kInt, .default_value = "100"},
  {.name = "created_time", .cls = kInt},
  {.name = "redeemed_time", .cls = kInt},
  {.name = "used_user_id", .cls = kInt},
  {.name = "deleted_at", .cls = kTime},
  {.name = "expired_time", .cls = kInt},
};
constexpr Index kRedemptionsIndexes[] = {
  {.name = "idx_redemptions_key", .columns = "key", .unique = true},
  {.name = "idx_redemptions_name", .columns = "name"},
  {.name = "idx_redemptions_deleted_at", .columns = "deleted_at"},
};
constexpr Column kAbilitiesColumns[] = {
  {.name = "group", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "model", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "channel_id", .cls = kInt},
  {.name = "enabled", .cls = kBool},
  {.name = "priority", .cls = kInt, .default_value = "0"},
  {.name = "weight", .cls = kUnsigned, .default_value = "0"},
  {.name = "tag", .cls = kString},
};
constexpr Index kAbilitiesIndexes[] = {
  {.name = "idx_abilities_channel_id", .columns = "channel_id"},
  {.name = "idx_abilities_priority", .columns = "priority"},
  {.name = "idx_abilities_weight", .columns = "weight"},
  {.name = "idx_abilities_tag", .columns = "tag"},
};
constexpr Column kLogsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt},
  {.name = "created_at", .cls = kInt},
  {.name = "type", .cls = kInt},
  {.name = "content", .cls = kLong},
  {.name = "username", .cls = kString, .default_value = "", .text_default = true},
  {.name = "token_name", .cls = kString, .default_value = "", .text_default = true},
  {.name = "model_name", .cls = kString, .default_value = "", .text_default = true},
  {.name = "quota", .cls = kInt, .default_value = "0"},
  {.name = "prompt_tokens", .cls = kInt, .default_value = "0"},
  {.name = "completion_tokens", .cls = kInt, .default_value = "0"},
  {.name = "use_time", .cls = kInt, .default_value = "0"},
  {.name = "is_stream", .cls = kBool},
  {.name = "channel_id", .cls = kInt},
  {.name = "channel_name", .cls = kLong},
  {.name = "token_id", .cls = kInt, .default_value = "0"},
  {.name = "group", .cls = kString},
  {.name = "ip", .cls = kString, .default_value = "", .text_default = true},
  {.name = "request_id", .cls = kLiteral, .literal = "varchar(64)", .default_value = "", .text_default = true},
  {.name = "other", .cls = kLong},
};
constexpr Index kLogsIndexes[] = {
  {.name = "idx_created_at_id", .columns = "id,created_at"},
  {.name = "idx_user_id_id", .columns = "user_id,id"},
  {.name = "idx_logs_user_id", .columns = "user_id"},
  {.name = "idx_created_at_type", .columns = "created_at,type"},
  {.name = "idx_logs_username", .columns = "username"},
  {.name = "index_username_model_name", .columns = "model_name,username"},
  {.name = "idx_logs_token_name", .columns = "token_name"},
  {.name = "idx_logs_model_name", .columns = "model_name"},
  {.name = "idx_logs_channel_id", .columns = "channel_id"},
  {.name = "idx_logs_token_id", .columns = "token_id"},
  {.name = "idx_logs_group", .columns = "group"},
  {.name = "idx_logs_ip", .columns = "ip"},
  {.name = "idx_logs_request_id", .columns = "request_id"},
};
constexpr Column kMidjourneysColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "code", .cls = kInt},
  {.name = "user_id", .cls = kInt},
  {.name = "action", .cls = kLiteral, .literal = "varchar(40)"},
  {.name = "mj_id", .cls = kString},
  {.name = "prompt", .cls = kLong},
  {.name = "prompt_en", .cls = kLong},
  {.name = "description", .cls = kLong},
  {.name = "state", .cls = kLong},
  {.name = "submit_time", .cls = kInt},
  {.name = "start_time", .cls = kInt},
  {.name = "finish_time", .cls = kInt},
  {.name = "image_url", .cls = kLong},
  {.name = "video_url", .cls = kLong},
  {.name = "video_urls", .cls = kLong},
  {.name = "status", .cls = kLiteral, .literal = "varchar(20)"},
  {.name = "progress", .cls = kLiteral, .literal = "varchar(30)"},
  {.name = "fail_reason", .cls = kLong},
  {.name = "channel_id", .cls = kInt},
  {.name = "quota", .cls = kInt},
  {.name = "buttons", .cls = kLong},
  {.name = "properties", .cls = kLong},
};
constexpr Index kMidjourneysIndexes[] = {
  {.name = "idx_midjourneys_user_id", .columns = "user_id"},
  {.name = "idx_midjourneys_action", .columns = "action"},
  {.name = "idx_midjourneys_mj_id", .columns = "mj_id"},
  {.name = "idx_midjourneys_submit_time", .columns = "submit_time"},
  {.name = "idx_midjourneys_start_time", .columns = "start_time"},
  {.name = "idx_midjourneys_finish_time", .columns = "finish_time"},
  {.name = "idx_midjourneys_status", .columns = "status"},
  {.name = "idx_midjourneys_progress", .columns = "progress"},
};
constexpr Column kTopUpsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt},
  {.name = "amount", .cls = kInt},
  {.name = "money", .cls = kReal},
  {.name = "trade_no", .cls = kLiteral, .literal = "varchar(255)", .unique = true},
  {.name = "payment_method", .cls = kLiteral, .literal = "varchar(50)"},
  {.name = "create_time", .cls = kInt},
  {.name = "complete_time", .cls = kInt},
  {.name = "status", .cls = kLong},
};
constexpr Index kTopUpsIndexes[] = {
  {.name = "idx_top_ups_user_id", .columns = "user_id"},
  {.name = "idx_top_ups_trade_no", .columns = "trade_no"},
};
constexpr Column kQuotaDataColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt},
  {.name = "username", .cls = kString, .literal = "varchar(64)", .default_value = "", .text_default = true},
  {.name = "model_name", .cls = kString, .literal = "varchar(64)", .default_value = "", .text_default = true},
  {.name = "created_at", .cls = kInt},
  {.name = "token_used", .cls = kInt, .default_value = "0"},
  {.name = "count", .cls = kInt, .default_value = "0"},
  {.name = "quota", .cls = kInt, .default_value = "0"},
};
constexpr Index kQuotaDataIndexes[] = {
  {.name = "idx_quota_data_user_id", .columns = "user_id"},
  {.name = "idx_qdt_model_user_name", .columns = "model_name,username"},
  {.name = "idx_qdt_created_at", .columns = "created_at"},
};
constexpr Column kTasksColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "created_at", .cls = kInt},
  {.name = "updated_at", .cls = kInt},
  {.name = "task_id", .cls = kLiteral, .literal = "varchar(191)"},
  {.name = "platform", .cls = kLiteral, .literal = "varchar(30)"},
  {.name = "user_id", .cls = kInt},
  {.name = "group", .cls = kLiteral, .literal = "varchar(50)"},
  {.name = "channel_id", .cls = kInt},
  {.name = "quota", .cls = kInt},
  {.name = "action", .cls = kLiteral, .literal = "varchar(40)"},
  {.name = "status", .cls = kLiteral, .literal = "varchar(20)"},
  {.name = "fail_reason", .cls = kLong},
  {.name = "submit_time", .cls = kInt},
  {.name = "start_time", .cls = kInt},
  {.name = "finish_time", .cls = kInt},
  {.name = "progress", .cls = kLiteral, .literal = "varchar(20)"},
  {.name = "properties", .cls = kJson},
  {.name = "private_data", .cls = kJson},
  {.name = "data", .cls = kJson},
};
constexpr Index kTasksIndexes[] = {
  {.name = "idx_tasks_created_at", .columns = "created_at"},
  {.name = "idx_tasks_task_id", .columns = "task_id"},
  {.name = "idx_tasks_platform", .columns = "platform"},
  {.name = "idx_tasks_user_id", .columns = "user_id"},
  {.name = "idx_tasks_channel_id", .columns = "channel_id"},
  {.name = "idx_tasks_action", .columns = "action"},
  {.name = "idx_tasks_status", .columns = "status"},
  {.name = "idx_tasks_submit_time", .columns = "submit_time"},
  {.name = "idx_tasks_start_time", .columns = "start_time"},
  {.name = "idx_tasks_finish_time", .columns = "finish_time"},
  {.name = "idx_tasks_progress", .columns = "progress"},
};
constexpr Column kModelsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "model_name", .cls = kString, .literal = "varchar(128)", .not_null = true},
  {.name = "description", .cls = kText},
  {.name = "icon", .cls = kLiteral, .literal = "varchar(128)"},
  {.name = "tags", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "vendor_id", .cls = kInt},
  {.name = "endpoints", .cls = kText},
  {.name = "status", .cls = kInt, .default_value = "1"},
  {.name = "sync_official", .cls = kInt, .default_value = "1"},
  {.name = "created_time", .cls = kInt},
  {.name = "updated_time", .cls = kInt},
  {.name = "deleted_at", .cls = kTime},
  {.name = "name_rule", .cls = kInt, .default_value = "0"},
};
constexpr Index kModelsIndexes[] = {
  {.name = "uk_model_name_delete_at", .columns = "model_name,deleted_at", .unique = true},
  {.name = "idx_models_vendor_id", .columns = "vendor_id"},
  {.name = "idx_models_deleted_at", .columns = "deleted_at"},
};
constexpr Column kVendorsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "name", .cls = kString, .literal = "varchar(128)", .not_null = true},
  {.name = "description", .cls = kText},
  {.name = "icon", .cls = kLiteral, .literal = "varchar(128)"},
  {.name = "status", .cls = kInt, .default_value = "1"},
  {.name = "created_time", .cls = kInt},
  {.name = "updated_time", .cls = kInt},
  {.name = "deleted_at", .cls = kTime},
};
constexpr Index kVendorsIndexes[] = {
  {.name = "uk_vendor_name_delete_at", .columns = "name,deleted_at", .unique = true},
  {.name = "idx_vendors_deleted_at", .columns = "deleted_at"},
};
constexpr Column kPrefillGroupsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "name", .cls = kString, .literal = "varchar(64)", .not_null = true},
  {.name = "type", .cls = kString, .literal = "varchar(32)", .not_null = true},
  {.name = "items", .cls = kJson},
  {.name = "description", .cls = kLiteral, .literal = "varchar(255)"},
  {.name = "created_time", .cls = kInt},
  {.name = "updated_time", .cls = kInt},
  {.name = "deleted_at", .cls = kTime},
};
constexpr Index kPrefillGroupsIndexes[] = {
  {.name = "uk_prefill_name", .columns = "name", .unique = true, .where = "deleted_at IS NULL"},
  {.name = "idx_prefill_groups_type", .columns = "type"},
  {.name = "idx_prefill_groups_deleted_at", .columns = "deleted_at"},
};
constexpr Column kSetupsColumns[] = {
  {.name = "id", .cls = kPkUnsigned},
  {.name = "version", .cls = kLiteral, .literal = "varchar(50)", .not_null = true},
  {.name = "initialized_at", .cls = kBig, .not_null = true},
};
constexpr Column kTwoFasColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt, .not_null = true, .unique = true},
  {.name = "secret", .cls = kLiteral, .literal = "varchar(255)", .not_null = true},
  {.name = "is_enabled", .cls = kBool},
  {.name = "failed_attempts", .cls = kInt, .default_value = "0"},
  {.name = "locked_until", .cls = kTime},
  {.name = "last_used_at", .cls = kTime},
  {.name = "created_at", .cls = kTime},
  {.name = "updated_at", .cls = kTime},
  {.name = "deleted_at", .cls = kTime},
};
constexpr Index kTwoFasIndexes[] = {
  {.name = "idx_two_fas_user_id", .columns = "user_id"},
  {.name = "idx_two_fas_deleted_at", .columns = "deleted_at"},
};
constexpr Column kTwoFaBackupCodesColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt, .not_null = true},
  {.name = "code_hash", .cls = kLiteral, .literal = "varchar(255)", .not_null = true},
  {.name = "is_used", .cls = kBool},
  {.name = "used_at", .cls = kTime},
  {.name = "created_at", .cls = kTime},
  {.name = "deleted_at", .cls = kTime},
};
constexpr Index kTwoFaBackupCodesIndexes[] = {
  {.name = "idx_two_fa_backup_codes_user_id", .columns = "user_id"},
  {.name = "idx_two_fa_backup_codes_deleted_at", .columns = "deleted_at"},
};
constexpr Column kCheckinsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt, .not_null = true},
  {.name = "checkin_date", .cls = kLiteral, .literal = "varchar(10)", .not_null = true},
  {.name = "quota_awarded", .cls = kInt, .not_null = true},
  {.name = "created_at", .cls = kInt},
};
constexpr Index kCheckinsIndexes[] = {
  {.name = "idx_user_checkin_date", .columns = "user_id,checkin_date", .unique = true},
};
constexpr Column kSubscriptionOrdersColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt},
  {.name = "plan_id", .cls = kInt},
  {.name = "money", .cls = kReal},
  {.name = "trade_no", .cls = kLiteral, .literal = "varchar(255)", .unique = true},
  {.name = "payment_method", .cls = kLiteral, .literal = "varchar(50)"},
  {.name = "status", .cls = kLong},
  {.name = "create_time", .cls = kInt},
  {.name = "complete_time", .cls = kInt},
  {.name = "provider_payload", .cls = kText},
};
constexpr Index kSubscriptionOrdersIndexes[] = {
  {.name = "idx_subscription_orders_user_id", .columns = "user_id"},
  {.name = "idx_subscription_orders_plan_id", .columns = "plan_id"},
  {.name = "idx_subscription_orders_trade_no", .columns = "trade_no"},
};
constexpr Column kUserSubscriptionsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt},
  {.name = "plan_id", .cls = kInt},
  {.name = "amount_total", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "amount_used", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "start_time", .cls = kInt},
  {.name = "end_time", .cls = kInt},
  {.name = "status", .cls = kLiteral, .literal = "varchar(32)"},
  {.name = "source", .cls = kLiteral, .literal = "varchar(32)", .default_value = "order", .text_default = true},
  {.name = "last_reset_time", .cls = kBig, .default_value = "0"},
  {.name = "next_reset_time", .cls = kBig, .default_value = "0"},
  {.name = "upgrade_group", .cls = kLiteral, .literal = "varchar(64)", .default_value = "", .text_default = true},
  {.name = "prev_user_group", .cls = kLiteral, .literal = "varchar(64)", .default_value = "", .text_default = true},
  {.name = "created_at", .cls = kInt},
  {.name = "updated_at", .cls = kInt},
};
constexpr Index kUserSubscriptionsIndexes[] = {
  {.name = "idx_user_subscriptions_user_id", .columns = "user_id"},
  {.name = "idx_user_sub_active", .columns = "user_id,status,end_time"},
  {.name = "idx_user_subscriptions_plan_id", .columns = "plan_id"},
  {.name = "idx_user_subscriptions_end_time", .columns = "end_time"},
  {.name = "idx_user_subscriptions_status", .columns = "status"},
  {.name = "idx_user_subscriptions_next_reset_time", .columns = "next_reset_time"},
};
constexpr Column kSubscriptionPreConsumeRecordsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "request_id", .cls = kLiteral, .literal = "varchar(64)"},
  {.name = "user_id", .cls = kInt},
  {.name = "user_subscription_id", .cls = kInt},
  {.name = "pre_consumed", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "status", .cls = kLiteral, .literal = "varchar(32)"},
  {.name = "created_at", .cls = kInt},
  {.name = "updated_at", .cls = kInt},
};
constexpr Index kSubscriptionPreConsumeRecordsIndexes[] = {
  {.name = "idx_subscription_pre_consume_records_request_id", .columns = "request_id", .unique = true},
  {.name = "idx_subscription_pre_consume_records_user_id", .columns = "user_id"},
  {.name = "idx_subscription_pre_consume_records_user_subscription_id", .columns = "user_subscription_id"},
  {.name = "idx_subscription_pre_consume_records_status", .columns = "status"},
  {.name = "idx_subscription_pre_consume_records_updated_at", .columns = "updated_at"},
};
constexpr Column kCustomOauthProvidersColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "name", .cls = kLiteral, .literal = "varchar(64)", .not_null = true},
  {.name = "slug", .cls = kLiteral, .literal = "varchar(64)", .not_null = true},
  {.name = "enabled", .cls = kBool, .default_value = "false"},
  {.name = "client_id", .cls = kLiteral, .literal = "varchar(256)"},
  {.name = "client_secret", .cls = kLiteral, .literal = "varchar(512)"},
  {.name = "authorization_endpoint", .cls = kLiteral, .literal = "varchar(512)"},
  {.name = "token_endpoint", .cls = kLiteral, .literal = "varchar(512)"},
  {.name = "user_info_endpoint", .cls = kLiteral, .literal = "varchar(512)"},
  {.name = "scopes", .cls = kLiteral, .literal = "varchar(256)", .default_value = "openid profile email", .text_default = true},
  {.name = "user_id_field", .cls = kLiteral, .literal = "varchar(128)", .default_value = "sub", .text_default = true},
  {.name = "username_field", .cls = kLiteral, .literal = "varchar(128)", .default_value = "preferred_username", .text_default = true},
  {.name = "display_name_field", .cls = kLiteral, .literal = "varchar(128)", .default_value = "name", .text_default = true},
  {.name = "email_field", .cls = kLiteral, .literal = "varchar(128)", .default_value = "email", .text_default = true},
  {.name = "well_known", .cls = kLiteral, .literal = "varchar(512)"},
  {.name = "auth_style", .cls = kInt, .default_value = "0"},
  {.name = "created_at", .cls = kTime},
  {.name = "updated_at", .cls = kTime},
};
constexpr Index kCustomOauthProvidersIndexes[] = {
  {.name = "idx_custom_oauth_providers_slug", .columns = "slug", .unique = true},
};
constexpr Column kUserOauthBindingsColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "user_id", .cls = kInt, .not_null = true},
  {.name = "provider_id", .cls = kInt, .not_null = true},
  {.name = "provider_user_id", .cls = kLiteral, .literal = "varchar(256)", .not_null = true},
  {.name = "created_at", .cls = kTime},
};
constexpr Index kUserOauthBindingsIndexes[] = {
  {.name = "ux_user_provider", .columns = "user_id,provider_id", .unique = true},
  {.name = "ux_provider_userid", .columns = "provider_id,provider_user_id", .unique = true},
};
constexpr Column kSubscriptionPlansColumns[] = {
  {.name = "id", .cls = kPk},
  {.name = "title", .cls = kLiteral, .literal = "varchar(128)", .not_null = true},
  {.name = "subtitle", .cls = kLiteral, .literal = "varchar(255)", .default_value = "", .text_default = true},
  {.name = "price_amount", .cls = kLiteral, .literal = "decimal(10,6)", .default_value = "0", .not_null = true},
  {.name = "currency", .cls = kLiteral, .literal = "varchar(8)", .default_value = "USD", .text_default = true, .not_null = true},
  {.name = "duration_unit", .cls = kLiteral, .literal = "varchar(16)", .default_value = "month", .text_default = true, .not_null = true},
  {.name = "duration_value", .cls = kInt, .default_value = "1", .not_null = true},
  {.name = "custom_seconds", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "enabled", .cls = kBool, .default_value = "true"},
  {.name = "sort_order", .cls = kInt, .default_value = "0"},
  {.name = "stripe_price_id", .cls = kLiteral, .literal = "varchar(128)", .default_value = "", .text_default = true},
  {.name = "creem_product_id", .cls = kLiteral, .literal = "varchar(128)", .default_value = "", .text_default = true},
  {.name = "max_purchase_per_user", .cls = kInt, .default_value = "0"},
  {.name = "upgrade_group", .cls = kLiteral, .literal = "varchar(64)", .default_value = "", .text_default = true},
  {.name = "total_amount", .cls = kBig, .default_value = "0", .not_null = true},
  {.name = "quota_reset_period", .cls = kLiteral, .literal = "varchar(16)", .default_value = "never", .text_default = true},
  {.name = "quota_reset_custom_seconds", .cls = kBig, .default_value = "0"},
  {.name = "created_at", .cls = kBig},
  {.name = "updated_at", .cls = kBig},
};
constexpr Table kTables[] = {
  {.name = "channels", .columns = kChannelsColumns, .indexes = kChannelsIndexes, .primary_key = ""},
  {.name = "tokens", .columns = kTokensColumns, .indexes = kTokensIndexes, .primary_key = ""},
  {.name = "users", .columns = kUsersColumns, .indexes = kUsersIndexes, .primary_key = ""},
  {.name = "passkey_credentials", .columns = kPasskeyCredentialsColumns, .indexes = kPasskeyCredentialsIndexes, .primary_key = ""},
  {.name = "options", .columns = kOptionsColumns, .indexes = {}, .primary_key = "key"},
  {.name = "redemptions", .columns = kRedemptionsColumns, .indexes = kRedemptionsIndexes, .primary_key = ""},
  {.name = "abilities", .columns = kAbilitiesColumns, .indexes = kAbilitiesIndexes, .primary_key = "group,model,channel_id"},
  {.name = "logs", .columns = kLogsColumns, .indexes = kLogsIndexes, .primary_key = ""},
  {.name = "midjourneys", .columns = kMidjourneysColumns, .indexes = kMidjourneysIndexes, .primary_key = ""},
  {.name = "top_ups", .columns = kTopUpsColumns, .indexes = kTopUpsIndexes, .primary_key = ""},
  {.name = "quota_data", .columns = kQuotaDataColumns, .indexes = kQuotaDataIndexes, .primary_key = ""},
  {.name = "tasks", .columns = kTasksColumns, .indexes = kTasksIndexes, .primary_key = ""},
  {.name = "models", .columns = kModelsColumns, .indexes = kModelsIndexes, .primary_key = ""},
  {.name = "vendors", .columns = kVendorsColumns, .indexes = kVendorsIndexes, .primary_key = ""},
  {.name = "prefill_groups", .columns = kPrefillGroupsColumns, .indexes = kPrefillGroupsIndexes, .primary_key = ""},
  {.name = "setups", .columns = kSetupsColumns, .indexes = {}, .primary_key = ""},
  {.name = "two_fas", .columns = kTwoFasColumns, .indexes = kTwoFasIndexes, .primary_key = ""},
  {.name = "two_fa_backup_codes", .columns = kTwoFaBackupCodesColumns, .indexes = kTwoFaBackupCodesIndexes, .primary_key = ""},
  {.name = "checkins", .columns = kCheckinsColumns, .indexes = kCheckinsIndexes, .primary_key = ""},
  {.name = "subscription_orders", .columns = kSubscriptionOrdersColumns, .indexes = kSubscriptionOrdersIndexes, .primary_key = ""},
  {.name = "user_subscriptions", .columns = kUserSubscriptionsColumns, .indexes = kUserSubscriptionsIndexes, .primary_key = ""},
  {.name = "subscription_pre_consume_records", .columns = kSubscriptionPreConsumeRecordsColumns, .indexes = kSubscriptionPreConsumeRecordsIndexes, .primary_key = ""},
  {.name = "custom_oauth_providers", .columns = kCustomOauthProvidersColumns, .indexes = kCustomOauthProvidersIndexes, .primary_key = ""},
  {.name = "user_oauth_bindings", .columns = kUserOauthBindingsColumns, .indexes = kUserOauthBindingsIndexes, .primary_key = ""},
  {.name = "subscription_plans", .columns = kSubscriptionPlansColumns, .indexes = {}, .primary_key = ""},
};
// clang-format on

}  // namespace

std::span<const Table> tables() {
  static const auto all = [] {
    std::vector<Table> both(std::begin(kTables), std::end(kTables));
    both.insert(both.end(), own_tables().begin(), own_tables().end());
    return both;
  }();
  return all;
}

}  // namespace tollgate::model
