#include "app/doctor_command.h"

#include <fmt/core.h>

#include "app/node_name.h"
#include "app/redis_services.h"
#include "app/secrets.h"
#include "doctor/doctor.h"
#include "sql/server.h"

namespace tollgate::app {
namespace {

constexpr std::size_t kConnections = 2;
constexpr auto kConnect = std::chrono::seconds(5), kStatement = std::chrono::seconds(10);

void open_database(const core::Config& config, std::string_view variable, std::unique_ptr<sql::Pool>& pool,
                   std::string& place, std::string& error) {
  auto dsn = sql::parse_dsn(config.text(variable), config.text("SQLITE_PATH"));
  if (!dsn) {
    error = fmt::format("{}: {}", variable, dsn.error().message);
    return;
  }
  place = sql::place_of(*dsn);
  sql::ServerSettings settings;
  settings.max_open = kConnections;
  settings.statement = kStatement;
  settings.connect = kConnect;
  settings.wait = kConnect;
  settings.node = "doctor";
  settings.ca_file = config.text("TOLLGATE_SQL_CA");
  settings.certificate_file = config.text("TOLLGATE_SQL_CERT");
  settings.key_file = config.text("TOLLGATE_SQL_KEY");
  auto opened = sql::open_pool(*dsn, settings);
  if (opened)
    pool = std::move(*opened);
  else
    error = fmt::format("{}: {}", variable, opened.error().message);
}

// As the node beside us has them; empty where it made its own and that cannot be read.
std::vector<std::string> session_secrets(const core::Config& config) {
  auto secrets = given_session_secrets(config);
  if (secrets.front().empty()) secrets.front() = kept_session_secret(config.text("TOLLGATE_DATA_DIR"));
  if (secrets.front().empty()) secrets.clear();
  return secrets;
}

std::string asked(const CommandLine& line, std::string_view name) {
  auto found = line.asked.find(name);
  return found == line.asked.end() ? std::string() : found->second;
}

}  // namespace

int doctor_command(const CommandLine& line, const core::Config& config, const core::ConfigReport& report,
                   const std::string& version) {
  auto sessions = session_secrets(config);
  doctor::Setting setting{
      .config = config,
      .configuration = report,
      .asked = {.url = asked(line, "url"), .node = asked(line, "node"), .key = asked(line, "key"), .sync = line.sync},
      .version = version,
      .session_secrets = sessions,
      .crypto_secrets = crypto_secrets(config, sessions.empty() ? "" : sessions.front()),
      .main = nullptr,
      .log = nullptr,
      .main_error = {},
      .log_error = {},
      .main_place = {},
      .log_place = {},
      .redis = redis_settings(config)};
  open_database(config, "SQL_DSN", setting.main, setting.main_place, setting.main_error);
  if (!config.text("LOG_SQL_DSN").empty())
    open_database(config, "LOG_SQL_DSN", setting.log, setting.log_place, setting.log_error);
  const auto found = doctor::examine(setting);
  const auto title = fmt::format("{} {}, Tollgate {}", config.text("NODE_TYPE"), node_name(config), version);
  std::fputs((line.json ? found.json(title) : found.text(title)).c_str(), stdout);
  return found.exit_code();
}

}  // namespace tollgate::app
