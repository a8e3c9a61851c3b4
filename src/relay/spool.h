// Where the files of long uploads wait while they are relayed: on disk, without a name, gone with the request or the
// process.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/thread_pool.h"
#include "net/awaitable.h"

namespace tollgate::relay {

// Reads and writes are done by threads of its own: a disk that is slow to take bytes holds no network worker. Outlives
// its files.
class Spool {
 public:
  Spool() : threads_("spool", 2, 10'000) {}

  // One file, in the hands of one coroutine: nothing is asked of it while something is under way.
  class File {
   public:
    // `directory` is where it will be; empty: that of the system. Nothing is opened before the first append().
    // `most_on_disk`: bytes of all files of the spool together.
    File(Spool& spool, std::string directory, std::uint64_t most_on_disk);
    ~File();
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    // kUnavailable: the disk is full, or the bound reached. kInternal: it cannot be written. The bytes stay the
    // caller's.
    net::awaitable<core::Result<void>> append(std::string_view bytes);
    // How many bytes came, fewer than `room` only at the end.
    net::awaitable<core::Result<std::size_t>> read(std::uint64_t offset, char* out, std::size_t room);
    std::uint64_t size() const { return size_; }
    int descriptor() const { return descriptor_; }  // -1 before the first append()

   private:
    int write_all(std::string_view bytes);

    Spool& spool_;
    std::string directory_;
    std::uint64_t most_on_disk_;
    std::uint64_t size_ = 0;
    int descriptor_ = -1;
  };

  // Finishes what is under way; from then on nothing is stored. Before the workers go.
  void stop() { threads_.stop(); }
  std::uint64_t bytes_on_disk() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> bytes_{0};
  core::ThreadPool threads_;
};

}  // namespace tollgate::relay
