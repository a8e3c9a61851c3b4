// Writes of a job that one process of several does: each begins by asking, in its own transaction, whether this process
// still has it. Whoever was frozen in between and wakes up late changes nothing.
#pragma once
#include <functional>

#include "sql/transaction.h"

namespace tollgate::sql {

// Locks what says who does the job until the transaction ends. False: another may do it by now.
using Fence = std::function<Result<bool>(Connection&)>;

inline constexpr int kFencedOff = -1;  // Error::code
inline bool fenced_off(const Error& error) { return error.cls == ErrorClass::kOther && error.code == kFencedOff; }

// As with_transaction, behind the fence; an error for which fenced_off() holds when it is closed. An empty one stands
// for work that people ask for: the body runs as it is, with transactions of its own.
template <class Body>
auto with_fence(Connection& connection, const Fence& fence, Body body) -> decltype(body(connection)) {
  if (!fence) return body(connection);
  return with_transaction(connection, [&](Connection& db) -> decltype(body(db)) {
    auto held = fence(db);
    if (!held) return held.error();
    if (!*held) return Error{ErrorClass::kOther, kFencedOff, "another node does this job now"};
    return body(db);
  });
}

}  // namespace tollgate::sql
