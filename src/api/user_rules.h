// What may stand in a user's row, for everybody who writes one.
#pragma once
#include <string>
#include <string_view>

#include "api/context.h"
#include "model/user.h"

namespace tollgate::api {

struct UserInput {
  std::string username, password, display_name, remark;
};

// Empty when the lengths (in characters) are right, else the validator's text. An empty password is not checked.
std::string check_user_input(const UserInput& input);

// The side bar that a new account of this role starts with, as the JSON text of users.setting.
std::string initial_setting(int role);

// The balance to show for a row's column.
core::Quota shown_balance(const Context& context, const model::User& user);

// Puts one text member into a setting's JSON and keeps all others. Unreadable settings are replaced.
std::string with_setting(const std::string& setting, std::string_view name, std::string_view value);
std::string setting_text(const std::string& setting, std::string_view name);

}  // namespace tollgate::api
