// A write transaction around a function, repeated when the database asks for it.
#pragma once
#include <chrono>
#include <thread>

#include "sql/connection.h"

namespace tollgate::sql {

// Runs body(connection) → Result<T> between BEGIN and COMMIT. A conflict (deadlock, lock wait, SQLITE_BUSY) rolls back
// and repeats, up to 10 times with growing pauses; so does, on a new connection, a server that has turned read-only,
// for some 5 s. Any other error rolls back and is returned.
template <class Body>
auto with_transaction(Connection& connection, Body body) -> decltype(body(connection)) {
  for (int attempt = 0;; ++attempt) {
    auto run = [&]() -> decltype(body(connection)) {
      if (auto begun = connection.begin(); !begun) return begun.error();
      auto result = body(connection);
      if (!result) return result;
      if (auto committed = connection.commit(); !committed) return committed.error();
      return result;
    };
    auto result = run();
    if (result) return result;
    connection.rollback();
    const auto cls = result.error().cls;
    if (cls == ErrorClass::kReadOnly && attempt < 6) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50 << attempt));
      if (connection.renew()) continue;
    }
    if (cls != ErrorClass::kConflict || attempt >= 10) return result;
    std::this_thread::sleep_for(std::chrono::milliseconds(5 << std::min(attempt, 5)));
  }
}

}  // namespace tollgate::sql
