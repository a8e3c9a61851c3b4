#include "doctor/visitor.h"

#include <fmt/core.h>

#include <boost/json.hpp>
#include <chrono>

#include "api/session_cookie.h"
#include "model/user.h"

namespace tollgate::doctor {

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool succeeded(const HttpAnswer& answer) {
  boost::system::error_code failed;
  auto value = boost::json::parse(answer.body, failed);
  if (failed || !value.is_object()) return false;
  const auto* success = value.get_object().if_contains("success");
  return answer.status == 200 && success && success->is_bool() && success->get_bool();
}

std::optional<Visitor> visitor(Patient& patient) {
  if (!patient.setting.main || patient.setting.session_secrets.empty()) return std::nullopt;
  auto lease = patient.setting.main->lease();
  if (!lease) return std::nullopt;
  auto root = model::find_root(**lease);
  if (!root || !*root) return std::nullopt;
  const auto& user = **root;
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  api::SessionValues values;
  values.set("id", api::GoInt{user.id.value});
  values.set("username", user.username);
  values.set("role", api::GoInt{user.role});
  values.set("status", api::GoInt{user.status});
  values.set("group", user.group);
  auto cookie = api::encode_session(values, patient.setting.session_secrets.front(), now);
  if (!cookie) return std::nullopt;
  return Visitor{{"Cookie: session=" + *cookie, fmt::format("New-Api-User: {}", user.id.value)}};
}

}  // namespace tollgate::doctor
