#include "billing/journal_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "core/log.h"

namespace tollgate::billing {
namespace {

constexpr std::int64_t kDeletedAtOnce = 4000;
constexpr std::int64_t kDeletedInNeed = 500;  // rows in one transaction while the disk is full

constexpr std::uint64_t kRoomToOpen = 1U << 20U;
constexpr int kLongLog = 4000;  // pages; beside a busy writer the other thread's checkpoints never get to the end

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS records(seq INTEGER PRIMARY KEY, prev INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " at INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS inflight(request_id TEXT PRIMARY KEY, at INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS quarantine(seq INTEGER, error TEXT, payload BLOB);"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT);"
    "INSERT OR IGNORE INTO meta VALUES('format', '1');";

core::Error failure(sqlite3* db, const char* doing) {
  return core::error(core::Errc::kUnavailable,
                     std::string("journal: ") + doing + ": " + (db ? sqlite3_errmsg(db) : "out of memory"));
}

core::Result<sqlite3*> open_handle(const std::string& path, int flags) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK) {
    auto error = failure(db, "open");
    sqlite3_close(db);
    return error;
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 10'000);
  return db;
}

bool run_statements(sqlite3* db, const char* statements) {
  return sqlite3_exec(db, statements, nullptr, nullptr, nullptr) == SQLITE_OK;
}

// One statement, finalised at the end of its life.
class Statement {
 public:
  Statement(sqlite3* db, const char* text) { sqlite3_prepare_v3(db, text, -1, 0, &handle_, nullptr); }
  ~Statement() { sqlite3_finalize(handle_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& bind(int at, std::int64_t value) {
    sqlite3_bind_int64(handle_, at, value);
    return *this;
  }
  Statement& text(int at, std::string_view value) {
    sqlite3_bind_text64(handle_, at, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Statement& blob(int at, std::string_view value) {
    sqlite3_bind_blob64(handle_, at, value.data(), value.size(), SQLITE_STATIC);
    return *this;
  }
  int step() { return handle_ ? sqlite3_step(handle_) : SQLITE_ERROR; }
  bool run() {
    auto code = step();
    sqlite3_reset(handle_);
    return code == SQLITE_DONE;
  }
  std::int64_t integer(int column) { return sqlite3_column_int64(handle_, column); }
  std::string bytes(int column) {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
    auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
    return data ? std::string(data, size) : std::string();
  }

 private:
  sqlite3_stmt* handle_ = nullptr;
};

core::Result<sqlite3*> open_once_more(const std::string& directory, const char* first) {
  auto opened = open_handle(directory + "/journal.db", SQLITE_OPEN_READWRITE);
  if (!opened) return opened.error();
  if (run_statements(*opened, first)) return *opened;
  auto error = failure(*opened, "open once more");
  sqlite3_close(*opened);
  return error;
}

std::optional<std::int64_t> read_last_seq(sqlite3* db) {
  Statement last(db,
                 "SELECT MAX(COALESCE((SELECT MAX(seq) FROM records), 0),"
                 " COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'last_deleted'), 0))");
  if (last.step() != SQLITE_ROW) return std::nullopt;
  return last.integer(0);
}

core::Result<std::vector<InflightRecord>> read_inflight(sqlite3* db) {
  std::vector<InflightRecord> out;
  Statement rows(db, "SELECT request_id, payload FROM inflight ORDER BY at");
  int code = 0;
  while ((code = rows.step()) == SQLITE_ROW) {
    if (auto record = decode_inflight(rows.bytes(1)))
      out.push_back(std::move(*record));
    else
      core::log::error("journal: in-flight row of request {} cannot be read and is left", rows.bytes(0));
  }
  if (code != SQLITE_DONE) return failure(db, "read in-flight rows");
  return out;
}

bool passes_check(sqlite3* db) {
  Statement check(db, "PRAGMA quick_check(1)");
  return check.step() == SQLITE_ROW && check.bytes(0) == "ok";
}

// Deletes the oldest rows up to `applied` that are older than `before`, at most `most`; how many, or −1.
std::int64_t delete_oldest(sqlite3* db, std::int64_t applied, std::int64_t before, std::int64_t most) {
  if (!run_statements(db, "BEGIN IMMEDIATE")) return -1;
  std::int64_t until = 0;
  {
    Statement bound(db,
                    "SELECT MAX(seq) FROM (SELECT seq FROM records WHERE seq <= ? AND at < ? AND"
                    " seq < (SELECT MAX(seq) FROM records) ORDER BY seq LIMIT ?)");
    bound.bind(1, applied).bind(2, before).bind(3, most);
    if (bound.step() == SQLITE_ROW) until = bound.integer(0);
  }
  bool ok = true;
  std::int64_t deleted = 0;
  if (until > 0) {
    Statement remove(db, "DELETE FROM records WHERE seq <= ?");
    Statement note(db, "INSERT OR REPLACE INTO meta VALUES('last_deleted', ?)");
    ok = remove.bind(1, until).run();
    deleted = sqlite3_changes(db);
    ok = ok && note.bind(1, until).run();
  }
  if (ok && run_statements(db, "COMMIT")) return deleted;
  if (!sqlite3_get_autocommit(db)) run_statements(db, "ROLLBACK");
  return -1;
}

}  // namespace

// What a group is written by, prepared once.
struct JournalFile::Statements {
  explicit Statements(sqlite3* db)
      : begin(db, "BEGIN IMMEDIATE"),
        commit(db, "COMMIT"),
        insert(db, "INSERT INTO records(seq, prev, kind, at, payload) VALUES(?, ?, ?, ?, ?)"),
        put(db, "INSERT OR REPLACE INTO inflight(request_id, at, payload) VALUES(?, ?, ?)"),
        remove(db, "DELETE FROM inflight WHERE request_id = ?"),
        quarantine(db, "INSERT INTO quarantine(seq, error, payload) VALUES(?, ?, ?)") {}
  Statement begin, commit, insert, put, remove, quarantine;
};

JournalFile::JournalFile(std::string directory, std::size_t reserve_bytes, const core::Clock& clock)
    : directory_(std::move(directory)),
      path_(directory_ + "/journal.db"),
      reserve_bytes_(reserve_bytes),
      clock_(clock) {}

JournalFile::~JournalFile() {
  statements_.reset();
  sqlite3_close(db_);
  if (lock_ >= 0) ::close(lock_);
}

core::Result<std::unique_ptr<JournalFile>> JournalFile::open(const std::string& directory, bool power_safe,
                                                             std::size_t reserve_bytes, const core::Clock& clock) {
  std::unique_ptr<JournalFile> file(new JournalFile(directory, reserve_bytes, clock));
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  auto lock_path = directory + "/journal.lock";
  file->lock_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file->lock_ < 0) return core::error(core::Errc::kUnavailable, "journal: cannot write " + lock_path);
  if (::flock(file->lock_, LOCK_EX | LOCK_NB) != 0)
    return core::error(core::Errc::kConflict, "another process uses the data directory " + directory);
  auto opened = file->open_file(power_safe);
  // Without room nothing can be opened, and a sound file looks damaged.
  if (!opened && file->disk_is_full() && file->make_room(0)) opened = file->open_file(power_safe);
  if (!opened && !file->disk_is_full() && file->set_aside_damaged()) opened = file->open_file(power_safe);
  if (!opened) return opened.error();
  file->restore_reserve();
  return file;
}

core::Result<void> JournalFile::open_file(bool power_safe) {
  auto opened = open_handle(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!opened) return opened.error();
  db_ = *opened;
  bool ready = passes_check(db_) && run_statements(db_, "PRAGMA journal_mode=WAL") &&
               run_statements(db_, power_safe ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL") &&
               run_statements(db_, "PRAGMA journal_size_limit=67108864") && run_statements(db_, kTables);
  if (ready) {
    sqlite3_wal_hook(db_, &JournalFile::on_log_written, this);
    auto last = read_last_seq(db_);
    ready = last.has_value();
    last_seq_ = last.value_or(0);
  }
  if (ready) return {};
  auto error = failure(db_, "prepare");
  sqlite3_close(std::exchange(db_, nullptr));
  return error;
}

bool JournalFile::set_aside_damaged() {
  // Nothing is wrong with a file that only cannot be written for the moment.
  if (auto whole = open_handle(path_, SQLITE_OPEN_READWRITE); whole) {
    bool sound = passes_check(*whole);
    sqlite3_close(*whole);
    if (sound) return false;
  }
  auto aside = directory_ + "/journal.damaged-" + std::to_string(clock_.unix_seconds()) + ".db";
  std::error_code failed;
  std::filesystem::rename(path_, aside, failed);
  if (failed) return false;
  for (const char* suffix : {"-wal", "-shm"}) {
    std::error_code none;
    std::filesystem::rename(path_ + suffix, aside + suffix, none);
  }
  core::log::error("journal: J-CRC: the file is damaged and was kept as {}; readable rows are carried over", aside);
  auto old_db = open_handle(aside, SQLITE_OPEN_READWRITE);
  auto new_db = open_handle(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!new_db) {
    if (old_db) sqlite3_close(*old_db);
    return false;
  }
  std::int64_t carried = 0;
  bool ok = run_statements(*new_db, kTables) && run_statements(*new_db, "BEGIN IMMEDIATE");
  if (ok && old_db) {
    // From both ends: a damaged page in the middle stops a scan.
    for (const char* order : {"SELECT seq, prev, kind, at, payload FROM records ORDER BY seq",
                              "SELECT seq, prev, kind, at, payload FROM records ORDER BY seq DESC"}) {
      Statement rows(*old_db, order);
      while (rows.step() == SQLITE_ROW) {
        Statement insert(*new_db, "INSERT OR IGNORE INTO records VALUES(?, ?, ?, ?, ?)");
        auto payload = rows.bytes(4);
        insert.bind(1, rows.integer(0)).bind(2, rows.integer(1)).bind(3, rows.integer(2)).bind(4, rows.integer(3));
        if (insert.blob(5, payload).run()) carried += sqlite3_changes(*new_db);
      }
    }
    Statement rows(*old_db, "SELECT request_id, at, payload FROM inflight");
    while (rows.step() == SQLITE_ROW) {
      Statement insert(*new_db, "INSERT OR IGNORE INTO inflight VALUES(?, ?, ?)");
      auto id = rows.bytes(0);
      auto payload = rows.bytes(2);
      insert.text(1, id).bind(2, rows.integer(1)).blob(3, payload).run();
    }
    Statement last(*old_db, "SELECT value FROM meta WHERE key = 'last_deleted'");
    if (last.step() == SQLITE_ROW) {
      Statement insert(*new_db, "INSERT OR REPLACE INTO meta VALUES('last_deleted', ?)");
      auto value = last.bytes(0);
      insert.text(1, value).run();
    }
  }
  ok = ok && run_statements(*new_db, "COMMIT");
  core::log::error("journal: {} rows carried over", carried);
  sqlite3_close(*new_db);
  if (old_db) sqlite3_close(*old_db);
  return ok;
}

bool JournalFile::begin() {
  if (!statements_) statements_ = std::make_unique<Statements>(db_);
  return statements_->begin.run();
}

bool JournalFile::insert(const JournalRow& row, std::int64_t kind) {
  auto& insert = statements_->insert;
  return insert.bind(1, row.seq).bind(2, row.prev).bind(3, kind).bind(4, row.at).blob(5, row.payload).run();
}

bool JournalFile::put_inflight(std::string_view request_id, std::int64_t at, std::string_view payload) {
  return statements_->put.text(1, request_id).bind(2, at).blob(3, payload).run();
}

bool JournalFile::remove_inflight(std::string_view request_id) { return statements_->remove.text(1, request_id).run(); }

bool JournalFile::add_quarantine(std::int64_t seq, std::string_view error, std::string_view payload) {
  return statements_->quarantine.bind(1, seq).text(2, error).blob(3, payload).run();
}

bool JournalFile::commit() {
  if (!statements_->commit.run()) return false;
  if (log_pages_ >= kLongLog) checkpoint_long_log();
  return true;
}

int JournalFile::on_log_written(void* self, sqlite3*, const char*, int pages) {
  auto& file = *static_cast<JournalFile*>(self);
  file.log_grew_ = true;
  file.log_pages_ = pages;
  return SQLITE_OK;
}

void JournalFile::checkpoint_long_log() {
  int in_log = -1;
  int done = -1;
  sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
  if (in_log >= 0 && in_log == done) log_grew_ = false;
}

void JournalFile::rollback() {
  if (!sqlite3_get_autocommit(db_)) run_statements(db_, "ROLLBACK");
}

std::string JournalFile::error() const { return sqlite3_errmsg(db_); }

bool JournalFile::refused_for_room() const { return (sqlite3_errcode(db_) & 0xFF) == SQLITE_FULL; }

bool JournalFile::make_room(std::int64_t applied) {
  bool gained = ::unlink(reserve_path().c_str()) == 0;
  if (gained) core::log::error("journal: the disk is full; its reserve of {} MB was given up", reserve_bytes_ >> 20U);
  if (!db_) return gained;
  sqlite3_busy_timeout(db_, 500);
  if (sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) == SQLITE_OK)
    log_grew_ = false;
  sqlite3_busy_timeout(db_, 10'000);
  for (std::int64_t deleted; (deleted = delete_oldest(db_, applied, INT64_MAX, kDeletedInNeed)) > 0;) gained = true;
  return gained;
}

void JournalFile::restore_reserve() {
  if (reserve_bytes_ == 0) return;
  std::error_code none;
  if (std::filesystem::file_size(reserve_path(), none) == reserve_bytes_) return;
  if (auto free = free_bytes(); !free || *free < 2 * reserve_bytes_) return;
  int descriptor = ::open(reserve_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  bool taken = ::posix_fallocate(descriptor, 0, static_cast<off_t>(reserve_bytes_)) == 0;
  ::close(descriptor);
  if (!taken) ::unlink(reserve_path().c_str());
}

std::optional<std::uint64_t> JournalFile::free_bytes() const {
  struct statvfs disk{};
  if (::statvfs(directory_.c_str(), &disk) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

bool JournalFile::disk_is_full() const {
  auto free = free_bytes();
  return free && *free < kRoomToOpen;
}

bool JournalFile::delete_applied(std::int64_t applied, std::int64_t before) {
  return delete_oldest(db_, applied, before, kDeletedAtOnce) >= 0;
}

std::vector<std::string> JournalFile::inflight_ids() {
  std::vector<std::string> out;
  Statement ids(db_, "SELECT request_id FROM inflight");
  while (ids.step() == SQLITE_ROW) out.push_back(ids.bytes(0));
  return out;
}

core::Result<std::vector<InflightRecord>> JournalFile::inflight() { return read_inflight(db_); }

core::Result<JournalConnection> JournalConnection::open(const std::string& directory) {
  auto opened = open_once_more(directory, "PRAGMA query_only=1");
  if (!opened) return opened.error();
  return JournalConnection(*opened);
}

JournalConnection::~JournalConnection() { sqlite3_close(db_); }

core::Result<std::vector<JournalRow>> JournalConnection::read(std::int64_t after, std::size_t limit) {
  Statement rows(db_, "SELECT seq, prev, at, payload FROM records WHERE seq > ? ORDER BY seq LIMIT ?");
  rows.bind(1, after).bind(2, static_cast<std::int64_t>(limit));
  std::vector<JournalRow> out;
  int code = 0;
  while ((code = rows.step()) == SQLITE_ROW)
    out.push_back({.seq = rows.integer(0), .prev = rows.integer(1), .at = rows.integer(2), .payload = rows.bytes(3)});
  if (code != SQLITE_DONE) return failure(db_, "read");
  return out;
}

core::Result<std::int64_t> JournalConnection::last_seq() {
  if (auto last = read_last_seq(db_)) return *last;
  return failure(db_, "read");
}

core::Result<std::vector<InflightRecord>> JournalConnection::inflight() { return read_inflight(db_); }

std::uint64_t JournalConnection::bytes_after(std::int64_t after) {
  Statement sum(db_, "SELECT COALESCE(SUM(LENGTH(payload) + 64), 0) FROM records WHERE seq > ?");
  sum.bind(1, after);
  return sum.step() == SQLITE_ROW ? static_cast<std::uint64_t>(sum.integer(0)) : 0;
}

core::Result<JournalCheckpoint> JournalCheckpoint::open(const std::string& directory) {
  auto holder = open_once_more(directory, "PRAGMA query_only=1");
  if (!holder) return holder.error();
  // A connection that has never read does no checkpoint and says OK.
  auto worker = open_once_more(directory, "SELECT COUNT(*) FROM meta");
  if (!worker) {
    sqlite3_close(*holder);
    return worker.error();
  }
  return JournalCheckpoint(*holder, *worker);
}

JournalCheckpoint::JournalCheckpoint(JournalCheckpoint&& other) noexcept
    : holder_(std::exchange(other.holder_, nullptr)), worker_(std::exchange(other.worker_, nullptr)) {}

JournalCheckpoint::~JournalCheckpoint() {
  sqlite3_close(holder_);
  sqlite3_close(worker_);
}

bool JournalCheckpoint::hold() {
  if (run_statements(holder_, "BEGIN; SELECT COUNT(*) FROM meta")) return true;
  if (!sqlite3_get_autocommit(holder_)) run_statements(holder_, "ROLLBACK");
  return false;
}

std::string JournalCheckpoint::run() {
  int in_log = -1;
  int done = -1;
  int code = sqlite3_wal_checkpoint_v2(worker_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
  std::string wrong;
  // Counts of −1 are a failure, whatever the code says.
  if (code != SQLITE_BUSY && (code != SQLITE_OK || in_log < 0))
    wrong = code == SQLITE_OK ? "nothing was read yet" : sqlite3_errmsg(worker_);
  run_statements(holder_, "COMMIT");
  return wrong;
}

}  // namespace tollgate::billing
