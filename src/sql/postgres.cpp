// PostgreSQL through libpq: unnamed statements with values beside them, on a socket that is waited for with a limit.
// Nothing is prepared by name, so that poolers in transaction mode work (docs/decisions/0008-sql-servers.md).
#include <libpq-fe.h>
#include <poll.h>

#include <charconv>
#include <cstring>
#include <mutex>
#include <optional>

#include "core/log.h"
#include "sql/names.h"
#include "sql/server.h"
#include "sql/statement.h"

namespace tollgate::sql {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Types whose values are read as numbers (pg_type.dat of the server's catalog).
constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kOid = 26, kFloat4 = 700, kFloat8 = 701, kBpchar = 1042,
              kNumeric = 1700;

struct Closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, Closer>;
using Answer = std::unique_ptr<PGresult, Closer>;

std::string_view one_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Waits until the socket is ready; false when the time is over.
bool ready(int descriptor, short events, steady_clock::time_point due) {
  for (;;) {
    auto left = std::chrono::duration_cast<milliseconds>(due - steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd waited{descriptor, events, 0};
    int got = ::poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)) + 1);
    if (got > 0) return true;
    if (got < 0 && errno != EINTR) return false;
  }
}

// What to connect to; the name alone where there is nothing to look up.
std::vector<std::string> targets_of(const std::string& host) {
  if (host.empty() || host.starts_with('/') || host.starts_with('@')) return {""};
  return addresses_of(host).texts;
}

class PostgresConnection final : public ServerConnection {
 public:
  PostgresConnection(PostgresDsn dsn, ServerSettings settings)
      : ServerConnection("BEGIN"), dsn_(std::move(dsn)), settings_(std::move(settings)) {}
  Dialect dialect() const override { return Dialect::kPostgres; }

  Result<void> connect() override {
    handle_.reset();
    Error last{ErrorClass::kConnection, 0, "no host"};
    for (const auto& host : dsn_.hosts) {
      auto addresses = targets_of(host.name);
      if (addresses.empty()) last = {ErrorClass::kConnection, 0, "the name " + host.name + " does not resolve"};
      for (const auto& address : addresses) {
        auto connected = connect_to(host, address);
        if (connected) return set_up_session();
        last = connected.error();
        // A server that answers so is the right one.
        if (last.cls != ErrorClass::kConnection && last.cls != ErrorClass::kTimeout && dsn_.hosts.size() == 1)
          return last;
      }
    }
    handle_.reset();
    return last;
  }

 protected:
  Result<std::vector<Row>> run_query(std::string_view statement, std::span<const Param> params) override {
    auto answer = ask(statement, params);
    if (!answer) return answer.error();
    const auto* result = answer->get();
    const int columns = PQnfields(result);
    const int count = PQntuples(result);
    std::vector<Row> rows;
    rows.reserve(static_cast<std::size_t>(count));
    for (int row = 0; row < count; ++row) {
      std::vector<Value> values;
      values.reserve(static_cast<std::size_t>(columns));
      for (int i = 0; i < columns; ++i) {
        if (PQgetisnull(result, row, i))
          values.emplace_back(nullptr);
        else
          values.push_back(value_of(
              PQftype(result, i), {PQgetvalue(result, row, i), static_cast<std::size_t>(PQgetlength(result, row, i))}));
      }
      rows.emplace_back(std::move(values));
    }
    return rows;
  }

  Result<Executed> run(std::string_view statement, std::span<const Param> params, bool returns_id) override {
    std::string with_id;
    if (returns_id) {
      with_id = std::string(statement) + " RETURNING id";
      statement = with_id;
    }
    auto answer = ask(statement, params);
    if (!answer) return answer.error();
    Executed done;
    std::string_view affected = PQcmdTuples(answer->get());
    std::from_chars(affected.data(), affected.data() + affected.size(), done.affected);
    if (returns_id && PQntuples(answer->get()) > 0) {
      std::string_view id = PQgetvalue(answer->get(), 0, 0);
      std::from_chars(id.data(), id.data() + id.size(), done.insert_id);
    }
    return done;
  }

  void set_limit(milliseconds limit) override { limit_ = limit.count() > 0 ? limit : settings_.statement; }

 private:
  Result<void> connect_to(const PostgresDsn::Host& host, const std::string& address) {
    std::vector<std::pair<std::string, std::string>> given{
        {"user", dsn_.user},       {"password", dsn_.password},
        {"dbname", dsn_.database}, {"client_encoding", "UTF8"},
        {"keepalives_idle", "60"}, {"keepalives_interval", "10"},
        {"keepalives_count", "6"}, {"application_name", "tollgate/" + settings_.node}};
    if (!host.name.empty()) given.emplace_back("host", host.name);
    if (!address.empty()) given.emplace_back("hostaddr", address);
    given.emplace_back("port", std::to_string(host.port));
    if (dsn_.hosts.size() > 1) given.emplace_back("target_session_attrs", "read-write");
    if (!settings_.ca_file.empty()) given.emplace_back("sslrootcert", settings_.ca_file);
    if (!settings_.certificate_file.empty()) given.emplace_back("sslcert", settings_.certificate_file);
    if (!settings_.key_file.empty()) given.emplace_back("sslkey", settings_.key_file);
    for (const auto& pair : dsn_.parameters) given.push_back(pair);  // later ones win
    std::vector<const char*> names, values;
    for (const auto& [name, value] : given) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    handle_.reset(PQconnectStartParams(names.data(), values.data(), 0));
    if (!handle_) return Error{ErrorClass::kResource, 0, "out of memory"};
    if (PQstatus(handle_.get()) == CONNECTION_BAD) return connect_failure();
    // Before the first poll: what the server says then ends with its SQLSTATE.
    PQsetErrorVerbosity(handle_.get(), PQERRORS_SQLSTATE);
    const auto due = steady_clock::now() + dsn_.connect_timeout.value_or(settings_.connect);
    for (auto state = PGRES_POLLING_WRITING;;) {
      if (state == PGRES_POLLING_OK) break;
      if (state == PGRES_POLLING_FAILED) return connect_failure();
      if (!ready(PQsocket(handle_.get()), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, due)) {
        handle_.reset();
        return Error{ErrorClass::kConnection, 0, "no answer from " + host.name + ":" + std::to_string(host.port)};
      }
      state = PQconnectPoll(handle_.get());
    }
    PQsetErrorVerbosity(handle_.get(), PQERRORS_DEFAULT);
    PQsetnonblocking(handle_.get(), 1);
    // Notices would go to standard error as they are.
    PQsetNoticeProcessor(handle_.get(), [](void*, const char*) {}, nullptr);
    return {};
  }

  Error connect_failure() {
    std::string text(one_line(PQerrorMessage(handle_.get())));
    handle_.reset();
    std::string_view state = text.size() > 5 ? std::string_view(text).substr(text.size() - 5) : std::string_view();
    if (state.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos ||
        text[text.size() - 6] != ' ')
      state = {};
    if (state.empty()) return Error{ErrorClass::kConnection, 0, std::move(text)};
    const char* what = state == "28P01" || state == "28000" ? "the user or the password is refused"
                       : state == "3D000"                   ? "the database does not exist"
                       : state == "53300"                   ? "too many connections"
                       : state == "57P03"                   ? "the server is starting"
                                                            : "the server refuses the connection";
    return Error{classify_postgres(state), sqlstate(state), std::string(what) + " (" + std::string(state) + ")"};
  }

  Result<void> set_up_session() {
    bool zone = false;
    for (const auto& [name, value] : dsn_.settings) {
      std::string quoted_value;
      for (char c : value) quoted_value += c == '\'' ? std::string("''") : std::string(1, c);
      if (auto done = run("SET " + name + " = '" + quoted_value + "'", {}, false); !done) return done.error();
      zone = zone || name == "TimeZone" || name == "timezone";
    }
    // Poolers may forbid these; the program is right without them.
    const std::string limit = "SET statement_timeout = " + std::to_string(limit_.count());
    const std::string idle =
        "SET idle_in_transaction_session_timeout = '" + std::to_string(kIdleTransaction.count()) + "s'";
    for (std::string_view statement :
         {std::string_view(limit), std::string_view(idle), std::string_view("SET TimeZone = 'UTC'")}) {
      if (statement.starts_with("SET TimeZone") && zone) continue;
      auto done = run(statement, {}, false);
      if (done) continue;
      if (done.error().cls == ErrorClass::kConnection) return done.error();
      static std::once_flag once;
      std::call_once(
          once, [&] { core::log::warn("database: a setting of the session is refused: {}", done.error().message); });
    }
    return {};
  }

  // Values that a statement and its text of parameters need to stay alive for.
  Result<Answer> ask(std::string_view statement, std::span<const Param> params) {
    if (!handle_) return Error{ErrorClass::kConnection, 0, "the connection is closed"};
    const auto pieces = split_placeholders(statement);
    if (pieces.size() != params.size() + 1)
      return Error{ErrorClass::kOther, 0, "number of values does not match the statement"};
    std::string text(pieces.front());
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      text += '$';
      text += std::to_string(i);
      text += pieces[i];
    }
    std::vector<std::string> kept(params.size());
    std::vector<const char*> values(params.size());
    for (std::size_t i = 0; i < params.size(); ++i) values[i] = text_of(params[i], kept[i]);
    const auto due = steady_clock::now() + limit_ + milliseconds(500);
    if (!PQsendQueryParams(handle_.get(), text.c_str(), static_cast<int>(params.size()), nullptr, values.data(),
                           nullptr, nullptr, 0))
      return gone();
    for (;;) {
      int left = PQflush(handle_.get());
      if (left < 0) return gone();
      if (left == 0) break;
      if (!ready(PQsocket(handle_.get()), POLLIN | POLLOUT, due)) return late();
      if (!PQconsumeInput(handle_.get())) return gone();
    }
    Answer last;
    for (;;) {
      while (PQisBusy(handle_.get())) {
        if (!ready(PQsocket(handle_.get()), POLLIN, due)) return late();
        if (!PQconsumeInput(handle_.get())) return gone();
      }
      Answer next(PQgetResult(handle_.get()));
      if (!next) break;
      last = std::move(next);
    }
    if (!last) return gone();
    auto status = PQresultStatus(last.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return last;
    return refused(last.get());
  }

  Error gone() {
    handle_.reset();
    return Error{ErrorClass::kConnection, 0, "the connection to the server broke"};
  }
  Error late() {
    handle_.reset();
    return Error{ErrorClass::kTimeout, 0, "no answer to a statement in time"};
  }

  Error refused(const PGresult* result) {
    auto field = [result](int code) {
      const char* text = PQresultErrorField(result, code);
      return std::string_view(text ? text : "");
    };
    const auto state = field(PG_DIAG_SQLSTATE);
    if (state.empty()) return gone();
    std::string message;
    // Texts of class 22 quote the value; details do so in every class.
    if (state == "23505")
      message = "a row with the same key exists: " + std::string(field(PG_DIAG_CONSTRAINT_NAME));
    else if (state.starts_with("22") || state.starts_with("P0"))
      message = "a value does not fit";
    else
      message = one_line(field(PG_DIAG_MESSAGE_PRIMARY));
    return Error{classify_postgres(state), sqlstate(state), message + " (" + std::string(state) + ")"};
  }

  // Null for NULL. `kept` holds what is not there already with a NUL behind it.
  static const char* text_of(const Param& param, std::string& kept) {
    return std::visit(
        [&kept](const auto& value) -> const char* {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, std::nullptr_t>) {
            return nullptr;
          } else if constexpr (std::is_same_v<T, bool>) {
            return value ? "1" : "0";
          } else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>) {
            kept = number_text(value);
            return kept == "NULL" ? nullptr : kept.c_str();
          } else {
            std::string_view given;
            if constexpr (std::is_same_v<T, Blob>)
              given = value.bytes;
            else
              given = value;
            std::string copy;
            kept = storable(given, copy);
            return kept.c_str();
          }
        },
        param);
  }

  static Value value_of(Oid type, std::string_view text) {
    switch (type) {
      case kBool: return std::int64_t{text == "t" ? 1 : 0};
      case kInt2:
      case kInt4:
      case kInt8:
      case kOid: return integer_value(text, 0);
      case kNumeric:  // also the sum of integers
        return decimal_value(text);
      case kFloat4:
      case kFloat8: return real_value(text);
      case kBpchar:  // filled up with blanks
        while (text.ends_with(' ')) text.remove_suffix(1);
        return std::string(text);
      default: return std::string(text);
    }
  }

  const PostgresDsn dsn_;
  const ServerSettings settings_;
  milliseconds limit_ = settings_.statement;
  Handle handle_;
};

}  // namespace

Connect connect_postgres(PostgresDsn dsn, ServerSettings settings) {
  return [dsn = std::move(dsn), settings = std::move(settings)]() -> Result<std::unique_ptr<ServerConnection>> {
    auto connection = std::make_unique<PostgresConnection>(dsn, settings);
    if (auto connected = connection->connect(); !connected) return connected.error();
    return std::unique_ptr<ServerConnection>(std::move(connection));
  };
}

}  // namespace tollgate::sql
