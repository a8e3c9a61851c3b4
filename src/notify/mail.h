// Mails: where they go by the options SMTP…, and the text that is sent.
#pragma once
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/option_table.h"
#include "core/result.h"
#include "notify/transport.h"

namespace tollgate::notify {

// An HTML mail to the receivers (separated by ';'). kInvalid with the text that administrators know when the options or
// an address do not do. `unique`: 12 characters for the Message-ID.
core::Result<Mail> compose_mail(const core::Options& options, std::string_view receivers, std::string_view subject,
                                std::string_view html, core::SystemTime now, std::string_view unique);

}  // namespace tollgate::notify
