#include "app/port_holder.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "core/config_checks.h"

namespace tollgate::app {
namespace {

namespace fs = std::filesystem;

// Inodes of listening sockets: columns 2 (local address:port, in hex), 4 (state, 0A listens) and 10 of /proc/net/tcp.
std::set<std::string> listening_inodes(std::uint16_t port) {
  std::set<std::string> inodes;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
      std::istringstream columns(line);
      std::string local, state, inode, skipped;
      columns >> skipped >> local >> skipped >> state >> skipped >> skipped >> skipped >> skipped >> skipped >> inode;
      auto digits = local.substr(local.rfind(':') + 1);
      unsigned found = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), found, 16);
      if (found == port && state == "0A") inodes.insert("socket:[" + inode + "]");
    }
  }
  return inodes;
}

}  // namespace

std::string holder_of_port(std::uint16_t port) {
  const auto inodes = listening_inodes(port);
  std::error_code ignored;
  for (fs::directory_iterator process("/proc", ignored), end; !ignored && process != end; process.increment(ignored)) {
    auto pid = process->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code not_ours;
    for (fs::directory_iterator file(process->path() / "fd", not_ours); !not_ours && file != fs::directory_iterator();
         file.increment(not_ours)) {
      std::error_code gone;
      if (!inodes.contains(fs::read_symlink(file->path(), gone).string())) continue;
      std::string name;
      std::ifstream in(process->path() / "comm");
      std::getline(in, name);
      return name + " (pid " + pid + ")";
    }
  }
  return {};
}

std::string with_holder(std::string error) {
  auto address = core::parse_listen(error.substr(0, error.find(": ")));
  auto holder = address && address->port != 0 ? holder_of_port(address->port) : std::string();
  return holder.empty() ? error : error + ", by " + holder;
}

}  // namespace tollgate::app
