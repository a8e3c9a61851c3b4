#include "billing/replay.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "billing/flush.h"
#include "billing/journal.h"
#include "billing/ledger.h"
#include "billing/node.h"
#include "sql/server_clock.h"

namespace tollgate::billing {
namespace {

constexpr const char* kConsumers[] = {"main", "stat", "log"};
constexpr std::int64_t kAliveMs = 30'000;  // since the last heartbeat
constexpr int kTries = 20;                 // of a database that does not answer, a quarter of a second apart
constexpr auto kPause = std::chrono::milliseconds(250);

core::Error away(const sql::Error& error) { return core::error(core::Errc::kUnavailable, error.message); }

std::string directory_of(const std::string& path) {
  if (std::filesystem::is_directory(path)) return path;
  auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

struct Found {
  std::string directory;
  JournalStatus status;
};

core::Result<Found> find(const std::string& path, sql::Pool& main, sql::Pool& log) {
  Found found{.directory = directory_of(path), .status = {}};
  auto& status = found.status;
  if (!std::filesystem::exists(found.directory + "/journal.db"))
    return core::error(core::Errc::kNotFound, "there is no journal.db in " + found.directory);
  auto node = read_node(found.directory);
  if (!node) return node.error();
  status.node = node->id;
  auto file = JournalConnection::open(found.directory);
  if (!file) return file.error();
  auto last = file->last_seq();
  auto inflight = file->inflight();
  if (!last) return last.error();
  if (!inflight) return inflight.error();
  status.last_seq = *last;
  status.inflight = static_cast<std::int64_t>(inflight->size());
  for (std::size_t i = 0; i < 3; ++i) {
    auto lease = (i == 2 ? log : main).lease();
    if (!lease) return away(lease.error());
    auto mark = (*lease)->query("SELECT seq FROM tg_marks WHERE node_id = ? AND consumer = ?",
                                {std::string_view(status.node), std::string_view(kConsumers[i])});
    if (!mark) return away(mark.error());
    if (!mark->empty()) status.marks[i] = mark->front().integer(0);
    if (i == 0) status.known = !mark->empty();
  }
  for (std::int64_t at = 0;;) {
    auto rows = file->read(at, 2000);
    if (!rows) return rows.error();
    if (rows->empty()) break;
    at = rows->back().seq;
    status.kept += static_cast<std::int64_t>(rows->size());
    for (const auto& row : *rows)
      for (std::size_t i = 0; i < 3; ++i) status.waiting[i] += row.seq > status.marks[i] ? 1 : 0;
  }
  auto lease = main.lease();
  if (!lease) return away(lease.error());
  auto& db = **lease;
  auto beat = db.query(
      "SELECT " + sql::server_now_ms(db.dialect()) + " - heartbeat_at, state FROM tg_nodes" + " WHERE node_id = ?",
      {std::string_view(status.node)});
  if (!beat) return away(beat.error());
  status.alive = !beat->empty() && beat->front().integer(0) < kAliveMs && beat->front().text(1) != "left";
  auto slices = db.query("SELECT COUNT(*) FROM tg_slices WHERE node_id = ?", {std::string_view(status.node)});
  if (!slices) return away(slices.error());
  status.slices = slices->front().integer(0);
  return found;
}

// Until nothing is left to do; false: the database did not answer for some seconds.
template <class StepOnce>
bool finish(StepOnce step) {
  for (int failed = 0; failed < kTries;) {
    switch (step()) {
      case 0: return true;
      case 1: failed = 0; break;
      default: ++failed; std::this_thread::sleep_for(kPause);
    }
  }
  return false;
}

}  // namespace

core::Result<JournalStatus> journal_status(const std::string& path, sql::Pool& main, sql::Pool& log,
                                           const core::Clock&) {
  auto found = find(path, main, log);
  if (!found) return found.error();
  return found->status;
}

core::Result<Replayed> replay_journal(const std::string& path, sql::Pool& main, sql::Pool& log,
                                      const core::Clock& clock) {
  auto found = find(path, main, log);
  if (!found) return found.error();
  const auto& status = found->status;
  if (!status.known)
    return core::error(core::Errc::kInvalid, "this database knows no node " + status.node +
                                                 ": it is not the one that the journal belongs to");
  auto journal = Journal::open_to_read(found->directory, clock);
  if (!journal) return journal.error();
  auto unreachable = core::error(core::Errc::kUnavailable, "the database does not answer; run this again");
  Replayed done{.node = status.node, .rows = status.waiting};

  Slices none;
  Ledger ledger(status.node, {.replay = true, .return_slices = !status.alive}, **journal, none, main, clock);
  const bool balanced = finish([&] {
    if (ledger.recovered()) return 0;
    return ledger.step() == Ledger::Step::kAway ? 2 : 1;
  });
  if (!balanced) return unreachable;
  done.slices_left = ledger.slices_left();
  done.inflight = static_cast<std::int64_t>(ledger.replayed_inflight().size());

  std::vector<Record> begun;
  for (const auto& left : ledger.replayed_inflight()) begun.push_back({RecordKind::kSettle, left.settle});
  for (auto kind : {Consumer::kStatistics, Consumer::kLog}) {
    const bool of_log = kind == Consumer::kLog;
    FlushConsumer consumer(kind, status.node, **journal, of_log ? log : main, clock, std::chrono::milliseconds(0));
    const bool moved = finish([&] {
      auto step = consumer.step();
      return step == FlushConsumer::Step::kIdle ? 0 : step == FlushConsumer::Step::kMoved ? 1 : 2;
    });
    if (!moved) return unreachable;
    if (begun.empty()) continue;
    auto applied = consumer.apply_once(ledger.inflight_key() + (of_log ? ":log" : ":stat"), begun);
    if (!applied) return away(applied.error());
  }
  return done;
}

}  // namespace tollgate::billing
