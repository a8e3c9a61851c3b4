// The price and group tables that apply until an administrator stores the option of the same name.
#pragma once
#include <string_view>

namespace tollgate::core {

// The JSON text of a table by its option key (ModelRatio, ModelPrice, CompletionRatio, CacheRatio, CreateCacheRatio,
// ImageRatio, AudioRatio, AudioCompletionRatio, GroupRatio, GroupGroupRatio, TopupGroupRatio, UserUsableGroups,
// AutoGroups, group_ratio_setting.group_special_usable_group); empty for any other key. Lives as long as the process.
std::string_view default_price_table(std::string_view option_key);

}  // namespace tollgate::core
