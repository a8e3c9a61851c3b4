// Whether one more request may begin. A node that is at its limit says so with 503 and Retry-After while it still can,
// instead of running out of memory or descriptors with everybody's answers half written. docs/overload.md has the
// figures.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace tollgate::net {
class Worker;
}

namespace tollgate::relay {

struct AdmissionLimits {
  std::int64_t requests = 0;         // relayed at once; 0: no limit
  std::size_t memory_bytes = 0;      // resident, with the bodies that are still to come; 0: no limit
  std::chrono::milliseconds lag{0};  // of the worker's loop; 0: not looked at
};

// What the machine allows: requests by descriptors and memory, memory by the control group or the machine.
AdmissionLimits measured_limits();

enum class Overload { kRequests, kMemory, kLag };
constexpr std::size_t kOverloads = 3;
std::string_view to_string(Overload what);    // for the error's text
std::string_view reason_name(Overload what);  // for /metrics

// Any thread; no locks.
class Admission {
 public:
  explicit Admission(AdmissionLimits limits) : limits_(limits) {}

  // Held by a request from its head to its end.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Admission& admission, std::int64_t promised) : admission_(&admission), promised_(promised) {}
    Ticket(Ticket&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), promised_(other.promised_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(admission_, other.admission_);
      std::swap(promised_, other.promised_);
      return *this;
    }
    ~Ticket();
    // The body is here and read: it counts as resident memory from now on.
    void body_arrived();

   private:
    Admission* admission_ = nullptr;
    std::int64_t promised_ = 0;
  };

  // `announced`: the body's length where the head says it. Sets `ticket`, or says what is overloaded.
  std::optional<Overload> admit(const net::Worker& worker, std::optional<std::uint64_t> announced, Ticket& ticket);

  std::int64_t open() const { return open_.load(std::memory_order_relaxed); }
  std::uint64_t refused(Overload why) const {
    return refused_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
  }
  std::uint64_t refused() const {
    std::uint64_t sum = 0;
    for (const auto& count : refused_) sum += count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  std::size_t resident();

  const AdmissionLimits limits_;
  std::atomic<std::int64_t> open_{0};
  std::atomic<std::int64_t> promised_{0};
  std::array<std::atomic<std::uint64_t>, kOverloads> refused_{};
  std::atomic<std::size_t> resident_{0};
  std::atomic<std::int64_t> sampled_ms_{0};
};

}  // namespace tollgate::relay
