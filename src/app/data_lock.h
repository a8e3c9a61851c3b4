// One process at a time uses a data directory: <data>/tollgate.lock is locked while it lives and names its pid.
#pragma once
#include <string>

#include "core/result.h"

namespace tollgate::app {

class DataLock {
 public:
  // kUnavailable: the directory cannot be written, or is used by the process that the message names.
  static core::Result<DataLock> take(const std::string& data_dir);
  DataLock(DataLock&& other) noexcept;
  DataLock& operator=(DataLock&&) = delete;
  ~DataLock();

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace tollgate::app
