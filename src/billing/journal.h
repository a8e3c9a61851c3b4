// The journal: one SQLite file in the data directory that holds every charge until the shared database has it, and for
// a while after. Written by one thread in groups; read by the flush consumers through connections of their own.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "billing/record.h"
#include "core/clock.h"
#include "core/result.h"

struct sqlite3;

namespace tollgate::billing {

// What became of an appended record.
enum class Committed {
  kOnDisk,
  kInMemory,  // the disk takes nothing at the moment: the record waits in memory and is written when it does
  kRefused,   // memory is full as well, or the journal is closed: the record is lost (logged)
};

struct JournalRow {
  std::int64_t seq = 0;
  std::int64_t prev = 0;  // seq of the row before it, 0 for the first ever
  std::int64_t at = 0;    // unix ms
  std::string payload;
};

struct JournalSettings {
  std::string directory;                                   // the data directory; the file is <directory>/journal.db
  bool power_safe = false;                                 // TOLLGATE_JOURNAL_SYNC=power: fsync per group
  std::chrono::milliseconds keep = std::chrono::hours(1);  // TOLLGATE_JOURNAL_KEEP
  std::size_t max_queued_bytes = 64U << 20U;
};

// A reader of its own, one thread at a time; reads whole batches and holds no read transaction between them.
class JournalReader {
 public:
  ~JournalReader();
  JournalReader(JournalReader&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  JournalReader& operator=(JournalReader&&) = delete;

  // Rows with seq > after, ascending.
  core::Result<std::vector<JournalRow>> read(std::int64_t after, std::size_t limit);

 private:
  friend class Journal;
  explicit JournalReader(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

// Thread-safe but for open, start and stop.
class Journal {
 public:
  using Done = std::function<void(Committed)>;

  // Locks the directory against a second process (kConflict), opens or creates the file. A file that fails its check is
  // kept as journal.damaged-<time>.db and its readable rows are carried over.
  static core::Result<std::unique_ptr<Journal>> open(const JournalSettings& settings, const core::Clock& clock);
  ~Journal();  // as stop()
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void start();  // writer and checkpoint threads; without it commit_queued() must be called by hand
  void stop();   // commits what is queued, joins, closes

  // Queues a record; `done` is called on the writer's thread after its group is committed. Drops the in-flight row of
  // the same request id in the same group.
  // With wake = false the writer is told by a later wake(): who appends several in a row tells it once.
  void append(const Record& record, Done done, bool wake = true);
  void wake();

  // In-flight rows ride along in the groups; nobody waits for them.
  void inflight_put(const InflightRecord& record);
  void inflight_remove(std::string request_id);
  core::Result<std::vector<InflightRecord>> inflight();  // as left by the process before

  core::Result<JournalReader> reader();
  void quarantine(std::int64_t seq, std::string error, std::string payload);

  // Rows up to `seq` are in SQL for every consumer; they go when they are older than `keep`.
  void applied(std::int64_t seq) { applied_ = seq; }

  std::int64_t last_seq() const { return last_seq_; }             // of the last committed row, 0 without any
  std::int64_t first_seq_of_start() const { return first_seq_; }  // every record of this process is ≥ this
  std::size_t queued() const;
  bool writable() const { return writable_; }
  // Called on the writer's thread after each group with records in it.
  void on_commit(std::function<void()> callback) { on_commit_ = std::move(callback); }

  // One group; what the writer thread does in a loop. False: nothing was queued or the disk refused.
  bool commit_queued();

 private:
  struct Operation;
  Journal(const JournalSettings& settings, const core::Clock& clock);
  core::Result<void> open_file();
  bool set_aside_damaged();
  void push(Operation operation, bool wake = true);
  bool write_group(std::deque<Operation>& group);
  bool delete_applied();
  void run_writer();
  void run_checkpoints();

  struct Files;
  JournalSettings settings_;
  const core::Clock& clock_;
  std::unique_ptr<Files> files_;
  std::mutex commit_mutex_;  // one group at a time
  std::deque<Operation> failed_;
  std::int64_t failing_since_ms_ = 0;
  std::unordered_set<std::string> inflight_ids_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable stop_checkpoints_;
  std::deque<Operation> queue_;
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;
  bool closed_ = false;
  std::atomic<std::int64_t> last_seq_{0};
  std::atomic<std::int64_t> applied_{0};
  std::int64_t first_seq_ = 0;
  std::int64_t next_seq_ = 0;
  std::int64_t deleted_at_ms_ = 0;
  std::atomic<bool> writable_{true};
  std::function<void()> on_commit_;
  std::thread writer_, checkpoints_;
};

}  // namespace tollgate::billing
