// MySQL and MariaDB through libmariadb, by its text protocol with escaped values: one round trip a statement, and
// nothing that a proxy in between would have to remember (docs/decisions/0008-sql-servers.md).
#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <mutex>
#include <optional>

#include "core/log.h"
#include "sql/names.h"
#include "sql/server.h"
#include "sql/statement.h"

namespace tollgate::sql {
namespace {

using std::chrono::milliseconds;

// Before reads outside of a transaction, of which most decide something: proxies that send reads to replicas can be
// told by it to send these to the primary (docs/databases.md).
constexpr std::string_view kFresh = "/* tg:rw */ ";

constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

// libmariadb counts in whole seconds.
unsigned seconds_of(milliseconds time) {
  return static_cast<unsigned>(std::max<std::int64_t>(1, (time.count() + 999) / 1000));
}

// The server's texts quote statements and values; only those are shown of which that is not so.
bool text_is_safe(int code) {
  switch (code) {
    case 1040:
    case 1044:
    case 1045:
    case 1049:
    case 1053:
    case 1054:
    case 1142:
    case 1143:
    case 1146:
    case 1205:
    case 1213:
    case 1226:
    case 1290:
    case 1364:
    case 1406:
    case 1792:
    case 1836:
    case 1927: return true;
    default: return code >= 2000 && code < 3000;
  }
}

std::string shown(int code, std::string_view text) {
  if (code == 1062) {
    // Duplicate entry '…' for key '…': the name of the key without the value.
    auto at = text.rfind("for key '");
    auto key = at == std::string_view::npos ? std::string_view() : text.substr(at + 9);
    return "a row with the same key exists: " + std::string(key.substr(0, key.find('\''))) + " (1062)";
  }
  if (text_is_safe(code)) return std::string(text) + " (" + std::to_string(code) + ")";
  return "the server refuses the statement (" + std::to_string(code) + ")";
}

class MysqlConnection final : public ServerConnection {
 public:
  MysqlConnection(MysqlDsn dsn, ServerSettings settings)
      : ServerConnection("START TRANSACTION"), dsn_(std::move(dsn)), settings_(std::move(settings)) {}
  ~MysqlConnection() override { close(); }
  Dialect dialect() const override { return Dialect::kMysql; }

  Result<void> connect() override {
    if (!dsn_.socket.empty()) return connect_to("");
    auto found = addresses_of(dsn_.host);
    // A certificate is held against the host's name, so that is what libmariadb has to be given then.
    if (found.texts.empty() || (found.remembered && dsn_.tls == TlsMode::kVerifyFull))
      return Error{ErrorClass::kConnection, 2005, "the name " + dsn_.host + " does not resolve (2005)"};
    if (!found.remembered) return connect_to(dsn_.host);
    Result<void> connected;
    for (const auto& address : found.texts) {
      connected = connect_to(address);
      if (connected) break;
    }
    return connected;
  }

 protected:
  Result<std::vector<Row>> run_query(std::string_view statement, std::span<const Param> params) override {
    const bool alone = !in_transaction() && statement.starts_with("SELECT");
    if (auto sent = send(statement, params, alone ? kFresh : std::string_view()); !sent) return sent.error();
    MYSQL_RES* result = mysql_store_result(handle_);
    if (!result) {
      if (mysql_errno(handle_) != 0) return failure();
      return std::vector<Row>();  // a statement that has no rows to give
    }
    std::vector<Row> rows;
    rows.reserve(static_cast<std::size_t>(mysql_num_rows(result)));
    const auto columns = mysql_num_fields(result);
    const auto* fields = mysql_fetch_fields(result);
    while (MYSQL_ROW row = mysql_fetch_row(result)) {
      const auto* lengths = mysql_fetch_lengths(result);
      std::vector<Value> values;
      values.reserve(columns);
      for (unsigned i = 0; i < columns; ++i)
        values.push_back(row[i] ? value_of(fields[i], std::string_view(row[i], lengths[i])) : Value(nullptr));
      rows.emplace_back(std::move(values));
    }
    mysql_free_result(result);
    return rows;
  }

  Result<Executed> run(std::string_view statement, std::span<const Param> params, bool) override {
    if (auto sent = send(statement, params); !sent) return sent.error();
    if (MYSQL_RES* result = mysql_store_result(handle_)) mysql_free_result(result);
    if (mysql_errno(handle_) != 0) return failure();
    return Executed{static_cast<std::int64_t>(mysql_affected_rows(handle_)),
                    static_cast<std::int64_t>(mysql_insert_id(handle_))};
  }

  void set_limit(milliseconds limit) override { limit_ = limit.count() > 0 ? limit : settings_.statement; }

 private:
  // `host` is a name, of which all addresses are tried, or an address; empty: the socket.
  Result<void> connect_to(const std::string& host) {
    close();
    handle_ = mysql_init(nullptr);
    if (!handle_) return Error{ErrorClass::kResource, 0, "out of memory"};
    set_options();
    // "localhost" would mean the default socket: the protocol is named.
    unsigned protocol = host.empty() ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    mysql_options(handle_, MYSQL_OPT_PROTOCOL, &protocol);
    if (!mysql_real_connect(handle_, host.empty() ? nullptr : host.c_str(), dsn_.user.c_str(), dsn_.password.c_str(),
                            dsn_.database.c_str(), dsn_.port, host.empty() ? dsn_.socket.c_str() : nullptr,
                            CLIENT_FOUND_ROWS))
      return failure();
    keep_alive();
    return set_up_session();
  }

  void close() {
    if (handle_) mysql_close(handle_);
    handle_ = nullptr;
  }

  Error failure() {
    const auto code = static_cast<int>(mysql_errno(handle_));
    return Error{classify_mysql(code), code, shown(code, mysql_error(handle_))};
  }

  void set_options() {
    auto limit = [this](mysql_option option, milliseconds time) {
      unsigned seconds = seconds_of(time);
      mysql_options(handle_, option, &seconds);
    };
    limit(MYSQL_OPT_CONNECT_TIMEOUT, dsn_.connect_timeout.value_or(settings_.connect));
    // Beyond the server's own limit, which leaves the connection usable.
    limit(MYSQL_OPT_READ_TIMEOUT,
          limit_ != settings_.statement ? limit_ : dsn_.read_timeout.value_or(limit_ + milliseconds(1000)));
    limit(MYSQL_OPT_WRITE_TIMEOUT, dsn_.write_timeout.value_or(settings_.statement));
    mysql_options(handle_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    unsigned off = 0;
    mysql_options(handle_, MYSQL_OPT_LOCAL_INFILE, &off);
    unsigned long packet = dsn_.max_packet == 0 ? 1UL << 30U : static_cast<unsigned long>(dsn_.max_packet);
    mysql_options(handle_, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    if (dsn_.cleartext_passwords) {
      my_bool on = 1;
      mysql_options(handle_, MYSQL_ENABLE_CLEARTEXT_PLUGIN, &on);
    }
    if (dsn_.tls == TlsMode::kOff) return;
    auto path = [](const std::string& file) { return file.empty() ? nullptr : file.c_str(); };
    const bool verified = dsn_.tls == TlsMode::kVerifyCa || dsn_.tls == TlsMode::kVerifyFull;
    const char* authorities = settings_.ca_file.empty() ? kSystemAuthorities : settings_.ca_file.c_str();
    mysql_ssl_set(handle_, path(settings_.key_file), path(settings_.certificate_file), verified ? authorities : nullptr,
                  nullptr, nullptr);
    my_bool enforce = dsn_.tls != TlsMode::kPreferred;
    my_bool verify = dsn_.tls == TlsMode::kVerifyFull;
    mysql_options(handle_, MYSQL_OPT_SSL_ENFORCE, &enforce);
    mysql_options(handle_, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  }

  void keep_alive() {
    const int descriptor = static_cast<int>(mysql_get_socket(handle_));
    auto set = [descriptor](int level, int option, int value) {
      (void)::setsockopt(descriptor, level, option, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set(IPPROTO_TCP, TCP_KEEPCNT, 6);
  }

  Result<void> set_up_session() {
    // libmariadb must know the character set, because values are escaped by it.
    bool known = false;
    for (const auto& charset : dsn_.charsets) known = known || mysql_set_character_set(handle_, charset.c_str()) == 0;
    if (!known) return failure();
    if (!dsn_.collation.empty())
      if (auto done = simple("SET NAMES " + dsn_.charsets.front() + " COLLATE " + dsn_.collation); !done)
        return done.error();
    const bool mariadb = std::string_view(mysql_get_server_info(handle_)).find("MariaDB") != std::string_view::npos;
    const std::string zone = "time_zone = '+00:00'";
    // MySQL has no limit of idle transactions.
    const std::string limit =
        mariadb ? "max_statement_time = " + number_text(static_cast<double>(limit_.count()) / 1000) +
                      ", SESSION idle_transaction_timeout = " + std::to_string(kIdleTransaction.count())
                : "max_execution_time = " + std::to_string(limit_.count());
    // All at once, where the server knows these names; else one by one. Poolers may forbid them; the program is right
    // without them.
    const char* isolation = mariadb ? "tx_isolation" : "transaction_isolation";
    if (!simple("SET " + zone + ", SESSION " + limit + ", SESSION " + isolation + " = 'READ-COMMITTED'"))
      for (const auto& statement : {"SET " + zone, "SET SESSION " + limit,
                                    std::string("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")})
        if (auto done = simple(statement); !done && !tolerated(done.error())) return done.error();
    for (const auto& [name, value] : dsn_.variables)
      if (auto done = simple("SET SESSION " + name + " = " + value); !done) return done.error();
    return {};
  }

  static bool tolerated(const Error& error) {
    if (error.cls == ErrorClass::kConnection) return false;
    static std::once_flag once;
    std::call_once(once, [&] { core::log::warn("database: a setting of the session is refused: {}", error.message); });
    return true;
  }

  Result<void> simple(std::string_view statement) {
    auto done = run(statement, {}, false);
    if (!done) return done.error();
    return {};
  }

  Result<void> send(std::string_view statement, std::span<const Param> params, std::string_view before = {}) {
    if (!handle_) return Error{ErrorClass::kConnection, 2006, "the connection is closed (2006)"};
    const auto pieces = split_placeholders(statement);
    if (pieces.size() != params.size() + 1)
      return Error{ErrorClass::kOther, 0, "number of values does not match the statement"};
    text_ = before;
    for (std::size_t i = 0; i < params.size(); ++i) {
      text_ += pieces[i];
      append(params[i]);
    }
    text_ += pieces.back();
    auto failed = mysql_real_query(handle_, text_.data(), static_cast<unsigned long>(text_.size())) != 0;
    if (text_.capacity() > (1U << 20U)) std::string().swap(text_);
    if (failed) return failure();
    return {};
  }

  void append(const Param& param) {
    std::visit(
        [this](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, std::nullptr_t>) {
            text_ += "NULL";
          } else if constexpr (std::is_same_v<T, bool>) {
            text_ += value ? '1' : '0';
          } else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>) {
            text_ += number_text(value);
          } else if constexpr (std::is_same_v<T, Blob>) {
            append_text(value.bytes);
          } else {
            append_text(value);
          }
        },
        param);
  }

  void append_text(std::string_view given) {
    std::string copy;
    auto text = storable(given, copy);
    text_ += '\'';
    const auto at = text_.size();
    text_.resize(at + 2 * text.size() + 1);
    auto length =
        mysql_real_escape_string(handle_, text_.data() + at, text.data(), static_cast<unsigned long>(text.size()));
    text_.resize(at + length);
    text_ += '\'';
  }

  static Value value_of(const MYSQL_FIELD& field, std::string_view text) {
    switch (field.type) {
      case MYSQL_TYPE_TINY:
      case MYSQL_TYPE_SHORT:
      case MYSQL_TYPE_LONG:
      case MYSQL_TYPE_INT24:
      case MYSQL_TYPE_LONGLONG:
      case MYSQL_TYPE_YEAR: return integer_value(text, INT64_MAX);
      case MYSQL_TYPE_DECIMAL:
      case MYSQL_TYPE_NEWDECIMAL:  // also the sum of integers
        return decimal_value(text);
      case MYSQL_TYPE_FLOAT:
      case MYSQL_TYPE_DOUBLE: return real_value(text);
      default: return std::string(text);
    }
  }

  const MysqlDsn dsn_;
  const ServerSettings settings_;
  milliseconds limit_ = settings_.statement;
  MYSQL* handle_ = nullptr;
  std::string text_;
};

}  // namespace

Connect connect_mysql(MysqlDsn dsn, ServerSettings settings) {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
  return [dsn = std::move(dsn), settings = std::move(settings)]() -> Result<std::unique_ptr<ServerConnection>> {
    auto connection = std::make_unique<MysqlConnection>(dsn, settings);
    if (auto connected = connection->connect(); !connected) return connected.error();
    return std::unique_ptr<ServerConnection>(std::move(connection));
  };
}

}  // namespace tollgate::sql
