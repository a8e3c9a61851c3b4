// What is told: a type, a title, and a text with places for values.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/option_table.h"
#include "core/types.h"
#include "notify/recipient.h"

namespace tollgate::notify {

struct Message {
  std::string type;  // quota_exceed, channel_update_<id>_<status>, channel_test
  std::string title;
  std::string content;              // with {{value}} for each of `values`
  std::vector<std::string> values;  // in their order
  bool is_html = false;             // else names and reasons of others stand in it: no markup for a mail

  std::string filled() const;
  std::string html() const;
};

// The warning about a balance, in the words of the recipient's way. `left` is the balance that is shown.
Message low_balance(const Recipient& to, const core::Options& options, core::Quota left);

// For the administrator. Status 3: the channel, or a key of it, went off; 1: it came back.
Message channel_status(core::ChannelId id, std::string_view name, int status, std::string_view reason);
Message tests_done();

// An amount by the display type of the options, without the word for quota.
std::string amount_text(const core::Options& options, core::Quota quota);

}  // namespace tollgate::notify
