// A disk that takes no more for files named journal.db…, at the level of SQLite's file system layer; the shared
// database beside it goes on being written.
#pragma once
#include <sqlite3.h>

#include <cstring>
#include <functional>
#include <map>

namespace tollgate::billing::test {

class RefusingDisk {
 public:
  // Until the end of its life each write for which `refuses` says so fails with `code`.
  explicit RefusingDisk(std::function<bool()> refuses, int code = SQLITE_FULL) {
    state().code = code;
    state().refuses = std::move(refuses);
  }
  ~RefusingDisk() { state().refuses = nullptr; }
  RefusingDisk(const RefusingDisk&) = delete;
  RefusingDisk& operator=(const RefusingDisk&) = delete;

 private:
  struct State {
    sqlite3_vfs* real = nullptr;
    sqlite3_vfs ours{};
    // SQLite has a table of methods for each way of locking; all write alike.
    std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods;
    int (*real_write)(sqlite3_file*, const void*, int, sqlite3_int64) = nullptr;
    std::function<bool()> refuses;
    int code = SQLITE_FULL;
  };
  static State& state() {
    static State it;
    return it;
  }
  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    auto& it = state();
    int code = it.real->xOpen(it.real, name, file, flags, out);
    if (code != SQLITE_OK || !name || !std::strstr(name, "journal.db")) return code;
    auto [entry, fresh] = it.methods.try_emplace(file->pMethods, *file->pMethods);
    if (fresh) {
      it.real_write = file->pMethods->xWrite;
      entry->second.xWrite = [](sqlite3_file* target, const void* data, int size, sqlite3_int64 at) {
        auto& self = state();
        if (self.refuses && self.refuses()) return self.code;
        return self.real_write(target, data, size, at);
      };
    }
    file->pMethods = &entry->second;
    return code;
  }
  // For the whole program, before any file is opened: the layer passes everything on while no RefusingDisk lives.
  static bool install() {
    auto& it = state();
    it.real = sqlite3_vfs_find(nullptr);
    it.ours = *it.real;
    it.ours.zName = "refusing";
    it.ours.xOpen = open;
    return sqlite3_vfs_register(&it.ours, 1) == SQLITE_OK;
  }
  static inline const bool installed_ = install();
};

}  // namespace tollgate::billing::test
