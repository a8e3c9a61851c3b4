// A network thread: one io_context, its time limits, its buffers, its upstream connections. Everything a worker owns is
// touched on its thread only, except what says otherwise.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "core/metrics.h"
#include "net/awaitable.h"
#include "net/deadline.h"

namespace boost::asio {
class io_context;
}

namespace tollgate::net {

class Resolver;
class Upstreams;
struct UpstreamSettings;

constexpr std::size_t kBufferSize = 64 * 1024;

// Buffers of kBufferSize, lent only while bytes are at hand.
class BufferPool {
 public:
  class Lease {
   public:
    Lease() = default;
    Lease(BufferPool* pool, std::unique_ptr<char[]> data) : pool_(pool), data_(std::move(data)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept {
      release();
      pool_ = other.pool_;
      data_ = std::move(other.data_);
      return *this;
    }
    ~Lease() { release(); }
    void release() {
      if (data_) pool_->give_back(std::move(data_));
    }
    char* data() const { return data_.get(); }
    explicit operator bool() const { return data_ != nullptr; }

   private:
    BufferPool* pool_ = nullptr;
    std::unique_ptr<char[]> data_;
  };
  Lease borrow();

 private:
  void give_back(std::unique_ptr<char[]> data);
  std::vector<std::unique_ptr<char[]>> free_;
};

// What lives on a worker: for those who watch a node, and for tests that look for what was left behind.
struct Alive {
  int tasks = 0;  // coroutines that were spawned and have not ended
  int sockets = 0;
  int deadlines = 0;
  int idle_upstreams = 0;
  Alive& operator+=(const Alive& other) {
    tasks += other.tasks;
    sockets += other.sockets;
    deadlines += other.deadlines;
    idle_upstreams += other.idle_upstreams;
    return *this;
  }
};

class Worker {
 public:
  Worker(int index, Resolver& resolver, const UpstreamSettings& upstream);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  void stop();  // from any thread; join() waits
  void join();

  int index() const { return index_; }
  boost::asio::io_context& io() { return *io_; }
  void post(std::function<void()> job);  // from any thread
  void spawn(awaitable<void> task);      // from this worker's thread; an exception that leaves it ends up in the log

  DeadlineWheel& wheel() { return wheel_; }
  BufferPool& buffers() { return buffers_; }
  Upstreams& upstreams() { return *upstreams_; }
  Resolver& resolver() { return resolver_; }

  // From any thread.
  std::atomic<int>& connections() { return connections_; }
  std::atomic<std::uint64_t>& requests_taken() { return requests_taken_; }         // handed to the handler, since start
  std::atomic<std::uint64_t>& requests_refused() { return requests_refused_; }     // by the rules of HTTP, since start
  Alive alive() const { return {tasks_, sockets_, deadlines_, idle_upstreams_}; }  // as of the last tick or so
  void count_socket(int change) { sockets_.fetch_add(change, std::memory_order_relaxed); }
  std::chrono::steady_clock::time_point last_tick() const { return last_tick_.load(std::memory_order_relaxed); }
  // How late the loop comes round: the median of the last eleven turns of its clock, about a second. One long job does
  // not move it, a loop that has more to do than it can does.
  std::chrono::milliseconds lag() const { return std::chrono::milliseconds(lag_ms_.load(std::memory_order_relaxed)); }

  core::HistogramValue lateness() const { return lateness_.value(); }  // of every turn of that clock since the start

  static Worker& current();  // of the calling thread; only inside a worker

 private:
  awaitable<void> tick();
  void note_lag(std::chrono::steady_clock::duration late, unsigned turn);
  void run();

  int index_;
  DeadlineWheel wheel_;
  BufferPool buffers_;
  Resolver& resolver_;
  std::atomic<int> connections_{0};
  std::atomic<std::uint64_t> requests_taken_{0}, requests_refused_{0};
  std::atomic<int> tasks_{0}, sockets_{0}, deadlines_{0}, idle_upstreams_{0};
  std::atomic<std::chrono::steady_clock::time_point> last_tick_;
  std::array<int, 11> lags_{};
  std::atomic<int> lag_ms_{0};
  core::Histogram lateness_{core::kShortTimes};
  std::unique_ptr<Upstreams> upstreams_;
  // Last: destroying it destroys suspended coroutines, which touch what stands above.
  std::unique_ptr<boost::asio::io_context> io_;
  struct Thread;
  std::unique_ptr<Thread> thread_;
};

awaitable<void> sleep_for(std::chrono::milliseconds time);

}  // namespace tollgate::net
