#include "relay/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "net/suspend.h"

namespace tollgate::relay {
namespace {

std::string system_directory() {
  const char* named = std::getenv("TMPDIR");
  return named && *named ? named : "/tmp";
}

// A file that never has a name where the file system can do that, else one that loses it at once. -1 and errno.
int open_unnamed(const std::string& directory) {
  int descriptor = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return descriptor;
  std::string name = directory + "/tollgate-XXXXXX";
  descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor >= 0) ::unlink(name.c_str());
  return descriptor;
}

core::Error disk_error(int code) {
  if (code == ENOSPC || code == EDQUOT || code == EFBIG)
    return core::error(core::Errc::kUnavailable, "there is no room for the upload");
  return core::error(core::Errc::kInternal, std::string("the upload cannot be stored: ") + std::strerror(code));
}

}  // namespace

Spool::File::File(Spool& spool, std::string directory, std::uint64_t most_on_disk)
    : spool_(spool),
      directory_(directory.empty() ? system_directory() : std::move(directory)),
      most_on_disk_(most_on_disk) {}

Spool::File::~File() {
  spool_.bytes_.fetch_sub(size_, std::memory_order_relaxed);
  if (descriptor_ < 0) return;
  // Giving the blocks of a long file back takes its time.
  if (!spool_.threads_.submit([descriptor = descriptor_] { ::close(descriptor); })) ::close(descriptor_);
}

// 0 or errno; what could not be written whole is cut off again.
int Spool::File::write_all(std::string_view bytes) {
  if (descriptor_ < 0) descriptor_ = open_unnamed(directory_);
  if (descriptor_ < 0) return errno;
  for (auto at = size_; !bytes.empty();) {
    auto wrote = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return wrote == 0 ? ENOSPC : errno;
    at += static_cast<std::uint64_t>(wrote);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return 0;
}

net::awaitable<core::Result<void>> Spool::File::append(std::string_view bytes) {
  auto on_disk = spool_.bytes_.fetch_add(bytes.size(), std::memory_order_relaxed) + bytes.size();
  int failed = EDQUOT;
  if (on_disk <= most_on_disk_)
    failed = co_await net::suspend<int>([this, bytes](auto done) {
      bool taken = spool_.threads_.submit([this, bytes, done] { done(write_all(bytes)); });
      if (!taken) done(EAGAIN);
    });
  if (failed != 0) {
    spool_.bytes_.fetch_sub(bytes.size(), std::memory_order_relaxed);
    co_return disk_error(failed);
  }
  size_ += bytes.size();
  co_return core::Result<void>();
}

net::awaitable<core::Result<std::size_t>> Spool::File::read(std::uint64_t offset, char* out, std::size_t room) {
  auto got = co_await net::suspend<ssize_t>([&](auto done) {
    bool taken = spool_.threads_.submit([this, offset, out, room, done] {
      std::size_t whole = 0;
      while (whole < room) {
        auto part = ::pread(descriptor_, out + whole, room - whole, static_cast<off_t>(offset + whole));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return done(-static_cast<ssize_t>(errno));
        if (part == 0) break;
        whole += static_cast<std::size_t>(part);
      }
      done(static_cast<ssize_t>(whole));
    });
    if (!taken) done(-static_cast<ssize_t>(EAGAIN));
  });
  if (got < 0)
    co_return core::error(core::Errc::kInternal,
                          std::string("the stored upload cannot be read: ") + std::strerror(static_cast<int>(-got)));
  co_return static_cast<std::size_t>(got);
}

}  // namespace tollgate::relay
