// The journal of a node that does not run: what of it is missing in the database, and applying that, under the node's
// own id and marks. The node may start at the same time: the marks decide, and each charge counts once.
#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "sql/connection.h"

namespace tollgate::billing {

// Consumers in the order of Consumer: main, stat, log.
struct JournalStatus {
  std::string node;
  std::int64_t last_seq = 0;
  std::int64_t kept = 0;  // rows
  std::int64_t inflight = 0;
  bool known = false;  // the database has marks of this node; the rest is only then true
  bool alive = false;  // it says so itself in the registry
  std::array<std::int64_t, 3> marks{};
  std::array<std::int64_t, 3> waiting{};  // kept rows beyond the mark
  std::int64_t slices = 0;                // accounts that it holds something of
};

struct Replayed {
  std::string node;
  std::array<std::int64_t, 3> rows{};  // applied, or found applied meanwhile
  std::int64_t inflight = 0;           // begun requests that were charged
  bool slices_left = false;            // the node lives: its slices stay with it
};

// `path`: a data directory, or the journal.db in it. node.json stands beside it. kNotFound, kUnavailable; kInvalid:
// this database knows nothing of that node, so it is not the one that the journal belongs to.
core::Result<JournalStatus> journal_status(const std::string& path, sql::Pool& main, sql::Pool& log,
                                           const core::Clock& clock);
core::Result<Replayed> replay_journal(const std::string& path, sql::Pool& main, sql::Pool& log,
                                      const core::Clock& clock);

}  // namespace tollgate::billing
