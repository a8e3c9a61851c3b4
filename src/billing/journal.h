// The journal: holds every charge on disk until the shared database has it, and for a while after. Written by one
// thread in groups; read by the flush consumers through connections of their own. While the disk takes nothing, rows
// are numbered all the same and wait in memory, from where the consumers read them.
#pragma once
#include <array>
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

#include "billing/journal_file.h"
#include "billing/record.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/result.h"

namespace tollgate::billing {

// What became of an appended record.
enum class Committed {
  kOnDisk,
  kInSql,     // the disk takes nothing, but every consumer has applied it
  kInMemory,  // neither disk nor database took it in time: it waits, and is lost if the process is killed now
  kRefused,   // memory is full as well, or the journal is closed: the record is lost (logged)
};

// Who reads the journal; each says how far it is (docs/balances.md).
enum class Consumer : std::size_t { kMain, kStatistics, kLog };

struct JournalSettings {
  std::string directory;                                   // the data directory; the file is <directory>/journal.db
  bool power_safe = false;                                 // TOLLGATE_JOURNAL_SYNC=power: fsync per group
  std::chrono::milliseconds keep = std::chrono::hours(1);  // TOLLGATE_JOURNAL_KEEP
  std::size_t reserve_bytes = 0;                           // of the disk, given up when it is full
  std::size_t max_memory_bytes = 64U << 20U;  // rows that are not on disk; from here on nothing is admitted
  std::size_t max_backlog_bytes = 1U << 30U;  // TOLLGATE_JOURNAL_MAX_MB: rows that are not in SQL
};

// A reader of its own, one thread at a time; holds no read transaction between two calls.
class JournalReader {
 public:
  // Rows with seq > after, ascending: those on disk, then those in memory.
  core::Result<std::vector<JournalRow>> read(std::int64_t after, std::size_t limit);

 private:
  friend class Journal;
  JournalReader(JournalConnection file, class Journal& journal) : file_(std::move(file)), journal_(&journal) {}
  JournalConnection file_;
  Journal* journal_;
};

// Thread-safe but for open, start and stop.
class Journal {
 public:
  using Done = std::function<void(Committed)>;

  // As JournalFile::open().
  static core::Result<std::unique_ptr<Journal>> open(const JournalSettings& settings, const core::Clock& clock);
  // The journal that another process has left, only to be read: nothing is locked, numbered or written, and every row
  // counts as older than this start.
  static core::Result<std::unique_ptr<Journal>> open_to_read(const std::string& directory, const core::Clock& clock);
  ~Journal();  // as stop()
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void start();  // writer and housekeeping threads; without it commit_queued() must be called by hand
  void stop();   // commits what is queued, joins, closes

  // Queues a record; `done` is called once, on the writer's thread, when its group is committed, and after 2 s at the
  // latest. Drops the in-flight row of the same request id in the same group.
  // With wake = false the writer is told by a later wake(): who appends several in a row tells it once.
  // `next`: in the same group, an in-flight row of that id in place of the one that was dropped.
  void append(const Record& record, Done done, bool wake = true, const InflightRecord* next = nullptr);
  void wake();

  // In-flight rows ride along in the groups; nobody waits for them.
  void inflight_put(const InflightRecord& record);
  void inflight_remove(std::string request_id);
  core::Result<std::vector<InflightRecord>> inflight();  // as left by the process before

  core::Result<JournalReader> reader();
  void quarantine(std::int64_t seq, std::string error, std::string payload);

  // Rows up to `seq` are in SQL as far as `consumer` goes. Those of all three go when they are older than `keep`.
  void applied(Consumer consumer, std::int64_t seq);

  std::int64_t last_seq() const { return last_seq_; }                       // of the last numbered row, 0 without any
  std::int64_t first_seq_of_start() const { return first_seq_; }            // every record of this process is ≥ this
  std::int64_t last_seq_before_start() const { return last_seq_of_file_; }  // of the processes before this one
  std::size_t queued() const;
  bool writable() const { return writable_; }
  // Whether charges to come will find a place. `sql_away`: nothing leaves at the moment, so the backlog only grows.
  bool has_room(bool sql_away) const;
  std::uint64_t backlog_bytes() const { return backlog_bytes_; }
  core::HistogramValue commit_times() const { return commit_times_.value(); }
  // Called on the writer's thread after each group with records in it.
  void on_commit(std::function<void()> callback) { on_commit_ = std::move(callback); }
  // Called on the housekeeping thread when less than twice the reserve is free on the disk, and when it is again.
  void on_disk_low(std::function<void(bool low)> callback) { on_disk_low_ = std::move(callback); }

  // One group; what the writer thread does in a loop. False: nothing was queued.
  bool commit_queued();

 private:
  friend class JournalReader;
  struct Operation;
  struct MemoryRow;
  struct Memory;
  Journal(const JournalSettings& settings, const core::Clock& clock, std::unique_ptr<JournalFile> file);
  Journal(const JournalSettings& settings, const core::Clock& clock, std::int64_t last_seq);
  void push(Operation operation, bool wake = true);
  bool write_group(const std::deque<Operation>& group);
  void keep_in_memory(std::deque<Operation> group, std::int64_t now);
  void move_to_disk(std::int64_t now);
  bool write_from_memory(std::vector<std::string>& gone);
  void answer_waiting(std::int64_t now);
  void release(std::size_t bytes);
  std::int64_t applied_by_all() const;
  void run_writer();
  void run_housekeeping();

  JournalSettings settings_;
  const core::Clock& clock_;
  std::unique_ptr<JournalFile> file_;  // null: only read
  std::unique_ptr<Memory> memory_;
  std::mutex commit_mutex_;  // one group at a time
  std::int64_t next_try_ms_ = 0;
  std::unordered_set<std::string> inflight_ids_;  // a superset of the rows on disk
  std::vector<std::string> removals_;             // in-flight rows to drop once the disk takes it
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable stop_housekeeping_;
  std::deque<Operation> queue_;
  std::atomic<std::size_t> held_bytes_{0};  // in the queue and in memory
  bool stopping_ = false;
  bool closed_ = false;
  bool progress_ = false;  // a consumer moved on while rows are in memory
  std::atomic<std::int64_t> last_seq_{0};
  std::array<std::atomic<std::int64_t>, 3> applied_{};
  std::int64_t first_seq_ = 0;
  std::int64_t last_seq_of_file_ = 0;
  std::int64_t next_seq_ = 0;
  std::int64_t deleted_at_ms_ = 0;
  std::atomic<bool> writable_{true};
  std::atomic<std::uint64_t> backlog_bytes_{0};
  core::Histogram commit_times_{core::kShortTimes};
  std::function<void()> on_commit_;
  std::function<void(bool)> on_disk_low_;
  std::thread writer_, housekeeping_;
};

}  // namespace tollgate::billing
