// The one interface to a database: a connection that runs statements, on whichever of the three servers.
// Values are bound or escaped by the driver; they never become SQL text by hand (guarantee X2).
#pragma once
#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tollgate::sql {

enum class Dialect { kSqlite, kMysql, kPostgres };

// What went wrong, as far as a caller may decide by it.
enum class ErrorClass {
  kConnection,  // the server is away or the connection broke; nothing is known about a COMMIT under way
  kConflict,    // deadlock, lock wait, serialisation, SQLITE_BUSY: roll back and repeat the transaction
  kDuplicate,   // a unique key exists
  kReadOnly,    // the server or the file takes no writes
  kResource,    // disk full, out of memory, too many connections
  kTimeout,     // the statement's limit fired
  kData,        // value too long, out of range, constraint violated
  kOther,       // a wrong statement: a fault of ours
};

struct Error {
  ErrorClass cls = ErrorClass::kOther;
  int code = 0;         // the server's own number; PostgreSQL's SQLSTATE as sqlstate() packs it
  std::string message;  // the server's own text without bound values
};

[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.message);
}

// Five digits and capitals as one number.
constexpr int sqlstate(std::string_view state) {
  int code = 0;
  for (char c : state) code = code * 36 + (c >= 'A' ? c - 'A' + 10 : c - '0');
  return code;
}

template <class T>
using Result = boost::system::result<T, Error>;

// A value to bind. Views must live until the call returns. Blob is for columns that must be stored as bytes on SQLite.
struct Blob {
  std::string_view bytes;
};
using Param = std::variant<std::nullptr_t, std::int64_t, double, bool, std::string_view, Blob>;

// A value read. Integers and booleans arrive as int64 where the column says so, texts and blobs as text.
using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string>;

// One row. Accessors convert as the shared schema needs it: NULL reads as zero or empty text.
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  std::size_t size() const { return values_.size(); }
  bool is_null(std::size_t column) const;
  std::int64_t integer(std::size_t column) const;  // text that is a number is converted, anything else is 0
  double real(std::size_t column) const;
  bool boolean(std::size_t column) const;
  std::string text(std::size_t column) const;
  const Value& raw(std::size_t column) const { return values_.at(column); }

 private:
  std::vector<Value> values_;
};

struct Executed {
  std::int64_t affected = 0;   // rows matched by an UPDATE/DELETE, rows inserted by an INSERT
  std::int64_t insert_id = 0;  // id given by the database to the (last) inserted row, 0 if none
};

// Not thread-safe: one thread uses a connection at a time. Placeholders are '?' on every dialect.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Dialect dialect() const = 0;
  virtual Result<std::vector<Row>> query(std::string_view statement, std::span<const Param> params = {}) = 0;
  virtual Result<Executed> execute(std::string_view statement, std::span<const Param> params = {}) = 0;
  // An INSERT of one row into a table with a column `id`, whose new value is insert_id. `execute` does not know it on
  // PostgreSQL.
  virtual Result<Executed> insert(std::string_view statement, std::span<const Param> params) {
    return execute(statement, params);
  }
  // A write transaction. On SQLite BEGIN IMMEDIATE. After a failed commit nothing is assumed about its outcome.
  virtual Result<void> begin() = 0;
  virtual Result<void> commit() = 0;
  virtual void rollback() = 0;  // harmless when no transaction is open
  virtual bool in_transaction() const = 0;
  // Outside of a transaction: goes on with a new connection to the same address, which may by now be another server.
  // False where there is no such thing or none can be had.
  virtual bool renew() { return false; }
  // Outside of a transaction: how long statements may run from now on; 0 is the usual limit. For the few that take
  // long, such as making an index.
  virtual void limit_statements(std::chrono::milliseconds) {}

  Result<std::vector<Row>> query(std::string_view statement, std::initializer_list<Param> params) {
    return query(statement, std::span<const Param>(params.begin(), params.size()));
  }
  Result<Executed> execute(std::string_view statement, std::initializer_list<Param> params) {
    return execute(statement, std::span<const Param>(params.begin(), params.size()));
  }
  Result<Executed> insert(std::string_view statement, std::initializer_list<Param> params) {
    return insert(statement, std::span<const Param>(params.begin(), params.size()));
  }
};

// Quotes an identifier that is a reserved word somewhere (`group`, `key`): back-ticks, on PostgreSQL double quotes.
std::string quoted(Dialect dialect, std::string_view identifier);

// Opens connections and lends them. Thread-safe. A lease gives the connection back when it dies; one whose last error
// was of class kConnection is closed instead.
class Pool {
 public:
  class Lease {
   public:
    Lease() = default;
    Lease(Pool* pool, std::unique_ptr<Connection> connection) : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept : pool_(other.pool_), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        pool_ = other.pool_;
        connection_ = std::move(other.connection_);
      }
      return *this;
    }
    ~Lease() { release(); }
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    void release() {
      if (connection_) pool_->give_back(std::move(connection_));
    }
    Pool* pool_ = nullptr;
    std::unique_ptr<Connection> connection_;
  };

  virtual ~Pool() = default;
  virtual Dialect dialect() const = 0;
  virtual Result<Lease> lease() = 0;  // waits at most the pool's wait limit

  // What health pages show.
  struct State {
    std::size_t open = 0, idle = 0, limit = 0;
    bool away = false;       // the last attempt to connect failed
    bool read_only = false;  // the last write was refused by a server that takes none
    std::string error;       // why, without secrets
  };
  virtual State state() const { return {}; }

 protected:
  virtual void give_back(std::unique_ptr<Connection> connection) = 0;
};

// A pool over one SQLite file. `path_and_params` is SQLITE_PATH: everything from '?' on is dropped except what SQLite
// itself would not understand anyway; busy timeout 30 s. A file that does not exist is created in WAL mode; an
// existing one keeps its mode.
Result<std::unique_ptr<Pool>> open_sqlite(const std::string& path_and_params, std::size_t max_connections);

}  // namespace tollgate::sql
