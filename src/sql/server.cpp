#include "sql/server.h"

#include <thread>

namespace tollgate::sql {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kReadOnlyPatience = std::chrono::seconds(5);

bool reads(std::string_view statement) { return statement.starts_with("SELECT"); }

}  // namespace

template <class T>
Result<T> ServerConnection::noted(Result<T> result) {
  if (result) return result;
  switch (result.error().cls) {
    case ErrorClass::kConnection:
      usable_ = false;
      lost_ = true;
      in_transaction_ = false;
      break;
    case ErrorClass::kTimeout:
      // Our own limit: the server may still be at it.
      if (result.error().code != 0) break;
      usable_ = false;
      lost_ = true;
      in_transaction_ = false;
      break;
    case ErrorClass::kReadOnly: refused_write_ = true; break;
    default: break;
  }
  return result;
}

// Every write that a read-only server refused is known not to have happened.
template <class Run>
auto ServerConnection::write(Run run) -> decltype(run()) {
  auto until = steady_clock::now() + kReadOnlyPatience;
  auto pause = milliseconds(100);
  for (;;) {
    auto done = noted(run());
    if (done || done.error().cls != ErrorClass::kReadOnly || in_transaction_ || steady_clock::now() + pause > until)
      return done;
    std::this_thread::sleep_for(pause);
    pause *= 2;
    if (!renew()) return done;
  }
}

Result<std::vector<Row>> ServerConnection::query(std::string_view statement, std::span<const Param> params) {
  const bool again = !in_transaction_ && reads(statement);
  auto rows = noted(run_query(statement, params));
  if (rows || !again || rows.error().cls != ErrorClass::kConnection || !renew()) return rows;
  return noted(run_query(statement, params));
}

Result<Executed> ServerConnection::execute(std::string_view statement, std::span<const Param> params) {
  return write([&] { return run(statement, params, false); });
}

Result<Executed> ServerConnection::insert(std::string_view statement, std::span<const Param> params) {
  return write([&] { return run(statement, params, true); });
}

Result<void> ServerConnection::begin() {
  auto simple = [this](std::string_view text) -> Result<void> {
    auto done = noted(run(text, {}, false));
    if (!done) return done.error();
    return {};
  };
  auto begun = simple(begin_);
  // Nothing has happened yet: a connection that was dead already is no reason to fail.
  if (!begun && begun.error().cls == ErrorClass::kConnection && renew()) begun = simple(begin_);
  in_transaction_ = begun.has_value();
  return begun;
}

Result<void> ServerConnection::commit() {
  auto done = noted(run("COMMIT", {}, false));
  in_transaction_ = false;
  if (!done) {
    // Whether it happened is not known: nothing of this connection may be used again.
    usable_ = false;
    return done.error();
  }
  return {};
}

void ServerConnection::rollback() {
  if (!in_transaction_) return;
  in_transaction_ = false;
  if (usable_ && !noted(run("ROLLBACK", {}, false))) usable_ = false;
}

bool ServerConnection::renew() {
  if (in_transaction_) return false;
  auto connected = connect();
  usable_ = connected.has_value();
  return usable_;
}

void ServerConnection::limit_statements(std::chrono::milliseconds limit) {
  set_limit(limit);
  (void)renew();  // a connection that cannot be had shows in the next statement
}

bool ServerConnection::answers() { return usable_ && run_query("SELECT 1", {}).has_value(); }

Result<std::unique_ptr<Pool>> open_pool(const Dsn& dsn, const ServerSettings& settings) {
  if (const auto* file = std::get_if<SqliteDsn>(&dsn)) return open_sqlite(file->path_and_params, settings.max_open);
  if (const auto* mysql = std::get_if<MysqlDsn>(&dsn))
    return server_pool(Dialect::kMysql, connect_mysql(*mysql, settings), settings);
  return server_pool(Dialect::kPostgres, connect_postgres(std::get<PostgresDsn>(dsn), settings), settings);
}

}  // namespace tollgate::sql
