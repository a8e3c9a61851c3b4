// SQLite: one connection a lease, statements prepared once and kept, errors mapped to classes.
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "sql/connection.h"

namespace tollgate::sql {
namespace {

constexpr int kBusyTimeoutMs = 30'000;
constexpr std::size_t kStatementsKept = 256;
constexpr int kLongLog = 1000;  // pages of the write-ahead log, from which on they are moved into the file
constexpr auto kLeaseWait = std::chrono::seconds(10);

ErrorClass classify(int extended) {
  switch (extended & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorClass::kConflict;
    case SQLITE_READONLY: return ErrorClass::kReadOnly;
    case SQLITE_FULL:
    case SQLITE_NOMEM: return ErrorClass::kResource;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorClass::kConnection;
    case SQLITE_INTERRUPT: return ErrorClass::kTimeout;
    case SQLITE_CONSTRAINT:
      return extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ? ErrorClass::kDuplicate
                                                                                              : ErrorClass::kData;
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH: return ErrorClass::kData;
    default: return ErrorClass::kOther;
  }
}

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(sqlite3* handle) : handle_(handle) {}
  ~SqliteConnection() override {
    for (auto& [text, entry] : statements_) sqlite3_finalize(entry.statement);
    sqlite3_close(handle_);
  }

  Dialect dialect() const override { return Dialect::kSqlite; }

  Result<std::vector<Row>> query(std::string_view text, std::span<const Param> params) override {
    auto prepared = prepare(text);
    if (!prepared) return prepared.error();
    auto* statement = *prepared;
    if (auto bound = bind(statement, params); !bound) return bound.error();
    std::vector<Row> rows;
    for (;;) {
      int code = sqlite3_step(statement);
      if (code == SQLITE_ROW) {
        rows.push_back(read_row(statement));
        continue;
      }
      auto result = code == SQLITE_DONE ? Result<void>() : Result<void>(failure());
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
      if (!result) return result.error();
      return rows;
    }
  }

  Result<Executed> execute(std::string_view text, std::span<const Param> params) override {
    auto prepared = prepare(text);
    if (!prepared) return prepared.error();
    auto* statement = *prepared;
    if (auto bound = bind(statement, params); !bound) return bound.error();
    int code = sqlite3_step(statement);
    while (code == SQLITE_ROW) code = sqlite3_step(statement);
    auto result = code == SQLITE_DONE ? Result<void>() : Result<void>(failure());
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (!result) return result.error();
    return Executed{sqlite3_changes64(handle_), sqlite3_last_insert_rowid(handle_)};
  }

  Result<void> begin() override { return simple("BEGIN IMMEDIATE"); }
  Result<void> commit() override { return simple("COMMIT"); }
  void rollback() override {
    if (in_transaction()) (void)simple("ROLLBACK");
  }
  bool in_transaction() const override { return sqlite3_get_autocommit(handle_) == 0; }
  bool usable() const { return usable_; }

 private:
  struct Entry {
    sqlite3_stmt* statement;
    std::list<std::string>::iterator age;
  };

  Error failure() {
    int code = sqlite3_extended_errcode(handle_);
    auto cls = classify(code);
    if (cls == ErrorClass::kConnection) usable_ = false;
    return Error{cls, code, sqlite3_errmsg(handle_)};
  }

  Result<void> simple(const char* text) {
    auto done = execute(text, {});
    if (!done) return done.error();
    return {};
  }

  Result<sqlite3_stmt*> prepare(std::string_view text) {
    auto found = statements_.find(std::string(text));
    if (found != statements_.end()) {
      ages_.splice(ages_.begin(), ages_, found->second.age);
      return found->second.statement;
    }
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    int code = sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT,
                                  &statement, &tail);
    if (code != SQLITE_OK) return failure();
    std::string_view rest(tail, static_cast<std::size_t>(text.data() + text.size() - tail));
    if (!statement || rest.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
      sqlite3_finalize(statement);
      return Error{ErrorClass::kOther, SQLITE_MISUSE, "exactly one statement is expected"};
    }
    if (statements_.size() >= kStatementsKept) {
      auto oldest = statements_.find(ages_.back());
      sqlite3_finalize(oldest->second.statement);
      statements_.erase(oldest);
      ages_.pop_back();
    }
    ages_.emplace_front(text);
    statements_.emplace(std::string(text), Entry{statement, ages_.begin()});
    return statement;
  }

  // The other databases cannot store NUL in text, so none of them does.
  static std::string_view up_to_nul(std::string_view text, std::string& copy) {
    if (text.find('\0') == std::string_view::npos) return text;
    copy.assign(text);
    std::erase(copy, '\0');
    return copy;
  }

  Result<void> bind(sqlite3_stmt* statement, std::span<const Param> params) {
    if (static_cast<std::size_t>(sqlite3_bind_parameter_count(statement)) != params.size())
      return Error{ErrorClass::kOther, SQLITE_RANGE, "number of values does not match the statement"};
    for (std::size_t i = 0; i < params.size(); ++i) {
      int at = static_cast<int>(i) + 1;
      int code = std::visit(
          [&](const auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, std::nullptr_t>) {
              return sqlite3_bind_null(statement, at);
            } else if constexpr (std::is_same_v<T, std::int64_t>) {
              return sqlite3_bind_int64(statement, at, value);
            } else if constexpr (std::is_same_v<T, double>) {
              return sqlite3_bind_double(statement, at, value);
            } else if constexpr (std::is_same_v<T, bool>) {
              return sqlite3_bind_int64(statement, at, value ? 1 : 0);
            } else if constexpr (std::is_same_v<T, Blob>) {
              return sqlite3_bind_blob64(statement, at, value.bytes.data() ? value.bytes.data() : "",
                                         value.bytes.size(), SQLITE_TRANSIENT);
            } else {
              std::string copy;
              auto text = up_to_nul(value, copy);
              return sqlite3_bind_text64(statement, at, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT,
                                         SQLITE_UTF8);
            }
          },
          params[i]);
      if (code != SQLITE_OK) return failure();
    }
    return {};
  }

  static Row read_row(sqlite3_stmt* statement) {
    std::vector<Value> values;
    int columns = sqlite3_column_count(statement);
    values.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) {
      switch (sqlite3_column_type(statement, i)) {
        case SQLITE_NULL: values.emplace_back(nullptr); break;
        case SQLITE_INTEGER: values.emplace_back(static_cast<std::int64_t>(sqlite3_column_int64(statement, i))); break;
        case SQLITE_FLOAT: values.emplace_back(sqlite3_column_double(statement, i)); break;
        default: {
          const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, i));
          auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
          values.emplace_back(data ? std::string(data, size) : std::string());
        }
      }
    }
    return Row(std::move(values));
  }

  sqlite3* handle_;
  std::unordered_map<std::string, Entry> statements_;
  std::list<std::string> ages_;  // most recently used first
  bool usable_ = true;
};

// Moves the write-ahead log into the file while nobody writes, instead of SQLite's own way of doing it behind any
// commit: up to 3.51.2 it may lose a transaction that starts the log again at its beginning just as a checkpoint begins
// (sqlite.org/wal.html, "The WAL-Reset Bug"). Any thread.
class Checkpoint {
 public:
  explicit Checkpoint(std::string path) : path_(std::move(path)) {}
  ~Checkpoint() {
    sqlite3_close(blocker_);
    sqlite3_close(worker_);
  }
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  void watch(sqlite3* connection) { sqlite3_wal_hook(connection, &Checkpoint::on_log_written, this); }

 private:
  static int on_log_written(void* self, sqlite3*, const char*, int pages) {
    if (pages >= kLongLog) static_cast<Checkpoint*>(self)->run();
    return SQLITE_OK;
  }
  void run() {
    std::unique_lock one(mutex_, std::try_to_lock);
    if (!one || !open(blocker_) || !open(worker_)) return;
    if (sqlite3_exec(blocker_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK) return;
    sqlite3_wal_checkpoint_v2(worker_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    sqlite3_exec(blocker_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  bool open(sqlite3*& handle) const {
    if (handle) return true;
    // A connection that has never read does no checkpoint and says OK.
    if (sqlite3_open_v2(path_.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) == SQLITE_OK &&
        sqlite3_exec(handle, "SELECT COUNT(*) FROM sqlite_master", nullptr, nullptr, nullptr) == SQLITE_OK) {
      // SQLite's own waiting sleeps ever longer and never gets between two busy writers.
      sqlite3_busy_handler(handle, [](void*, int tries) { return ::usleep(100), tries < 10'000 ? 1 : 0; }, nullptr);
      return true;
    }
    sqlite3_close(std::exchange(handle, nullptr));
    return false;
  }

  std::string path_;
  std::mutex mutex_;
  sqlite3* blocker_ = nullptr;
  sqlite3* worker_ = nullptr;
};

class SqlitePool final : public Pool {
 public:
  SqlitePool(std::string path, std::size_t max)
      : path_(std::move(path)), checkpoint_(path_), max_(std::max<std::size_t>(max, 1)) {}
  ~SqlitePool() override = default;

  Dialect dialect() const override { return Dialect::kSqlite; }

  Result<Lease> lease() override {
    std::unique_lock lock(mutex_);
    bool got = returned_.wait_for(lock, kLeaseWait, [this] { return !idle_.empty() || open_ < max_; });
    if (!got) return Error{ErrorClass::kTimeout, 0, "all database connections are busy"};
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(connection));
    }
    ++open_;
    lock.unlock();
    auto opened = open();
    if (!opened) {
      lock.lock();
      --open_;
      return opened.error();
    }
    return Lease(this, std::move(*opened));
  }

  Result<void> check() {
    auto first = lease();
    if (!first) return first.error();
    return {};
  }

 protected:
  void give_back(std::unique_ptr<Connection> connection) override {
    connection->rollback();
    bool usable = static_cast<SqliteConnection&>(*connection).usable();
    std::lock_guard lock(mutex_);
    if (usable)
      idle_.push_back(std::move(connection));
    else
      --open_;
    returned_.notify_one();
  }

 private:
  Result<std::unique_ptr<Connection>> open() {
    bool fresh = path_ == ":memory:" || !std::filesystem::exists(path_) || std::filesystem::file_size(path_) == 0;
    sqlite3* handle = nullptr;
    int code = sqlite3_open_v2(path_.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                               nullptr);
    if (code != SQLITE_OK) {
      Error error{ErrorClass::kConnection, code,
                  "cannot open " + path_ + ": " + (handle ? sqlite3_errmsg(handle) : "out of memory")};
      sqlite3_close(handle);
      return error;
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    auto connection = std::make_unique<SqliteConnection>(handle);
    if (fresh) {
      if (auto done = connection->query("PRAGMA journal_mode=WAL", {}); !done) return done.error();
    }
    if (auto done = connection->query("PRAGMA synchronous=NORMAL", {}); !done) return done.error();
    checkpoint_.watch(handle);
    return std::unique_ptr<Connection>(std::move(connection));
  }

  std::string path_;
  Checkpoint checkpoint_;  // outlives the connections
  std::size_t max_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t open_ = 0;
};

}  // namespace

Result<std::unique_ptr<Pool>> open_sqlite(const std::string& path_and_params, std::size_t max_connections) {
  auto pool = std::make_unique<SqlitePool>(path_and_params.substr(0, path_and_params.find('?')), max_connections);
  if (auto first = pool->check(); !first) return first.error();
  return std::unique_ptr<Pool>(std::move(pool));
}

}  // namespace tollgate::sql
