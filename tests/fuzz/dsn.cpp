// Connection strings of every form: a text that is refused shows no part of its password.
#include "sql/dsn.h"

#include <string>

#include "fuzz/fuzz.h"

using namespace tollgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text(data, size));
  auto parsed = sql::parse_dsn(text, "file.db");
  if (parsed) {
    const auto shown = sql::to_string(*parsed);
    FUZZ_CHECK(!sql::place_of(*parsed).empty() || shown.empty());
    if (const auto* mysql = std::get_if<sql::MysqlDsn>(&*parsed)) FUZZ_CHECK(!mysql->database.empty());
    if (const auto* postgres = std::get_if<sql::PostgresDsn>(&*parsed)) FUZZ_CHECK(!postgres->hosts.empty());
  } else {
    FUZZ_CHECK(!parsed.error().message.empty());
  }
  // The same with a password that is known: where it can only be one, it is not in the message.
  const std::string secret = "ZZsecretZZ";
  if (text.find_first_of("@:/(") != std::string::npos || text.find(secret) != std::string::npos) return 0;
  for (const auto& form :
       {text + ":" + secret + "@tcp(db:3306", text + ":" + secret + "@" + text + "(db)/x",
        "postgres://u:" + secret + "@" + text + "@h/db", "mysql://u:" + secret + "@h:" + text + "/db"})
    if (auto again = sql::parse_dsn(form, "file.db"); !again)
      FUZZ_CHECK(again.error().message.find(secret) == std::string::npos);
  return 0;
}
