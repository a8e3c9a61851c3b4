// The rows of accounts that a ledger transaction reads and writes: one statement a table, however many there are.
#pragma once
#include <map>
#include <string_view>
#include <vector>

#include "billing/slices.h"
#include "sql/connection.h"

namespace tollgate::billing {

struct AccountRows {
  bool row = false;          // the user or key exists
  std::int64_t balance = 0;  // its column
  bool slice = false;        // this node has a slice of it
  std::int64_t amount = 0;
  std::int64_t others = 0;  // what all other nodes hold
};

// `accounts` in ascending order, users before keys. Locks their rows in that order until the transaction ends.
sql::Result<std::map<AccountId, AccountRows>> lock_accounts(sql::Connection& db, std::string_view node,
                                                            const std::vector<AccountId>& accounts);

// What a transaction does to one account: changes of its row, the slice as it shall be.
struct AccountChange {
  AccountId id;
  std::int64_t balance = 0, used = 0, requests = 0;  // added to the row
  bool slice_before = false;
  std::int64_t amount_before = 0, amount = 0;
};
// Rows that do not change are left alone. `now` in Unix milliseconds.
sql::Result<void> write_accounts(sql::Connection& db, std::string_view node, const std::vector<AccountChange>& changes,
                                 std::int64_t now);

}  // namespace tollgate::billing
