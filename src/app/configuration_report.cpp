#include "app/configuration_report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <thread>

#include "app/command_line.h"
#include "core/byte_text.h"
#include "core/random.h"

namespace tollgate::app {
namespace {

// A zone of the machine's database, or the rule form of POSIX (tzset(3)), as CST-8.
bool is_time_zone(std::string_view name) {
  if (name.starts_with(':')) name.remove_prefix(1);
  const char* directory = std::getenv("TZDIR");
  auto path = name.starts_with('/') ? std::filesystem::path(name)
                                    : std::filesystem::path(directory ? directory : "/usr/share/zoneinfo") / name;
  std::error_code ignored;
  if (name.find("..") == std::string_view::npos && std::filesystem::is_regular_file(path, ignored)) return true;
  std::size_t letters = 0;
  while (letters < name.size() && std::isalpha(static_cast<unsigned char>(name[letters]))) ++letters;
  auto offset = name.substr(letters);
  if (letters == 3 && offset.empty()) return name == "UTC" || name == "GMT";
  if (offset.starts_with('+') || offset.starts_with('-')) offset.remove_prefix(1);
  return letters >= 3 && !offset.empty() && std::isdigit(static_cast<unsigned char>(offset.front()));
}

// The first process of a container, or its child under a small init. Under systemd the unit has its own limits.
bool restarted_by_a_container() {
  if (std::getenv("NOTIFY_SOCKET") || std::getenv("INVOCATION_ID")) return false;
  return ::getpid() == 1 || ::getppid() == 1;
}

}  // namespace

void apply_time_zone(const core::Config& config, core::ConfigReport& report) {
  auto zone = config.text("TZ");
  if (zone.empty()) return;
  if (!is_time_zone(zone)) {
    auto text = fmt::format("TZ: \"{}\" is no time zone of this machine; set one like Asia/Shanghai", zone);
    if (config.boolean("TOLLGATE_STRICT_CONFIG"))
      report.errors.push_back(std::move(text));
    else
      report.warnings.push_back(text + "; UTC is used");
    zone = "UTC";
  }
  ::setenv("TZ", zone.c_str(), 1);
  ::tzset();
}

int report_configuration(const core::ConfigReport& report) {
  for (const auto& warning : report.warnings) std::fprintf(stderr, "WARN %s\n", warning.c_str());
  for (const auto& error : report.errors) std::fprintf(stderr, "ERROR %s\n", error.c_str());
  if (report.errors.empty()) return kOk;
  if (report.errors.size() > 1)
    return fatal(kConfiguration, "configuration", fmt::format("{} variables cannot be used", report.errors.size()),
                 "mend what the lines above name");
  std::string_view only = report.errors.front();
  auto colon = only.find(": ");
  return colon == std::string_view::npos ? fatal(kConfiguration, "configuration", only, "mend it")
                                         : fatal(kConfiguration, only.substr(0, colon), only.substr(colon + 2), "");
}

void delay_exit(const core::Config& config) {
  using namespace std::chrono_literals;
  auto wait = config.text("TOLLGATE_EXIT_DELAY") != "auto" ? config.duration("TOLLGATE_EXIT_DELAY")
              : restarted_by_a_container()                 ? std::chrono::milliseconds(5s)
                                                           : std::chrono::milliseconds(0);
  std::fflush(nullptr);
  std::this_thread::sleep_for(wait);
}

void print_secret(bool as_env) {
  auto secret = [] {
    std::string bytes(32, '\0');
    core::random_bytes(bytes.data(), bytes.size());
    return core::hex_digits(bytes);
  };
  if (as_env)
    std::printf("SESSION_SECRET=%s\nCRYPTO_SECRET=%s\n", secret().c_str(), secret().c_str());
  else
    std::printf("%s\n", secret().c_str());
}

}  // namespace tollgate::app
