#include "relay/system_load.h"

#include <fmt/core.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "core/log.h"
#include "relay/request.h"

namespace tollgate::relay {
namespace {

constexpr std::string_view kRetryAfter = "5";  // the next sample

std::string read_file(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return std::nullopt;
  auto [end, ec] = std::from_chars(text.data() + begin, text.data() + text.size(), value);
  return ec == std::errc() ? std::optional(value) : std::nullopt;
}

// The number behind a name at the start of a line.
std::optional<double> number_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    if (line.starts_with(name)) return number(line.substr(name.size()));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return std::nullopt;
}

int percent(double part, double whole) {
  if (!(whole > 0) || !(part > 0)) return 0;
  return static_cast<int>(std::min(part / whole, 1.0) * 100);
}

}  // namespace

LoadThresholds LoadThresholds::of(const core::Options& options) {
  auto above = [&](const char* name) {
    return static_cast<int>(std::clamp<std::int64_t>(options.integer(name), -1, 1000));
  };
  return {.enabled = options.boolean("performance_setting.monitor_enabled"),
          .above = {.cpu = above("performance_setting.monitor_cpu_threshold"),
                    .memory = above("performance_setting.monitor_memory_threshold"),
                    .disk = above("performance_setting.monitor_disk_threshold")}};
}

std::optional<Overloaded> overloaded(const LoadSample& load, const LoadThresholds& thresholds) {
  if (!thresholds.enabled) return std::nullopt;
  const auto& above = thresholds.above;
  if (above.cpu > 0 && load.cpu > above.cpu) return Overloaded::kCpu;
  if (above.memory > 0 && load.memory > above.memory) return Overloaded::kMemory;
  if (above.disk > 0 && load.disk > above.disk) return Overloaded::kDisk;
  return std::nullopt;
}

std::string_view name_of(Overloaded what) {
  return what == Overloaded::kCpu ? "cpu" : what == Overloaded::kMemory ? "memory" : "disk";
}

std::string overload_body(Overloaded what, std::string_view path) {
  const auto name = name_of(what);
  if (path.starts_with("/v1/messages"))
    return fmt::format(R"({{"error":{{"type":"new_api_error","message":"system {} overloaded"}}}})", name);
  return fmt::format(
      R"({{"error":{{"message":"system {0} overloaded","type":"new_api_error","param":"","code":"system_{0}_overloaded"}}}})",
      name);
}

SystemLoad::SystemLoad(ReadFile read) : read_(read ? std::move(read) : ReadFile(read_file)) {}

void SystemLoad::start(std::string directory, std::chrono::milliseconds period) {
  directory_ = std::move(directory);
  sample(std::chrono::steady_clock::now());
  thread_ = std::thread([this, period] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period, [this] { return stopping_; })) sample(std::chrono::steady_clock::now());
  });
}

void SystemLoad::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

LoadSample SystemLoad::current() const {
  return {.cpu = cpu_.load(std::memory_order_relaxed),
          .memory = memory_.load(std::memory_order_relaxed),
          .disk = disk_.load(std::memory_order_relaxed)};
}

void SystemLoad::sample(std::chrono::steady_clock::time_point now) {
  cpu_.store(cpu(now), std::memory_order_relaxed);
  memory_.store(memory(), std::memory_order_relaxed);
  disk_.store(disk(), std::memory_order_relaxed);
}

// Since the sample before; the first one has nothing to compare with.
int SystemLoad::cpu(std::chrono::steady_clock::time_point now) {
  CpuTime time;
  // "quota period" in microseconds; "max" when the group has all of the machine.
  auto granted = read_("/sys/fs/cgroup/cpu.max");
  auto quota = number(granted);
  auto period =
      quota ? number(std::string_view(granted).substr(std::min(granted.find(' '), granted.size()))) : std::nullopt;
  auto used = quota ? number_of(read_("/sys/fs/cgroup/cpu.stat"), "usage_usec") : std::nullopt;
  if (period && *period > 0 && used) {
    time.busy = *used;
    time.whole = std::chrono::duration<double, std::micro>(now.time_since_epoch()).count() * *quota / *period;
  } else {
    // cpu user nice system idle iowait irq softirq steal …; time of guests is in user already.
    auto text = read_("/proc/stat");
    std::istringstream line(text.substr(0, text.find('\n')));
    std::string name;
    line >> name;
    double ticks = 0;
    for (int i = 0; i < 8 && line >> ticks; ++i) {
      time.whole += ticks;
      if (i != 3 && i != 4) time.busy += ticks;
    }
  }
  auto before = std::exchange(before_, time);
  return before ? percent(time.busy - before->busy, time.whole - before->whole) : 0;
}

int SystemLoad::memory() const {
  // A group's figure holds file pages that it gives back when asked.
  auto most = number(read_("/sys/fs/cgroup/memory.max"));
  auto used = most ? number(read_("/sys/fs/cgroup/memory.current")) : std::nullopt;
  if (used) {
    auto files = number_of(read_("/sys/fs/cgroup/memory.stat"), "inactive_file").value_or(0);
    return percent(*used - files, *most);
  }
  auto text = read_("/proc/meminfo");
  auto total = number_of(text, "MemTotal:").value_or(0);
  return percent(total - number_of(text, "MemAvailable:").value_or(total), total);
}

// As df counts: what is kept for root is not there.
int SystemLoad::disk() const {
  struct statvfs disk{};
  if (directory_.empty() || ::statvfs(directory_.c_str(), &disk) != 0) return 0;
  auto used = static_cast<double>(disk.f_blocks - disk.f_bfree);
  return percent(used, used + static_cast<double>(disk.f_bavail));
}

std::optional<Overloaded> find_overload(const Request& request) {
  return overloaded(request.relay.load.current(), request.snapshot->relay.load);
}

net::awaitable<void> answer_overload(Request& request, Overloaded what) {
  static constexpr net::Header kHeaders[] = {{"Content-Type", "application/json; charset=utf-8"},
                                             {"Retry-After", kRetryAfter}};
  request.local.metrics->shed(what);
  const auto now = request.relay.clock.steady();
  if (auto alike = request.local.counters.refused.count(Refusal::kOverloaded, now))
    core::log::warn(
        "request {} is answered 503: the machine's {} is above the option performance_setting.monitor_{}_threshold "
        "({} since the last such line); docs/limits.md",
        request.id, name_of(what), name_of(what), alike);
  co_await request.exchange.answer(503, kHeaders, overload_body(what, request.exchange.head().path));
}

}  // namespace tollgate::relay
