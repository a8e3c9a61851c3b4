// How one user wants to be told of things: the notification members of users.setting.
#pragma once
#include <string>

#include "model/user.h"

namespace tollgate::notify {

enum class Way { kEmail, kWebhook, kBark, kGotify };

struct Recipient {
  core::UserId id;
  Way way = Way::kEmail;  // also for texts that are none of the four
  std::string email;      // of the setting, else of the account
  std::string webhook_url, webhook_secret;
  std::string bark_url;
  std::string gotify_url, gotify_token;
  std::int64_t gotify_priority = 0;
  double warning_threshold = 0;  // units; 0: the option QuotaRemindThreshold

  bool reachable() const;  // an address is there for the way
};

// Settings that cannot be read are those of a new account.
Recipient recipient_of(const model::User& user);

}  // namespace tollgate::notify
