// Balances as the management API changes and shows them, beside money that nodes hold in slices.
#pragma once
#include <string>
#include <string_view>

#include "billing/slices.h"
#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::billing {

// Each runs in the caller's transaction. kOther with code 0 and "no such row" when the account's row is missing.
// balance += delta; whatever nodes hold is not touched.
sql::Result<void> credit(sql::Connection& db, AccountId account, core::Quota delta);
// The same, and nothing when `key` was there before: false. Rows of tg_once with payment keys are kept for ever.
sql::Result<bool> credit_once(sql::Connection& db, std::string_view key, AccountId account, core::Quota delta,
                              std::int64_t now_ms);
// Whoever writes `key` first owns it; the owner as it stands there. `first`, when given: it was written now.
sql::Result<std::string> own_once(sql::Connection& db, std::string_view key, std::string_view owner,
                                  std::int64_t now_ms, bool* first = nullptr);
// balance := wanted − Σ slices, under the row's lock. Gives what was added to the row.
sql::Result<core::Quota> set_balance(sql::Connection& db, AccountId account, core::Quota wanted);
// The row's column and Σ slices as of one moment: read apart, money on its way between them counts twice or not at all.
// Fails like the others when the row is missing.
sql::Result<core::Quota> left_in_sql(sql::Connection& db, AccountId account);

}  // namespace tollgate::billing
