// The command line, in the flag style of the compatible product, and how the program ends.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::app {

// Exit codes; docs/configuration.md lists them.
enum ExitCode : int {
  kOk = 0,
  kFailure = 1,
  kBadCommandLine = 2,
  kDependencyAway = 69,
  kInternal = 70,
  kAddressInUse = 71,
  kCannotWrite = 73,
  kGaveUpWaiting = 75,
  kConfiguration = 78,
};

struct CommandLine {
  std::string command = "serve";                          // serve, config, secret, healthcheck, version, help
  std::map<std::string, std::string, std::less<>> flags;  // variable name → value
  std::string env_file = ".env";
  bool env_file_given = false;
  bool check = false;
  bool as_env = false;            // secret --env
  bool json = false;              // of subcommands: print JSON
  std::vector<std::string> rest;  // words after a subcommand
  std::string error;              // not empty: exit 2 with usage
};

CommandLine parse_command_line(const std::vector<std::string>& arguments);
std::string_view usage();

// The one last line on standard error of every start that fails: FATAL <code> <subject>: <what is wrong>; <what to do>
int fatal(int code, std::string_view subject, std::string_view what, std::string_view remedy);
// The same with the subject in front of what is wrong already.
int fatal(int code, std::string_view subject_and_what, std::string_view remedy);

}  // namespace tollgate::app
