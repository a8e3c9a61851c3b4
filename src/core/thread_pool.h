// Threads for work that may block or compute for long: SQL, passwords, token counting. Network workers never do either.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tollgate::core {

// A bounded queue served by a fixed number of threads. Thread-safe. Jobs must not throw.
class ThreadPool {
 public:
  ThreadPool(std::string name, std::size_t threads, std::size_t queue_limit);
  ~ThreadPool();  // as stop()
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // False when the queue is full or the pool is stopped: the caller refuses the work (503), it does not wait.
  bool submit(std::function<void()> job);
  std::size_t queued() const;
  void stop();  // finishes what is queued, then joins; idempotent

 private:
  void run();

  std::string name_;
  std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tollgate::core
