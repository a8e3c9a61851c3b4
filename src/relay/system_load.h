// How busy the machine is, sampled in the background, and whether that is too busy for one more request: the options
// performance_setting.monitor_…. docs/limits.md.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/option_table.h"
#include "net/awaitable.h"

namespace tollgate::relay {

struct Request;

// Whole percentages, cut off. What cannot be read counts as 0.
struct LoadSample {
  int cpu = 0;
  int memory = 0;
  int disk = 0;
};

struct LoadThresholds {
  bool enabled = false;
  LoadSample above;  // 0 or less: not looked at

  static LoadThresholds of(const core::Options& options);
};

enum class Overloaded { kCpu, kMemory, kDisk };
std::string_view name_of(Overloaded what);
std::optional<Overloaded> overloaded(const LoadSample& load, const LoadThresholds& thresholds);
// The error's body; the routes of Anthropic clients have a shape of their own.
std::string overload_body(Overloaded what, std::string_view path);

// Reads /proc, the process's control group where that sets a limit, and the disk of one directory.
class SystemLoad {
 public:
  // A file's text, empty when there is none.
  using ReadFile = std::function<std::string(const char* path)>;

  SystemLoad() : SystemLoad(ReadFile()) {}
  explicit SystemLoad(ReadFile read);
  ~SystemLoad() { stop(); }

  // A sample at once, then one every `period` on a thread of its own.
  void start(std::string directory, std::chrono::milliseconds period = std::chrono::seconds(5));
  void stop();

  LoadSample current() const;  // any thread
  // One sample; `now` tells how long ago the last one was. For the thread, and for tests.
  void sample(std::chrono::steady_clock::time_point now);

 private:
  int cpu(std::chrono::steady_clock::time_point now);
  int memory() const;
  int disk() const;

  struct CpuTime {
    double busy = 0;   // of the machine in ticks, of a control group in microseconds
    double whole = 0;  // what there was to use meanwhile
  };
  ReadFile read_;
  std::string directory_;
  std::optional<CpuTime> before_;
  std::atomic<int> cpu_{0}, memory_{0}, disk_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

// Before the key is looked at.
std::optional<Overloaded> find_overload(const Request& request);
net::awaitable<void> answer_overload(Request& request, Overloaded what);

}  // namespace tollgate::relay
