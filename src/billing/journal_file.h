// The journal's SQLite file: its tables, groups of rows written in one transaction, and the room it keeps for the day
// the disk is full. No queue and no threads of its own: one caller at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billing/record.h"
#include "core/clock.h"
#include "core/result.h"

struct sqlite3;

namespace tollgate::billing {

struct JournalRow {
  std::int64_t seq = 0;
  std::int64_t prev = 0;  // seq of the row before it, 0 for the first ever
  std::int64_t at = 0;    // unix ms
  std::string payload;
};

class JournalFile {
 public:
  // Locks the directory against a second process (kConflict), opens or creates <directory>/journal.db. A file that
  // fails its check is kept as journal.damaged-<time>.db and its readable rows are carried over. `reserve_bytes` of the
  // disk are set aside in <directory>/journal.reserve.
  static core::Result<std::unique_ptr<JournalFile>> open(const std::string& directory, bool power_safe,
                                                         std::size_t reserve_bytes, const core::Clock& clock);
  ~JournalFile();
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  // The highest number ever given, also when its row has been deleted since.
  std::int64_t last_seq() const { return last_seq_; }

  // One group: begin(), rows, commit(). False: the disk refused; error() says why, then rollback().
  bool begin();
  bool insert(const JournalRow& row, std::int64_t kind);
  bool put_inflight(std::string_view request_id, std::int64_t at, std::string_view payload);
  bool remove_inflight(std::string_view request_id);
  bool add_quarantine(std::int64_t seq, std::string_view error, std::string_view payload);
  bool commit();
  void rollback();
  std::string error() const;
  bool refused_for_room() const;  // the last refusal: the disk is full

  // What a full disk needs, in the order that works: the reserve goes first, because a checkpoint and deleting rows
  // both need room; then rows up to `applied` go, however young. False: nothing was left to gain.
  bool make_room(std::int64_t applied);
  // Puts the reserve back once twice its size is free. From any thread.
  void restore_reserve();
  // Bytes free for us on the disk of the directory; nullopt when it cannot tell. From any thread.
  std::optional<std::uint64_t> free_bytes() const;
  std::size_t reserve_bytes() const { return reserve_bytes_; }

  // Drops rows that are in SQL for every consumer and older than `before` (unix ms); the newest row always stays,
  // because its number is the next one's `prev`.
  bool delete_applied(std::int64_t applied, std::int64_t before);

  std::vector<std::string> inflight_ids();
  core::Result<std::vector<InflightRecord>> inflight();

  // Whether the log holds what is not in the file yet. False again after a checkpoint that is about to begin elsewhere.
  bool log_grew() const { return log_grew_; }
  void log_is_taken() { log_grew_ = false; }

 private:
  static int on_log_written(void* self, sqlite3* db, const char* name, int pages);
  void checkpoint_long_log();
  JournalFile(std::string directory, std::size_t reserve_bytes, const core::Clock& clock);
  core::Result<void> open_file(bool power_safe);
  bool set_aside_damaged();
  bool disk_is_full() const;
  std::string reserve_path() const { return directory_ + "/journal.reserve"; }

  struct Statements;
  std::string directory_;
  std::string path_;
  std::size_t reserve_bytes_;
  const core::Clock& clock_;
  int lock_ = -1;
  sqlite3* db_ = nullptr;
  std::unique_ptr<Statements> statements_;
  std::int64_t last_seq_ = 0;
  bool log_grew_ = false;
  int log_pages_ = 0;
};

// A further connection to the file of `directory`, for one thread at a time, which only reads.
class JournalConnection {
 public:
  static core::Result<JournalConnection> open(const std::string& directory);
  ~JournalConnection();
  JournalConnection(JournalConnection&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  JournalConnection& operator=(JournalConnection&&) = delete;

  // Rows with seq > after, ascending; no read transaction is held between two calls.
  core::Result<std::vector<JournalRow>> read(std::int64_t after, std::size_t limit);
  // Bytes of the rows with seq > after.
  std::uint64_t bytes_after(std::int64_t after);
  // As JournalFile has them.
  core::Result<std::int64_t> last_seq();
  core::Result<std::vector<InflightRecord>> inflight();

 private:
  explicit JournalConnection(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

// Moves the log into the file while the writer goes on. Up to 3.51.2 SQLite may lose a transaction that starts the log
// again at its beginning just as a checkpoint begins (sqlite.org/wal.html, "The WAL-Reset Bug"): a read transaction of
// our own keeps the log from that for as long as the checkpoint lasts. One thread at a time.
class JournalCheckpoint {
 public:
  static core::Result<JournalCheckpoint> open(const std::string& directory);
  ~JournalCheckpoint();
  JournalCheckpoint(JournalCheckpoint&& other) noexcept;
  JournalCheckpoint& operator=(JournalCheckpoint&&) = delete;

  // Keeps the log as it is. To be called while nobody writes and the log holds what is not in the file: a read
  // transaction on a log that is all in the file keeps nothing. False: it could not be read.
  bool hold();
  // Moves what it can without waiting for anybody, and lets go. The text says what went wrong.
  std::string run();

 private:
  JournalCheckpoint(sqlite3* holder, sqlite3* worker) : holder_(holder), worker_(worker) {}
  sqlite3* holder_;
  sqlite3* worker_;
};

}  // namespace tollgate::billing
