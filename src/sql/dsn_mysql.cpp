// The DSN of Go's MySQL driver (github.com/go-sql-driver/mysql, "DSN"), and URLs of the same meaning.
#include <array>

#include "core/ascii.h"
#include "sql/dsn.h"
#include "sql/dsn_text.h"

namespace tollgate::sql {
namespace {

using dsn::wrong;

constexpr std::array<std::string_view, 13> kWithoutEffect{"parseTime",
                                                          "loc",
                                                          "rejectReadOnly",
                                                          "interpolateParams",
                                                          "clientFoundRows",
                                                          "columnsWithAlias",
                                                          "multiStatements",
                                                          "checkConnLiveness",
                                                          "allowNativePasswords",
                                                          "allowOldPasswords",
                                                          "allowFallbackToPlaintext",
                                                          "allowAllFiles",
                                                          "serverPubKey"};

core::Result<void> take_tls(MysqlDsn& dsn, std::string_view value) {
  auto mode = core::ascii_lower(value);
  if (mode == "false" || mode == "0")
    dsn.tls = TlsMode::kOff;
  else if (mode == "true" || mode == "1" || mode == "custom")
    dsn.tls = TlsMode::kVerifyFull;
  else if (mode == "skip-verify")
    dsn.tls = TlsMode::kSkipVerify;
  else if (mode == "preferred")
    dsn.tls = TlsMode::kPreferred;
  else
    return wrong("tls must be false, true, skip-verify, preferred or custom");
  dsn.own_ca = mode == "custom";
  return {};
}

core::Result<void> take_ssl_mode(MysqlDsn& dsn, std::string_view value) {
  auto mode = core::ascii_lower(value);
  if (mode == "disabled")
    dsn.tls = TlsMode::kOff;
  else if (mode == "preferred")
    dsn.tls = TlsMode::kPreferred;
  else if (mode == "required")
    dsn.tls = TlsMode::kSkipVerify;
  else if (mode == "verify_ca")
    dsn.tls = TlsMode::kVerifyCa;
  else if (mode == "verify_identity")
    dsn.tls = TlsMode::kVerifyFull;
  else
    return wrong("ssl-mode must be DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY");
  return {};
}

core::Result<void> take_parameter(MysqlDsn& dsn, std::string_view name, const std::string& value, bool url) {
  auto duration = [&](std::optional<std::chrono::milliseconds>& into) -> core::Result<void> {
    auto parsed = parse_go_duration(value);
    if (!parsed) return wrong(std::string(name) + " must be a duration with a unit, such as 30s or 500ms");
    if (parsed->count() > 0) into = parsed;
    return {};
  };
  if (name == "tls") return take_tls(dsn, value);
  if (url && (name == "ssl-mode" || name == "sslmode")) return take_ssl_mode(dsn, value);
  if (name == "timeout") return duration(dsn.connect_timeout);
  if (name == "readTimeout") return duration(dsn.read_timeout);
  if (name == "writeTimeout") return duration(dsn.write_timeout);
  if (name == "charset") {
    dsn.charsets.clear();
    for (std::string_view rest = value; !rest.empty();) {
      auto comma = rest.find(',');
      auto item = core::trimmed(rest.substr(0, comma));
      if (item.empty() || !dsn::only(item, "_")) return wrong("charset must be a name such as utf8mb4, or a list a,b");
      dsn.charsets.emplace_back(item);
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    if (dsn.charsets.empty()) return wrong("charset must be a name such as utf8mb4, or a list a,b");
    return {};
  }
  if (name == "collation") {
    if (value.empty() || !dsn::only(value, "_")) return wrong("collation must be a name such as utf8mb4_general_ci");
    dsn.collation = value;
    return {};
  }
  if (name == "maxAllowedPacket") {
    std::uint64_t bytes = 0;
    auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), bytes);
    if (value.empty() || ec != std::errc() || end != value.data() + value.size())
      return wrong("maxAllowedPacket must be a number of bytes; 0 asks the server");
    dsn.max_packet = bytes;
    return {};
  }
  if (name == "allowCleartextPasswords") {
    dsn.cleartext_passwords = value == "1" || core::ascii_lower(value) == "true";
    return {};
  }
  if (std::find(kWithoutEffect.begin(), kWithoutEffect.end(), name) != kWithoutEffect.end() ||
      name == "connectionAttributes")
    return {};
  // Anything else is a variable of the session, whose value goes into a statement as it is.
  if (!dsn::only(name, "_.")) return wrong("a parameter's name may have letters, digits, '_' and '.' only");
  if (!dsn::only(value, "_.,'\" :+-"))
    return wrong("the value of \"" + std::string(name) + "\" may have letters, digits, blanks and _.,'\":+- only");
  dsn.variables.emplace_back(name, value);
  return {};
}

core::Result<void> take_parameters(MysqlDsn& dsn, std::string_view query, bool url) {
  for (auto [name, value] : dsn::query_pairs(query))
    if (auto taken = take_parameter(dsn, name, dsn::decoded(value), url); !taken) return taken.error();
  return {};
}

core::Result<void> take_address(MysqlDsn& dsn, std::string_view address) {
  if (address.empty()) return {};
  if (address.find(',') != std::string_view::npos)
    return wrong("one address is expected between the parentheses; put several servers behind one entry address");
  std::string_view port;
  if (address.starts_with('[')) {
    auto close = address.find(']');
    if (close == std::string_view::npos) return wrong("\"[\" without \"]\" in the address");
    dsn.host = address.substr(1, close - 1);
    auto rest = address.substr(close + 1);
    if (rest.empty()) return {};
    if (!rest.starts_with(':')) return wrong("\":port\" is expected after \"]\"");
    port = rest.substr(1);
  } else {
    auto colon = address.rfind(':');
    dsn.host = address.substr(0, colon);
    if (dsn.host.find(':') != std::string::npos)
      return wrong("an IPv6 address needs brackets: tcp([2001:db8::5]:3306)");
    if (colon == std::string_view::npos) return {};
    port = address.substr(colon + 1);
  }
  if (dsn.host.empty()) dsn.host = "127.0.0.1";
  auto number = dsn::port_of(port);
  if (!number) return wrong(dsn::kPortRange);
  dsn.port = *number;
  return {};
}

}  // namespace

core::Result<MysqlDsn> parse_mysql_dsn(std::string_view text) {
  if (text.starts_with("jdbc:")) return wrong("this is a JDBC URL; write it as user:password@tcp(host:3306)/database");
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos || text.ends_with(')'))
    return wrong("missing the slash that separates the database name: …)/database is expected at the end");
  auto left = text.substr(0, slash);
  auto right = text.substr(slash + 1);

  MysqlDsn out;
  const auto at = left.rfind('@');
  auto where = left;
  if (at != std::string_view::npos) {
    auto credentials = left.substr(0, at);
    auto colon = credentials.find(':');
    out.user = credentials.substr(0, colon);
    if (colon != std::string_view::npos) out.password = credentials.substr(colon + 1);
    where = left.substr(at + 1);
  }

  const auto open = where.find('(');
  const auto protocol = where.substr(0, open);
  if (open == std::string_view::npos) {
    if (protocol != "" && protocol != "tcp" && protocol != "unix") {
      std::string hint;
      // Shown only when it can be nothing but host and port.
      auto colon = protocol.rfind(':');
      if (at != std::string_view::npos && colon != std::string_view::npos && dsn::port_of(protocol.substr(colon + 1)) &&
          dsn::only(protocol.substr(0, colon), ".-"))
        hint = ": did you mean user:***@tcp(" + std::string(protocol) + ")/…?";
      return wrong("address must be tcp(host:port)" + hint);
    }
    if (protocol == "unix") out.socket = "/tmp/mysql.sock";
  } else {
    const auto close = where.rfind(')');
    if (protocol != "" && protocol != "tcp" && protocol != "unix") {
      auto shown = protocol.size() <= 5 && dsn::only(protocol, "") && at != std::string_view::npos
                       ? " \"" + std::string(protocol) + "\""
                       : std::string();
      return wrong("unknown protocol" + shown + " before \"(\"; tcp or unix is expected");
    }
    if (close == std::string_view::npos || close < open) return wrong("\"(\" without \")\" in the address");
    if (close + 1 != where.size()) {
      if (where.substr(close + 1).starts_with("/"))
        return wrong("\"/\" in a parameter; write %2F, because the last \"/\" separates the database name");
      return wrong("\"/database\" is expected after \")\"");
    }
    auto address = where.substr(open + 1, close - open - 1);
    if (protocol == "unix") {
      out.socket = address.empty() ? "/tmp/mysql.sock" : std::string(address);
    } else if (auto taken = take_address(out, address); !taken) {
      return taken.error();
    }
  }

  const auto question = right.find('?');
  out.database = right.substr(0, question);
  if (out.database.empty()) return wrong("no database name after the last \"/\"");
  if (question != std::string_view::npos)
    if (auto taken = take_parameters(out, right.substr(question + 1), false); !taken) return taken.error();
  return out;
}

core::Result<MysqlDsn> parse_mysql_url(std::string_view text) {
  auto rest = text.substr(text.find("://") + 3);
  MysqlDsn out;
  std::string_view query;
  if (auto question = rest.find('?'); question != std::string_view::npos) {
    query = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size())
    return wrong("no database name: mysql://user:password@host:port/database is expected");
  out.database = dsn::decoded(rest.substr(slash + 1));
  auto authority = rest.substr(0, slash);
  if (auto at = authority.find('@'); at != std::string_view::npos) {
    if (authority.find('@', at + 1) != std::string_view::npos)
      return wrong("two \"@\" before the database: write the one in the password as %40");
    auto credentials = authority.substr(0, at);
    auto colon = credentials.find(':');
    out.user = dsn::decoded(credentials.substr(0, colon));
    if (colon != std::string_view::npos) out.password = dsn::decoded(credentials.substr(colon + 1));
    authority = authority.substr(at + 1);
  }
  if (auto taken = take_address(out, authority); !taken) return taken.error();
  if (auto taken = take_parameters(out, query, true); !taken) return taken.error();
  return out;
}

}  // namespace tollgate::sql
