// Groups exist in options only: their ratios, and which of them a user group may use.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "core/option_table.h"

namespace tollgate::api {

// Name → description of the groups that this user group may use. An empty user group gets the base list.
std::map<std::string, std::string> usable_groups(const core::Options& options, std::string_view user_group);

}  // namespace tollgate::api
