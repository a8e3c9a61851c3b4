// The money of a submission: set aside before the upstream is called, charged once what it took on is stored.
#pragma once
#include <optional>

#include "billing/record.h"
#include "net/awaitable.h"
#include "relay/request.h"
#include "tasks/price.h"

namespace tollgate::tasks {

// What lacks; nullopt: `amount` is held by the request's reservation.
enum class Lack { kUser, kKey, kUnavailable };
net::awaitable<std::optional<Lack>> hold(relay::Request& request, core::Quota amount);

// The record of such a charge: its consume row says `content` and the price.
billing::SettleRecord charge_record(const relay::Request& request, const TaskPrice& price, std::string content);
// Charges the record in place of what the request holds; returns when it is in the journal. Before it
// billing::expect_charge() was told of the request's id.
net::awaitable<void> charge_refundable(relay::Request& request, billing::SettleRecord record);

}  // namespace tollgate::tasks
