#include "provider/caller.h"

namespace tollgate::provider {

core::Result<void> bearer(const CallerInput& input, CallerHeaders& headers) {
  headers.add("Authorization", "Bearer " + std::string(input.key));
  return {};
}

core::Result<void> azure_key(const CallerInput& input, CallerHeaders& headers) {
  headers.add("api-key", std::string(input.key));
  return {};
}

core::Result<void> baidu_key(const CallerInput& input, CallerHeaders& headers) {
  auto bar = input.key.find('|');
  auto token = input.key.substr(0, bar);
  if (token.empty()) return core::error(core::Errc::kInvalid, "invalid API key: authorization token is required");
  headers.add("Authorization", "Bearer " + std::string(token));
  auto application = bar == std::string_view::npos ? std::string_view() : input.key.substr(bar + 1);
  if (!application.empty()) headers.add("appid", std::string(application));
  return {};
}

core::Result<void> dashscope_key(const CallerInput& input, CallerHeaders& headers) {
  headers.add("Authorization", "Bearer " + std::string(input.key));
  if (input.stream) headers.add("X-DashScope-SSE", "enable");
  if (!input.other.empty()) headers.add("X-DashScope-Plugin", std::string(input.other));
  return {};
}

std::vector<OwnHeader> openrouter_site(const Site& site) {
  std::vector<OwnHeader> headers;
  if (!site.address.empty()) headers.push_back({"HTTP-Referer", std::string(site.address)});
  if (!site.name.empty()) headers.push_back({"X-Title", std::string(site.name)});
  return headers;
}

}  // namespace tollgate::provider
