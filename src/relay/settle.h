// The end of a request made into its charge: which rule applies, what it costs, the journal record and its log row.
#pragma once
#include "billing/charge.h"
#include "billing/record.h"
#include "billing/usage.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// What the rule of an ending bills; docs/billing.md is the table.
struct Billed {
  billing::Usage usage;
  std::string_view settled_by;  // upstream, counted, prompt, nothing
};
// `prompt_estimate` is only looked at where the upstream gave no figure; pass it when needs_estimate() says so.
bool needs_estimate(const EndOfRequest& end);
Billed rule_of(const EndOfRequest& end, std::int64_t prompt_estimate);

// What the journal is to hold of a request that ended so. `charged_for` is set to the usage that is charged.
billing::SettleRecord make_record(const Request& request, const EndOfRequest& end, std::int64_t prompt_estimate,
                                  billing::Usage* charged_for = nullptr);

// The member `other` of a consume row.
std::string other_json(const Request& request, const EndOfRequest& end, const Billed& billed,
                       const billing::Charge& charge);
// The columns of a log row that all rows about a request have.
model::LogRow log_row_of(const Request& request, model::LogType type);
// Charges the record in place of what the request had reserved, and waits until it is in the journal.
net::awaitable<void> charge(Request& request, billing::SettleRecord record);
// Charges the request and waits until the record is in the journal: only then may the end of the answer leave.
net::awaitable<void> settle(Request& request, const EndOfRequest& end);

// A log row about a failed attempt, when the process writes such rows.
void log_failure(Request& request, const dialect::RelayError& error);

}  // namespace tollgate::relay
