#include "app/command_line.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "core/log.h"

namespace tollgate::app {

std::string_view usage() {
  return "usage: tollgate [flags] [command]\n"
         "\n"
         "commands\n"
         "  serve         run the gateway (default)\n"
         "  config        print the effective configuration; --check only validates it\n"
         "  cluster       nodes | leases | drain NODE | resume NODE | forget NODE | rotate-secret --check\n"
         "  secret        print a random secret; --env prints the two lines that all nodes share\n"
         "  healthcheck   ask the running gateway on this host whether it lives\n"
         "  version       print the version\n"
         "\n"
         "flags\n"
         "  --port N        listen port unless the variable PORT is set (3000)\n"
         "  --log-dir D     directory of log files (./logs)\n"
         "  --env-file F    read variables from this file (.env)\n"
         "  --check         validate the configuration and exit\n"
         "  --json          subcommands print JSON\n"
         "  --version, --help\n";
}

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  std::size_t i = 0;
  auto parse_flags = [&]() -> bool {
    for (; i < arguments.size(); ++i) {
      std::string_view text = arguments[i];
      if (text.size() < 2 || text[0] != '-') return true;
      text.remove_prefix(text.starts_with("--") ? 2 : 1);
      auto equals = text.find('=');
      auto name = text.substr(0, equals);
      if (name == "version" || name == "help" || name == "h") {
        line.command = name == "version" ? "version" : "help";
        continue;
      }
      if (name == "check" || name == "json") {
        (name == "check" ? line.check : line.json) = true;
        continue;
      }
      if (name == "env") {
        line.as_env = true;
        continue;
      }
      std::string value;
      if (equals != std::string_view::npos) {
        value = text.substr(equals + 1);
      } else if (i + 1 < arguments.size()) {
        value = arguments[++i];
      } else {
        line.error = "flag needs a value: --" + std::string(name);
        return false;
      }
      if (name == "port") {
        line.flags["PORT"] = value;
      } else if (name == "log-dir") {
        line.flags["TOLLGATE_LOG_DIR"] = value.empty() ? "-" : value;
      } else if (name == "env-file") {
        line.env_file = value;
        line.env_file_given = true;
      } else {
        line.error = "unknown flag: --" + std::string(name);
        return false;
      }
    }
    return true;
  };
  if (!parse_flags() || i >= arguments.size()) return line;
  const auto& command = arguments[i++];
  constexpr std::string_view kCommands[] = {"serve", "config", "secret", "cluster", "healthcheck", "version", "help"};
  if (std::find(std::begin(kCommands), std::end(kCommands), command) == std::end(kCommands)) {
    line.error = "unknown command: " + command;
    return line;
  }
  if (line.command == "serve") line.command = command;
  // Words and flags in any order.
  while (parse_flags() && i < arguments.size()) line.rest.push_back(arguments[i++]);
  if (line.command != "cluster" && !line.rest.empty()) line.rest.clear();  // as before: ignored
  return line;
}

int fatal(int code, std::string_view subject, std::string_view what, std::string_view remedy) {
  return fatal(code, std::string(subject) + ": " + std::string(what), remedy);
}

int fatal(int code, std::string_view subject_and_what, std::string_view remedy) {
  std::string text = "FATAL " + std::to_string(code) + " " + std::string(subject_and_what);
  if (!remedy.empty()) text += "; " + std::string(remedy);
  core::log::flush();
  std::fprintf(stderr, "%s\n", text.c_str());
  return code;
}

}  // namespace tollgate::app
