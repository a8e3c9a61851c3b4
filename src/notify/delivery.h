// Messages in the forms of webhooks, Bark and Gotify.
#pragma once
#include <cstdint>

#include "core/option_table.h"
#include "notify/message.h"
#include "notify/recipient.h"
#include "notify/transport.h"

namespace tollgate::notify {

// POST of {"type","title","content","values","timestamp"}; with a secret X-Webhook-Signature, the hexadecimal
// HMAC-SHA256 of the body.
HttpCall webhook_call(const Recipient& to, const Message& message, std::int64_t unix_now);
// GET of the user's URL with {{title}} and {{content}} filled in.
HttpCall bark_call(const Recipient& to, const Message& message);
// POST <url>/message?token=…
HttpCall gotify_call(const Recipient& to, const Message& message);

// With the option WorkerUrl a service of the operator's makes the calls. kDenied: it takes https addresses only.
core::Result<HttpCall> through_worker(HttpCall call, const Recipient& to, const core::Options& options);

}  // namespace tollgate::notify
