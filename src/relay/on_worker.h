// A network task for a thread that may wait for it.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "net/awaitable.h"
#include "net/worker.h"

namespace tollgate::relay {

// Takes the workers in turn. Thread-safe; outlives the workers' threads.
class OnWorker {
 public:
  explicit OnWorker(std::vector<net::Worker*> workers) : workers_(std::move(workers)) {}

  // Runs `task` on a worker and waits for its result; nullopt when stop() was called meanwhile. Not on a worker. Tasks
  // end by limits of their own.
  template <class T>
  std::optional<T> run(std::function<net::awaitable<T>()> task) {
    auto result = std::make_shared<std::optional<T>>();
    std::unique_lock lock(mutex_);
    if (stopping_) return std::nullopt;
    auto* worker = workers_[next_++ % workers_.size()];
    worker->post([this, worker, result, moved = std::move(task)]() mutable {
      worker->spawn([](OnWorker& self, std::shared_ptr<std::optional<T>> out,
                       std::function<net::awaitable<T>()> asked) -> net::awaitable<void> {
        auto value = co_await asked();
        {
          std::lock_guard done(self.mutex_);
          *out = std::move(value);
        }
        self.wake_.notify_all();
      }(*this, result, std::move(moved)));
    });
    wake_.wait(lock, [&] { return result->has_value() || stopping_; });
    return std::move(*result);
  }

  // Waits so long; false when stop() was called.
  bool pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, time, [this] { return stopping_; });
  }

  bool stopping() const {
    std::lock_guard lock(mutex_);
    return stopping_;
  }

  // Once workers are joined nothing runs there any more: who waits goes on.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
  }

 private:
  std::vector<net::Worker*> workers_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::size_t next_ = 0;
};

}  // namespace tollgate::relay
