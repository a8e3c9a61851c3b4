// What a key was granted and has used, in the form of OpenAI's old billing routes: old clients show it as the account's
// balance.
#pragma once
#include <cstdint>
#include <string>

#include "core/option_table.h"
#include "core/types.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// /dashboard/billing/subscription and /dashboard/billing/usage, each with and without /v1 before it.
bool is_billing_info(std::string_view path);

// Behind the gate. A failure of SQL is answered as 200 with an error object, as clients of these routes know it.
net::awaitable<void> answer_billing_info(Request& request);

// Whose figures are shown: the key's, or with the option DisplayTokenStatEnabled off its owner's.
struct GrantedAndUsed {
  core::Quota remaining;
  core::Quota used;
  bool unlimited = false;
  std::int64_t access_until = 0;  // unix seconds; 0: for ever
};
std::string subscription_json(const core::Options& options, const GrantedAndUsed& figures);
std::string usage_json(const core::Options& options, const GrantedAndUsed& figures);

}  // namespace tollgate::relay
