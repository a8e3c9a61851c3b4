#include "app/process_metrics.h"

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tollgate::app {
namespace {

std::string read_file(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The number behind a name at the beginning of a line; 0 without it.
std::uint64_t number_of(std::string_view text, std::string_view name) {
  auto at = text.find(name);
  if (at == std::string_view::npos) return 0;
  at = text.find_first_of("0123456789", at + name.size());
  std::uint64_t value = 0;
  if (at != std::string_view::npos) std::from_chars(text.data() + at, text.data() + text.size(), value);
  return value;
}

std::uint64_t memory_limit() {
  const auto machine = number_of(read_file("/proc/meminfo"), "MemTotal:") * 1024;
  const auto group = read_file("/sys/fs/cgroup/memory.max");
  const auto limit = group.starts_with("max") ? 0 : number_of(group, "");
  return limit > 0 ? std::min(limit, machine) : machine;
}

// Seconds since the epoch: what the kernel counts from the machine's start.
double start_time() {
  const auto text = read_file("/proc/self/stat");
  auto at = text.rfind(')');
  if (at == std::string::npos) return 0;
  std::istringstream fields(text.substr(at + 2));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) continue;
  const auto booted = number_of(read_file("/proc/stat"), "btime");
  return static_cast<double>(booted) +
         std::strtod(field.c_str(), nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessFigures process_figures() {
  static const double started = start_time();
  ProcessFigures figures;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  figures.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  figures.start_unix = started;
  const auto status = read_file("/proc/self/status");
  figures.resident = number_of(status, "VmRSS:") * 1024;
  figures.virtual_memory = number_of(status, "VmSize:") * 1024;
  figures.threads = number_of(status, "Threads:");
  figures.memory_limit = memory_limit();
  std::error_code failed;
  for (std::filesystem::directory_iterator at("/proc/self/fd", failed), end; !failed && at != end; at.increment(failed))
    ++figures.open_files;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  figures.most_files = files.rlim_cur;
  return figures;
}

std::optional<DiskFigures> disk_figures(const std::string& directory) {
  struct statvfs disk{};
  if (::statvfs(directory.c_str(), &disk) != 0) return std::nullopt;
  return DiskFigures{disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize};
}

void write_process_metrics(const std::vector<std::pair<std::string, std::string>>& volumes, core::MetricsText& text) {
  const auto figures = process_figures();
  text.family("process_cpu_seconds_total", core::MetricKind::kCounter, "Processor time of the process.");
  text.sample(std::string_view(), figures.cpu_seconds);
  text.gauge("process_start_time_seconds", "When the process began, Unix time.", figures.start_unix);
  text.gauge("process_resident_memory_bytes", "Memory of the process that is in use.", figures.resident);
  text.gauge("process_virtual_memory_bytes", "Address space of the process.", figures.virtual_memory);
  text.gauge("process_open_fds", "Open descriptors.", figures.open_files);
  text.gauge("process_max_fds", "Most descriptors that may be open.", figures.most_files);
  text.gauge("process_threads", "Threads of the process.", figures.threads);
  text.gauge("tollgate_memory_bytes", "Memory of the process that is in use.", figures.resident);
  text.gauge("tollgate_memory_limit_bytes", "Memory of the control group, or of the machine.", figures.memory_limit);
  text.gauge("tollgate_open_fds", "Open descriptors.", figures.open_files);
  text.gauge("tollgate_max_fds", "Most descriptors that may be open.", figures.most_files);
  std::vector<std::pair<std::string_view, DiskFigures>> disks;
  for (const auto& [name, directory] : volumes)
    if (auto disk = disk_figures(directory)) disks.emplace_back(name, *disk);
  text.family("tollgate_disk_free_bytes", core::MetricKind::kGauge, "Bytes free for the process on the volume.");
  for (const auto& [name, disk] : disks) text.sample({{"volume", name}}, disk.free);
  text.family("tollgate_disk_total_bytes", core::MetricKind::kGauge, "Size of the volume.");
  for (const auto& [name, disk] : disks) text.sample({{"volume", name}}, disk.total);
}

}  // namespace tollgate::app
