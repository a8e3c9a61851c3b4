// What the process and its machine have and use: processor, memory, descriptors, disks. Read from /proc at each call.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/metrics_text.h"

namespace tollgate::app {

struct ProcessFigures {
  double cpu_seconds = 0;
  double start_unix = 0;
  std::uint64_t resident = 0, virtual_memory = 0;
  std::uint64_t memory_limit = 0;  // of the control group, else of the machine
  std::uint64_t open_files = 0, most_files = 0;
  std::uint64_t threads = 0;
};
ProcessFigures process_figures();

struct DiskFigures {
  std::uint64_t free = 0;  // for us, not for root
  std::uint64_t total = 0;
};
std::optional<DiskFigures> disk_figures(const std::string& directory);

// `volumes`: name and a directory on it.
void write_process_metrics(const std::vector<std::pair<std::string, std::string>>& volumes, core::MetricsText& text);

}  // namespace tollgate::app
