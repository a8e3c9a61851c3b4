// A write that somebody waits for, done exactly once although the connection may break: at its COMMIT nobody can tell
// from the error whether it was done.
#pragma once
#include <optional>
#include <string_view>

#include "sql/server_clock.h"
#include "sql/transaction.h"

namespace tollgate::sql {

// As with_transaction. The transaction also notes `key` in tg_once; when the connection is lost, the key says on the
// next one whether it was done, and what was not is tried once more. `key` belongs to this one write.
template <class Body>
auto with_once(Connection& connection, std::string_view key, Body body) -> decltype(body(connection)) {
  std::optional<decltype(body(connection))> made;
  auto noted = [&](Connection& db) -> decltype(body(db)) {
    auto note = db.execute("INSERT INTO tg_once (k, at) VALUES (?, " + server_now_ms(db.dialect()) + ")", {Param(key)});
    if (!note) return note.error();
    made = body(db);
    return *made;
  };
  auto result = with_transaction(connection, noted);
  if (result || result.error().cls != ErrorClass::kConnection) return result;
  auto done = [&] {
    auto rows = connection.query("SELECT 1 FROM tg_once WHERE k = ?", {Param(key)});
    return rows && !rows->empty() && made && *made;
  };
  if (done()) return *made;
  const auto first = made;
  made.reset();
  auto again = with_transaction(connection, noted);
  // The server had not come to the first COMMIT yet when it was asked.
  if (!again && again.error().cls == ErrorClass::kDuplicate && !made && first && *first) return *first;
  return again;
}

// Keys of requests that nobody can be waiting for any more; those of payments stay.
inline Result<void> forget_old_requests(Connection& db) {
  constexpr std::int64_t kKept = std::int64_t{30} * 24 * 3600 * 1000;
  auto done = db.execute("DELETE FROM tg_once WHERE k LIKE 'req:%' AND at < " + server_now_ms(db.dialect()) + " - ?",
                         {Param(kKept)});
  if (!done) return done.error();
  return {};
}

}  // namespace tollgate::sql
