#include "billing/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/fault_point.h"
#include "core/log.h"

namespace tollgate::billing {
namespace {

constexpr std::size_t kGroupLimit = 512;      // records in one group
constexpr std::size_t kDeletedAtOnce = 4000;  // applied rows dropped inside a group
constexpr std::int64_t kDeletePauseMs = 1000;
constexpr std::int64_t kPatienceMs = 2000;  // how long an answer waits for a disk that refuses
constexpr auto kRetryPause = std::chrono::milliseconds(100);
constexpr auto kCheckpointPause = std::chrono::milliseconds(50);

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

bool run(sqlite3* db, const char* statements) {
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

bool passes_check(sqlite3* db) {
  Statement check(db, "PRAGMA quick_check(1)");
  return check.step() == SQLITE_ROW && check.bytes(0) == "ok";
}

}  // namespace

struct Journal::Operation {
  enum class What { kAppend, kPut, kRemove, kQuarantine } what = What::kAppend;
  std::int64_t kind = 0;
  std::int64_t seq = 0;    // kQuarantine
  std::string request_id;  // kQuarantine: the error
  std::string payload;
  Done done;
  std::size_t size() const { return request_id.size() + payload.size() + 64; }
};

// What a group is written by, prepared once.
struct GroupStatements {
  explicit GroupStatements(sqlite3* db)
      : begin(db, "BEGIN IMMEDIATE"),
        commit(db, "COMMIT"),
        insert(db, "INSERT INTO records(seq, prev, kind, at, payload) VALUES(?, ?, ?, ?, ?)"),
        put(db, "INSERT OR REPLACE INTO inflight(request_id, at, payload) VALUES(?, ?, ?)"),
        remove(db, "DELETE FROM inflight WHERE request_id = ?"),
        quarantine(db, "INSERT INTO quarantine(seq, error, payload) VALUES(?, ?, ?)") {}
  Statement begin, commit, insert, put, remove, quarantine;
};

struct Journal::Files {
  ~Files() {
    group.reset();
    sqlite3_close(db);
    if (lock >= 0) ::close(lock);
  }
  std::string path;
  sqlite3* db = nullptr;
  std::optional<GroupStatements> group;
  int lock = -1;
};

Journal::Journal(const JournalSettings& settings, const core::Clock& clock)
    : settings_(settings), clock_(clock), files_(std::make_unique<Files>()) {
  files_->path = settings.directory + "/journal.db";
}

Journal::~Journal() { stop(); }

core::Result<std::unique_ptr<Journal>> Journal::open(const JournalSettings& settings, const core::Clock& clock) {
  std::unique_ptr<Journal> journal(new Journal(settings, clock));
  std::error_code ignored;
  std::filesystem::create_directories(settings.directory, ignored);
  auto lock_path = settings.directory + "/journal.lock";
  auto& files = *journal->files_;
  files.lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (files.lock < 0) return core::error(core::Errc::kUnavailable, "journal: cannot write " + lock_path);
  if (::flock(files.lock, LOCK_EX | LOCK_NB) != 0)
    return core::error(core::Errc::kConflict, "another process uses the data directory " + settings.directory);
  auto opened = journal->open_file();
  if (!opened && journal->set_aside_damaged()) opened = journal->open_file();
  if (!opened) return opened.error();
  return journal;
}

core::Result<void> Journal::open_file() {
  auto opened = open_handle(files_->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!opened) return opened.error();
  auto* db = files_->db = *opened;
  bool ready = passes_check(db) && run(db, "PRAGMA journal_mode=WAL") &&
               run(db, settings_.power_safe ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL") &&
               run(db, "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864") && run(db, kTables);
  if (!ready) {
    auto error = failure(db, "prepare");
    sqlite3_close(std::exchange(files_->db, nullptr));
    return error;
  }
  // The highest number ever given, also when its row has been deleted since.
  Statement last(db,
                 "SELECT MAX(COALESCE((SELECT MAX(seq) FROM records), 0),"
                 " COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'last_deleted'), 0))");
  if (last.step() != SQLITE_ROW) return failure(db, "read");
  last_seq_ = last.integer(0);
  // By time on purpose: a directory restored from an old copy must never give numbers that SQL has marked already.
  first_seq_ = next_seq_ = std::max(last_seq_ + 1, clock_.unix_millis() << 20);
  Statement ids(db, "SELECT request_id FROM inflight");
  while (ids.step() == SQLITE_ROW) inflight_ids_.insert(ids.bytes(0));
  return {};
}

bool Journal::set_aside_damaged() {
  auto aside = settings_.directory + "/journal.damaged-" + std::to_string(clock_.unix_seconds()) + ".db";
  std::error_code failed;
  std::filesystem::rename(files_->path, aside, failed);
  if (failed) return false;
  for (const char* suffix : {"-wal", "-shm"}) {
    std::error_code none;
    std::filesystem::rename(files_->path + suffix, aside + suffix, none);
  }
  core::log::error("journal: the file is damaged and was kept as {}; readable rows are carried over", aside);
  auto old_db = open_handle(aside, SQLITE_OPEN_READWRITE);
  auto new_db = open_handle(files_->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!new_db) {
    if (old_db) sqlite3_close(*old_db);
    return false;
  }
  std::int64_t carried = 0;
  bool ok = run(*new_db, kTables) && run(*new_db, "BEGIN IMMEDIATE");
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
  ok = ok && run(*new_db, "COMMIT");
  core::log::error("journal: {} rows carried over", carried);
  sqlite3_close(*new_db);
  if (old_db) sqlite3_close(*old_db);
  return ok;
}

void Journal::start() {
  writer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "journal");
    run_writer();
  });
  checkpoints_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "checkpoint");
    run_checkpoints();
  });
}

void Journal::stop() {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    stopping_ = true;
    wake_.notify_all();
    stop_checkpoints_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
  if (checkpoints_.joinable()) checkpoints_.join();
  if (files_->db) {
    while (commit_queued()) {
    }
  }
  std::deque<Operation> left;
  {
    std::scoped_lock lock(commit_mutex_, mutex_);
    closed_ = true;
    left.swap(failed_);
    for (auto& operation : queue_) left.push_back(std::move(operation));
    queue_.clear();
  }
  if (!left.empty()) core::log::error("journal: {} entries could not be written before the end", left.size());
  for (auto& operation : left)
    if (operation.done) operation.done(Committed::kRefused);
  files_.reset();
}

void Journal::push(Operation operation, bool wake) {
  Done refused;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || queued_bytes_ + operation.size() > settings_.max_queued_bytes) {
      refused = std::move(operation.done);
      if (operation.what == Operation::What::kAppend)
        core::log::error("journal: a record is lost, the journal is {}", closed_ ? "closed" : "full in memory");
    } else {
      queued_bytes_ += operation.size();
      queue_.push_back(std::move(operation));
    }
  }
  if (refused) return refused(Committed::kRefused);
  if (wake) this->wake();
}

void Journal::wake() { wake_.notify_one(); }

void Journal::append(const Record& record, Done done, bool wake) {
  push({.what = Operation::What::kAppend,
        .kind = static_cast<std::int64_t>(record.kind),
        .request_id = record.kind == RecordKind::kSettle ? record.settle.log.request_id : std::string(),
        .payload = encode(record),
        .done = std::move(done)},
       wake);
}

void Journal::inflight_put(const InflightRecord& record) {
  push({.what = Operation::What::kPut,
        .request_id = record.settle.log.request_id,
        .payload = encode_inflight(record),
        .done = {}});
}

void Journal::inflight_remove(std::string request_id) {
  push({.what = Operation::What::kRemove, .request_id = std::move(request_id), .payload = {}, .done = {}});
}

void Journal::quarantine(std::int64_t seq, std::string error, std::string payload) {
  push({.what = Operation::What::kQuarantine,
        .seq = seq,
        .request_id = std::move(error),
        .payload = std::move(payload),
        .done = {}});
}

core::Result<std::vector<InflightRecord>> Journal::inflight() {
  std::lock_guard lock(commit_mutex_);
  std::vector<InflightRecord> out;
  Statement rows(files_->db, "SELECT request_id, payload FROM inflight ORDER BY at");
  int code = 0;
  while ((code = rows.step()) == SQLITE_ROW) {
    if (auto record = decode_inflight(rows.bytes(1)))
      out.push_back(std::move(*record));
    else
      core::log::error("journal: in-flight row of request {} cannot be read and is left", rows.bytes(0));
  }
  if (code != SQLITE_DONE) return failure(files_->db, "read in-flight rows");
  return out;
}

std::size_t Journal::queued() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

bool Journal::commit_queued() {
  std::lock_guard one(commit_mutex_);
  std::deque<Operation> group = std::move(failed_);
  failed_.clear();
  {
    std::lock_guard lock(mutex_);
    while (!queue_.empty() && group.size() < kGroupLimit) {
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }
  if (group.empty()) return delete_applied() && false;
  auto now = clock_.unix_millis();
  if (!write_group(group)) {
    if (writable_.exchange(false)) {
      core::log::error("journal: {}; records wait in memory", sqlite3_errmsg(files_->db));
      failing_since_ms_ = now;
    }
    if (!sqlite3_get_autocommit(files_->db)) run(files_->db, "ROLLBACK");
    failed_ = std::move(group);
    if (now - failing_since_ms_ >= kPatienceMs) {
      for (auto& operation : failed_)
        if (auto done = std::exchange(operation.done, {})) done(Committed::kInMemory);
    }
    return false;
  }
  if (!writable_.exchange(true)) core::log::warn("journal: the disk takes records again");
  std::size_t bytes = 0;
  bool records = false;
  for (auto& operation : group) {
    bytes += operation.size();
    records = records || operation.what == Operation::What::kAppend;
    if (operation.done) operation.done(Committed::kOnDisk);
  }
  {
    std::lock_guard lock(mutex_);
    queued_bytes_ -= bytes;
  }
  if (records && on_commit_) on_commit_();
  return true;
}

bool Journal::write_group(std::deque<Operation>& group) {
  auto* db = files_->db;
  if (!files_->group) files_->group.emplace(db);
  auto& [begin, commit, insert, put, remove, quarantine] = *files_->group;
  if (!begin.run()) return false;
  auto seq = next_seq_;
  auto last = last_seq_.load();
  auto now = clock_.unix_millis();
  // A superset of the rows that exist: one that never came to disk only costs a needless DELETE.
  auto drop = [&](const std::string& id) { return !inflight_ids_.contains(id) || remove.text(1, id).run(); };
  for (auto& operation : group) {
    bool ok = true;
    switch (operation.what) {
      case Operation::What::kAppend:
        ok = insert.bind(1, seq).bind(2, last).bind(3, operation.kind).bind(4, now).blob(5, operation.payload).run() &&
             drop(operation.request_id);
        last = seq++;
        break;
      case Operation::What::kPut:
        ok = put.text(1, operation.request_id).bind(2, now).blob(3, operation.payload).run();
        inflight_ids_.insert(operation.request_id);
        break;
      case Operation::What::kRemove: ok = drop(operation.request_id); break;
      case Operation::What::kQuarantine:
        ok = quarantine.bind(1, operation.seq).text(2, operation.request_id).blob(3, operation.payload).run();
        break;
    }
    if (!ok) return false;
  }
  core::fault_point("journal.filled");
  if (!commit.run()) return false;
  core::fault_point("journal.committed");
  next_seq_ = seq;
  last_seq_ = last;
  for (const auto& operation : group) {
    if (operation.what == Operation::What::kAppend || operation.what == Operation::What::kRemove)
      inflight_ids_.erase(operation.request_id);
    else if (operation.what == Operation::What::kPut)
      inflight_ids_.insert(operation.request_id);
  }
  return true;
}

bool Journal::delete_applied() {
  auto now = clock_.unix_millis();
  auto* db = files_->db;
  if (!writable_ || now - deleted_at_ms_ < kDeletePauseMs) return true;
  deleted_at_ms_ = now;
  if (!run(db, "BEGIN IMMEDIATE")) return false;
  std::int64_t until = 0;
  {
    // The newest row stays: its number is the `prev` of the next.
    Statement bound(db,
                    "SELECT MAX(seq) FROM (SELECT seq FROM records WHERE seq <= ? AND at < ? AND"
                    " seq < (SELECT MAX(seq) FROM records) ORDER BY seq LIMIT ?)");
    bound.bind(1, applied_).bind(2, now - settings_.keep.count()).bind(3, static_cast<std::int64_t>(kDeletedAtOnce));
    if (bound.step() == SQLITE_ROW) until = bound.integer(0);
  }
  bool ok = true;
  if (until > 0) {
    Statement remove(db, "DELETE FROM records WHERE seq <= ?");
    Statement note(db, "INSERT OR REPLACE INTO meta VALUES('last_deleted', ?)");
    ok = remove.bind(1, until).run() && note.bind(1, until).run();
  }
  bool committed = ok && run(db, "COMMIT");
  if (!committed && !sqlite3_get_autocommit(db)) run(db, "ROLLBACK");
  return committed;
}

void Journal::run_writer() {
  for (;;) {
    bool moved = commit_queued();
    std::unique_lock lock(mutex_);
    if (moved && !queue_.empty()) continue;
    if (stopping_) return;
    if (writable_)
      wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_ || !queue_.empty(); });
    else
      wake_.wait_for(lock, kRetryPause, [this] { return stopping_; });
  }
}

void Journal::run_checkpoints() {
  auto opened = open_handle(files_->path, SQLITE_OPEN_READWRITE);
  if (!opened) {
    core::log::error("{}", opened.error().message);
    return;
  }
  auto* db = *opened;
  // A connection that has never read does no checkpoint and says OK.
  if (!run(db, "SELECT COUNT(*) FROM meta")) core::log::error("journal: the checkpoint helper cannot read");
  std::unique_lock lock(mutex_);
  bool reported = false;
  while (!stop_checkpoints_.wait_for(lock, kCheckpointPause, [this] { return stopping_; })) {
    lock.unlock();
    int in_log = -1;
    int done = -1;
    int code = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
    if ((code != SQLITE_OK || in_log < 0) && code != SQLITE_BUSY && !std::exchange(reported, true))
      core::log::error("journal: checkpoint failed: {}", sqlite3_errmsg(db));
    lock.lock();
  }
  lock.unlock();
  sqlite3_close(db);
}

core::Result<JournalReader> Journal::reader() {
  auto opened = open_handle(settings_.directory + "/journal.db", SQLITE_OPEN_READWRITE);
  if (!opened) return opened.error();
  if (!run(*opened, "PRAGMA query_only=1")) {
    auto error = failure(*opened, "reader");
    sqlite3_close(*opened);
    return error;
  }
  return JournalReader(*opened);
}

JournalReader::~JournalReader() { sqlite3_close(db_); }

core::Result<std::vector<JournalRow>> JournalReader::read(std::int64_t after, std::size_t limit) {
  Statement rows(db_, "SELECT seq, prev, at, payload FROM records WHERE seq > ? ORDER BY seq LIMIT ?");
  rows.bind(1, after).bind(2, static_cast<std::int64_t>(limit));
  std::vector<JournalRow> out;
  int code = 0;
  while ((code = rows.step()) == SQLITE_ROW)
    out.push_back({.seq = rows.integer(0), .prev = rows.integer(1), .at = rows.integer(2), .payload = rows.bytes(3)});
  if (code != SQLITE_DONE) return failure(db_, "read");
  return out;
}

}  // namespace tollgate::billing
