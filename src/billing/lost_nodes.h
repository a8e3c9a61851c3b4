// The slices of nodes that will not come back: how long they wait for their journal, and giving them back.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "billing/slices.h"
#include "sql/connection.h"
#include "sql/fence.h"

namespace tollgate::billing {

// What was added to the rows of accounts.
using Moves = std::vector<std::pair<AccountId, core::Quota>>;

// Everything that `node` holds goes back to the balances, in transactions of some hundred accounts. A journal that
// comes later finds no slice and charges the balances. An error leaves what was not done for the next time.
sql::Result<Moves> give_back_slices(sql::Connection& db, std::string_view node, const sql::Fence& fence = {});

// Nodes with slices, other than `self`, from which nothing was heard for their hold: for as long as the node said
// itself
// (`lost_hold_ms` of its registry row's info), else `hold`. By the database's clock.
sql::Result<std::vector<std::string>> nodes_past_hold(sql::Connection& db, std::string_view self,
                                                      std::chrono::milliseconds hold);

// Whether files there outlive the machine's or the container's next start: not on tmpfs, nor in a container's own
// layer.
bool directory_lasts(const std::string& directory);

}  // namespace tollgate::billing
