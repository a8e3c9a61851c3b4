// Charges that may have to be given back, because what was paid for may fail later. Each has a row charge:<request id>
// in tg_once: empty from the moment that what is charged for is stored, filled in by the transaction that applies the
// charge, marked by the one that gives it back. So nothing is given back that was not taken, and nothing twice. What
// was paid for has a row too, under its own name ("task:12"), that holds the request id.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::billing {

struct Charged {
  core::UserId user;
  core::TokenId token;  // 0: none
  core::Quota amount;
};

// All run in the caller's transaction.
// Together with what is paid for, before its charge is journaled.
sql::Result<void> expect_charge(sql::Connection& db, std::string_view thing, std::string_view request_id,
                                std::int64_t now_ms);
// The ledger's: the charge is applied.
sql::Result<void> note_charge(sql::Connection& db, std::string_view request_id, const Charged& charged);

enum class RefundState {
  kUnknown,  // no such thing: charged by a program that keeps no such rows
  kPending,  // its charge has not come to the database yet
  kDone,     // given back by this call
  kBefore,   // given back before
};
struct Refund {
  RefundState state = RefundState::kUnknown;
  Charged charged;
};
// Wallet and key get back what was taken from them.
sql::Result<Refund> refund_charge(sql::Connection& db, std::string_view thing);
// Of a thing that is not known: the wallet gets `amount`, once. False: it was done before.
sql::Result<bool> refund_unknown(sql::Connection& db, std::string_view thing, core::UserId user, core::Quota amount,
                                 std::int64_t now_ms);

}  // namespace tollgate::billing
