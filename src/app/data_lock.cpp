#include "app/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace tollgate::app {

core::Result<DataLock> DataLock::take(const std::string& data_dir) {
  std::error_code failed;
  std::filesystem::create_directories(data_dir, failed);
  if (failed) return core::error(core::Errc::kUnavailable, data_dir + ": " + failed.message());
  auto path = (std::filesystem::path(data_dir) / "tollgate.lock").string();
  DataLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.descriptor_ < 0) return core::error(core::Errc::kUnavailable, path + ": " + std::strerror(errno));
  if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    char text[32] = "";
    auto got = ::read(lock.descriptor_, text, sizeof text - 1);
    std::string pid(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return core::error(core::Errc::kUnavailable, "another process uses the data directory " + data_dir +
                                                     (pid.empty() ? std::string() : " (pid " + pid + ")"));
  }
  auto text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.descriptor_, 0) != 0 ||
      ::write(lock.descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return core::error(core::Errc::kUnavailable, path + ": " + std::strerror(errno));
  return lock;
}

DataLock::DataLock(DataLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

// The file stays: removing it would let two processes lock two files of one name.
DataLock::~DataLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace tollgate::app
