// What the two kinds of database servers have in common: settings, one connection that can be renewed, a pool.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "sql/connection.h"
#include "sql/dsn.h"

namespace tollgate::sql {

struct ServerSettings {
  std::size_t max_open = 32;                        // SQL_MAX_OPEN_CONNS
  std::size_t max_idle = 100;                       // SQL_MAX_IDLE_CONNS
  std::chrono::milliseconds lifetime{60'000};       // SQL_MAX_LIFETIME, give or take a tenth; 0: for ever
  std::chrono::milliseconds statement{10'000};      // TOLLGATE_SQL_TIMEOUT
  std::chrono::milliseconds connect{5'000};         // TOLLGATE_SQL_CONNECT_TIMEOUT; the DSN's own wins
  std::chrono::milliseconds wait{2'000};            // for a connection when all are lent
  std::string node;                                 // shown by the server: application_name
  std::string ca_file, certificate_file, key_file;  // TOLLGATE_SQL_CA, _CERT, _KEY
};

// A server ends a connection that begins a transaction and then says nothing for so long: a node that was frozen or cut
// off keeps no account locked for the others. Nothing here pauses inside of a transaction.
constexpr std::chrono::seconds kIdleTransaction{5};

// Error classes by the servers' own numbers, never by their texts.
ErrorClass classify_mysql(int code);
ErrorClass classify_postgres(std::string_view state);

// A connection to a server. Reads outside of a transaction that lose their connection are repeated once on a new one;
// writes that a read-only server refused are repeated on new ones for some seconds, since it may just have changed
// its role.
class ServerConnection : public Connection {
 public:
  Result<std::vector<Row>> query(std::string_view statement, std::span<const Param> params) final;
  Result<Executed> execute(std::string_view statement, std::span<const Param> params) final;
  Result<Executed> insert(std::string_view statement, std::span<const Param> params) final;
  Result<void> begin() final;
  Result<void> commit() final;
  void rollback() final;
  bool in_transaction() const final { return in_transaction_; }
  bool renew() final;
  void limit_statements(std::chrono::milliseconds limit) final;
  using Connection::execute;
  using Connection::insert;
  using Connection::query;

  bool usable() const { return usable_; }
  // The server is not there, or is no longer the one that takes writes: what else leads to it had better be closed.
  bool lost() const { return lost_; }
  bool refused_write() const { return refused_write_; }
  bool answers();  // SELECT 1

 protected:
  explicit ServerConnection(std::string begin) : begin_(std::move(begin)) {}
  virtual Result<std::vector<Row>> run_query(std::string_view statement, std::span<const Param> params) = 0;
  virtual Result<Executed> run(std::string_view statement, std::span<const Param> params, bool returns_id) = 0;
  virtual Result<void> connect() = 0;                           // in place of what there is
  virtual void set_limit(std::chrono::milliseconds limit) = 0;  // of statements, from the next connect() on

 private:
  template <class T>
  Result<T> noted(Result<T> result);
  template <class Run>
  auto write(Run run) -> decltype(run());

  std::string begin_;
  bool in_transaction_ = false;
  bool usable_ = true, lost_ = false, refused_write_ = false;
};

using Connect = std::function<Result<std::unique_ptr<ServerConnection>>()>;
Connect connect_mysql(MysqlDsn dsn, ServerSettings settings);
Connect connect_postgres(PostgresDsn dsn, ServerSettings settings);

// Connections are made when they are needed. A server that is away costs one attempt at a time with growing pauses,
// not one a request: whoever comes in between is told at once. Thread-safe.
std::unique_ptr<Pool> server_pool(Dialect dialect, Connect connect, const ServerSettings& settings);

// The pool of any kind of database. Does not touch the network: the first lease does. A SQLite file is opened.
Result<std::unique_ptr<Pool>> open_pool(const Dsn& dsn, const ServerSettings& settings);

}  // namespace tollgate::sql
