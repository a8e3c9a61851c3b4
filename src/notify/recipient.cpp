#include "notify/recipient.h"

#include <boost/json.hpp>

namespace tollgate::notify {

bool Recipient::reachable() const {
  switch (way) {
    case Way::kEmail: return !email.empty();
    case Way::kWebhook: return !webhook_url.empty();
    case Way::kBark: return !bark_url.empty();
    case Way::kGotify: return !gotify_url.empty() && !gotify_token.empty();
  }
  return false;
}

Recipient recipient_of(const model::User& user) {
  Recipient out;
  out.id = user.id;
  boost::system::error_code ec;
  auto parsed = boost::json::parse(user.setting.empty() ? "{}" : user.setting, ec);
  const auto setting = !ec && parsed.is_object() ? parsed.get_object() : boost::json::object();
  auto text = [&](const char* name) {
    const auto* value = setting.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  auto number = [&](const char* name) {
    const auto* value = setting.if_contains(name);
    return value && value->is_number() ? value->to_number<double>() : 0.0;
  };
  const auto way = text("notify_type");
  if (way == "webhook") out.way = Way::kWebhook;
  if (way == "bark") out.way = Way::kBark;
  if (way == "gotify") out.way = Way::kGotify;
  out.email = text("notification_email");
  if (out.email.empty()) out.email = user.email;
  out.webhook_url = text("webhook_url");
  out.webhook_secret = text("webhook_secret");
  out.bark_url = text("bark_url");
  out.gotify_url = text("gotify_url");
  out.gotify_token = text("gotify_token");
  const auto priority = number("gotify_priority");
  out.gotify_priority = priority >= 0 && priority <= 10 ? static_cast<std::int64_t>(priority) : 5;
  out.warning_threshold = number("quota_warning_threshold");
  return out;
}

}  // namespace tollgate::notify
