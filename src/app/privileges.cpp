#include "app/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "core/config_checks.h"

namespace tollgate::app {
namespace {

namespace fs = std::filesystem;

core::Error failed(const std::string& what) {
  return core::error(core::Errc::kUnavailable, what + ": " + std::strerror(errno));
}

// Never through a link: what it leads to may be anything.
void own(const fs::path& path, const core::UserAndGroup& who) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0 || found.st_uid != 0 || S_ISLNK(found.st_mode)) return;
  if (!S_ISDIR(found.st_mode) && found.st_nlink != 1) return;    // it has a name elsewhere too
  if (::lchown(path.c_str(), who.user, who.group) != 0) return;  // the start will say that it cannot be written
}

void own_directory(const std::string& directory, bool all, const core::UserAndGroup& who) {
  std::error_code ignored;
  auto mask = ::umask(022);  // what is made above the directory must let the new user pass
  if (fs::create_directories(directory, ignored)) ::chmod(directory.c_str(), 0700);
  ::umask(mask);
  if (all) {
    for (fs::recursive_directory_iterator each(directory, ignored), end; !ignored && each != end;
         each.increment(ignored))
      own(each->path(), who);
  } else {
    for (fs::directory_iterator each(directory, ignored), end; !ignored && each != end; each.increment(ignored))
      if (std::error_code unknown; each->is_regular_file(unknown)) own(each->path(), who);
  }
  own(directory, who);
}

}  // namespace

core::Result<void> drop_privileges(const core::Config& config, bool own_directories) {
  auto who = core::parse_user_and_group(config.text("TOLLGATE_RUN_AS"));
  if (::geteuid() != 0 || !who) return {};
  if (own_directories) {
    const bool all = config.text("TOLLGATE_CHOWN") == "recursive";
    own_directory(config.text("TOLLGATE_DATA_DIR"), all, *who);
    if (const auto& logs = config.text("TOLLGATE_LOG_DIR"); logs != "-") own_directory(logs, all, *who);
  }
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);  // not allowed in every container, and not needed then
  if (::setgroups(0, nullptr) != 0 || ::setgid(who->group) != 0 || ::setuid(who->user) != 0)
    return failed("cannot become user " + std::to_string(who->user));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // changing the user took away the sight of our own /proc
  return {};
}

}  // namespace tollgate::app
