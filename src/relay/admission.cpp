#include "relay/admission.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include "net/worker.h"

namespace tollgate::relay {
namespace {

constexpr std::int64_t kSampleMs = 50;
// A body is held once, and once more where it is changed or was unpacked; its parse is short and one at a time.
constexpr std::int64_t kBodyFactor = 3;
constexpr std::uint64_t kUnannounced = 1U << 20U;      // a body whose head does not say how long it is
constexpr std::size_t kMemoryOfRequest = 128U * 1024;  // what a stream with a slow reader holds, and its body
constexpr std::size_t kOtherDescriptors = 200;         // database, logs, journal, listeners, management

std::optional<std::size_t> number_in(const char* path) {
  std::ifstream file(path);
  std::string text;
  std::size_t value = 0;
  if (!(file >> text)) return std::nullopt;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;  // "max"
  return value;
}

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

AdmissionLimits measured_limits() {
  auto memory = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * page_size();
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (auto limit = number_in(path); limit && *limit > 0) memory = std::min(memory, *limit);
  AdmissionLimits limits;
  limits.memory_bytes = memory / 10 * 8;
  rlimit descriptors{};
  auto most = static_cast<std::int64_t>(limits.memory_bytes / kMemoryOfRequest);
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_cur != RLIM_INFINITY) {
    // One towards the client, one towards the upstream.
    auto usable = std::max<std::size_t>(descriptors.rlim_cur, 2 * kOtherDescriptors) - kOtherDescriptors;
    most = std::min(most, static_cast<std::int64_t>(usable / 2));
  }
  limits.requests = std::max<std::int64_t>(most, 16);
  return limits;
}

std::string_view to_string(Overload what) {
  switch (what) {
    case Overload::kRequests: return "too many requests are open";
    case Overload::kMemory: return "memory is short";
    case Overload::kLag: return "it answers late";
  }
  return "";
}

std::string_view reason_name(Overload what) {
  switch (what) {
    case Overload::kRequests: return "requests";
    case Overload::kMemory: return "process_memory";
    case Overload::kLag: return "lag";
  }
  return "";
}

Admission::Ticket::~Ticket() {
  if (!admission_) return;
  body_arrived();
  admission_->open_.fetch_sub(1, std::memory_order_relaxed);
}

void Admission::Ticket::body_arrived() {
  if (promised_ != 0) admission_->promised_.fetch_sub(std::exchange(promised_, 0), std::memory_order_relaxed);
}

// Read by whichever request comes first after 50 ms.
std::size_t Admission::resident() {
  auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
  auto before = sampled_ms_.load(std::memory_order_relaxed);
  if (now.count() - before < kSampleMs || !sampled_ms_.compare_exchange_strong(before, now.count()))
    return resident_.load(std::memory_order_relaxed);
  int descriptor = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char text[128];
  auto size = descriptor < 0 ? 0 : ::read(descriptor, text, sizeof text);
  if (descriptor >= 0) ::close(descriptor);
  std::string_view fields(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  auto blank = fields.find(' ');
  std::size_t pages = 0;
  if (blank != std::string_view::npos) std::from_chars(fields.data() + blank + 1, fields.data() + fields.size(), pages);
  resident_.store(pages * page_size(), std::memory_order_relaxed);
  return pages * page_size();
}

std::optional<Overload> Admission::admit(const net::Worker& worker, std::optional<std::uint64_t> announced,
                                         Ticket& ticket) {
  auto over = [this](Overload what) {
    refused_[static_cast<std::size_t>(what)].fetch_add(1, std::memory_order_relaxed);
    return what;
  };
  // Longer ones are refused for their length before they are read.
  auto body = std::min<std::uint64_t>(announced.value_or(kUnannounced), limits_.memory_bytes);
  auto promised = static_cast<std::int64_t>(body) * kBodyFactor;
  if (limits_.lag.count() > 0 && worker.lag() > limits_.lag) return over(Overload::kLag);
  auto promises = promised_.fetch_add(promised, std::memory_order_relaxed) + promised;
  Ticket mine(*this, promised);
  auto open = open_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (limits_.requests > 0 && open > limits_.requests) return over(Overload::kRequests);
  if (limits_.memory_bytes > 0 && resident() + static_cast<std::size_t>(promises) > limits_.memory_bytes)
    return over(Overload::kMemory);
  ticket = std::move(mine);
  return std::nullopt;
}

}  // namespace tollgate::relay
