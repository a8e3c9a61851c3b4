// How a user wants to be told of things, and two switches that live beside it.
#include <algorithm>
#include <array>

#include "api/database.h"
#include "api/handlers.h"
#include "core/fetch_rules.h"
#include "model/user.h"

namespace tollgate::api {
namespace {

struct Wanted {
  std::string type;
  double threshold = 0;
  std::string webhook_url, webhook_secret, email, bark_url, gotify_url, gotify_token;
  std::int64_t gotify_priority = 0;
  bool accept_unset_ratio = false;
  bool record_ip = false;
};

bool is_http(std::string_view url) { return url.starts_with("http://") || url.starts_with("https://"); }

// With a scheme, or an absolute path.
bool is_uri(std::string_view text) {
  for (char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return false;
  return text.starts_with('/') || text.find(':') != std::string_view::npos;
}

// The catalogue key of what is wrong, empty when nothing is.
std::string_view complaint(const Wanted& wanted) {
  if (wanted.type == "webhook") {
    if (wanted.webhook_url.empty()) return "setting.webhook_empty";
    if (!is_uri(wanted.webhook_url)) return "setting.webhook_invalid";
  } else if (wanted.type == "email") {
    if (!wanted.email.empty() && wanted.email.find('@') == std::string::npos) return "setting.email_invalid";
  } else if (wanted.type == "bark") {
    if (wanted.bark_url.empty()) return "setting.bark_url_empty";
    if (!is_uri(wanted.bark_url)) return "setting.bark_url_invalid";
    if (!is_http(wanted.bark_url)) return "setting.url_must_http";
  } else if (wanted.type == "gotify") {
    if (wanted.gotify_url.empty()) return "setting.gotify_url_empty";
    if (wanted.gotify_token.empty()) return "setting.gotify_token_empty";
    if (!is_uri(wanted.gotify_url)) return "setting.gotify_url_invalid";
    if (!is_http(wanted.gotify_url)) return "setting.url_must_http";
  }
  return {};
}

std::string_view target(const Wanted& wanted) {
  if (wanted.type == "webhook") return wanted.webhook_url;
  if (wanted.type == "bark") return wanted.bark_url;
  if (wanted.type == "gotify") return wanted.gotify_url;
  return {};
}

// Members that are not of notifications stay as they are; those of the other ways go.
std::string merged(const std::string& stored, const Wanted& wanted) {
  auto read = parse_json(stored.empty() ? "{}" : stored);
  json::object out = read && read->is_object() ? read->get_object() : json::object();
  for (const char* name :
       {"notify_type", "quota_warning_threshold", "webhook_url", "webhook_secret", "notification_email", "bark_url",
        "gotify_url", "gotify_token", "gotify_priority", "accept_unset_model_ratio_model", "record_ip_log"})
    out.erase(name);
  auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) out.insert_or_assign(name, json::string(value));
  };
  text("notify_type", wanted.type);
  out.insert_or_assign("quota_warning_threshold", wanted.threshold);
  if (wanted.accept_unset_ratio) out.insert_or_assign("accept_unset_model_ratio_model", true);
  if (wanted.record_ip) out.insert_or_assign("record_ip_log", true);
  std::int64_t priority = 0;
  if (wanted.type == "webhook") {
    text("webhook_url", wanted.webhook_url);
    text("webhook_secret", wanted.webhook_secret);
  } else if (wanted.type == "email") {
    text("notification_email", wanted.email);
  } else if (wanted.type == "bark") {
    text("bark_url", wanted.bark_url);
  } else {
    text("gotify_url", wanted.gotify_url);
    text("gotify_token", wanted.gotify_token);
    priority = wanted.gotify_priority < 0 || wanted.gotify_priority > 10 ? 5 : wanted.gotify_priority;
  }
  out.insert_or_assign("gotify_priority", priority);
  return json_text(out);
}

}  // namespace

Response update_user_setting(Context& c) {
  auto fields = Fields::parse(c.request.body);
  if (!fields) return fail_key(c, "common.invalid_params");
  Wanted wanted;
  fields->get("notify_type", wanted.type)
      .get("quota_warning_threshold", wanted.threshold)
      .get("webhook_url", wanted.webhook_url)
      .get("webhook_secret", wanted.webhook_secret)
      .get("notification_email", wanted.email)
      .get("bark_url", wanted.bark_url)
      .get("gotify_url", wanted.gotify_url)
      .get("gotify_token", wanted.gotify_token)
      .get("gotify_priority", wanted.gotify_priority)
      .get("accept_unset_model_ratio_model", wanted.accept_unset_ratio)
      .get("record_ip_log", wanted.record_ip);
  if (!fields->ok()) return fail_key(c, "common.invalid_params");
  constexpr std::array<std::string_view, 4> kTypes{"email", "webhook", "bark", "gotify"};
  if (std::ranges::find(kTypes, wanted.type) == kTypes.end()) return fail_key(c, "setting.invalid_type");
  if (!(wanted.threshold > 0)) return fail_key(c, "quota.threshold_gt_zero");
  if (auto key = complaint(wanted); !key.empty()) return fail_key(c, key);
  if (auto url = target(wanted); !url.empty())
    if (auto allowed = core::FetchRules(*c.options).check_url(url); !allowed) return fail(allowed.error().message);

  auto user = must(model::find_user(c.db, c.user.id));
  if (!user) return not_found();
  must(model::set_user_setting(c.db, user->id, merged(user->setting, wanted)));
  if (c.services.user_changed) c.services.user_changed(user->id);
  json::object body;
  body.emplace("success", true);
  body.emplace("message", json::string(message(c.language, "setting.saved")));
  body.emplace("data", nullptr);
  return json_response(200, body);
}

}  // namespace tollgate::api
