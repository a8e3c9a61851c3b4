#include "net/worker.h"

#include <malloc.h>
#include <pthread.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <thread>

#include "core/log.h"
#include "net/http_client.h"

namespace tollgate::net {

namespace asio = boost::asio;

namespace {
thread_local Worker* t_worker = nullptr;
constexpr std::size_t kBuffersKept = 64;
}  // namespace

struct Worker::Thread {
  std::thread thread;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard;
};

BufferPool::Lease BufferPool::borrow() {
  if (free_.empty()) return Lease(this, std::unique_ptr<char[]>(new char[kBufferSize]));
  auto data = std::move(free_.back());
  free_.pop_back();
  return Lease(this, std::move(data));
}

void BufferPool::give_back(std::unique_ptr<char[]> data) {
  if (free_.size() < kBuffersKept) free_.push_back(std::move(data));
}

Worker::Worker(int index, Resolver& resolver, const UpstreamSettings& upstream)
    : index_(index),
      wheel_(std::chrono::steady_clock::now()),
      resolver_(resolver),
      last_tick_(std::chrono::steady_clock::now()),
      upstreams_(std::make_unique<Upstreams>(*this, upstream)),
      io_(std::make_unique<asio::io_context>(1)),
      thread_(std::make_unique<Thread>()) {}

Worker::~Worker() {
  stop();
  join();
  // Suspended coroutines are destroyed here, while the pools they give back to are still alive.
  t_worker = this;
  upstreams_->clear();
  thread_->guard.reset();
  io_.reset();
  t_worker = nullptr;
}

Worker& Worker::current() { return *t_worker; }

void Worker::start() {
  thread_->guard.emplace(asio::make_work_guard(*io_));
  asio::co_spawn(*io_, tick(), asio::detached);
  thread_->thread = std::thread([this] { run(); });
}

void Worker::run() {
  t_worker = this;
  pthread_setname_np(pthread_self(), ("net-" + std::to_string(index_)).c_str());
  for (;;) {
    try {
      io_->run();
      return;
    } catch (const std::exception& failure) {
      core::log::error("worker {}: {}", index_, failure.what());
    }
  }
}

void Worker::stop() { io_->stop(); }

void Worker::join() {
  if (thread_->thread.joinable()) thread_->thread.join();
}

void Worker::post(std::function<void()> job) { asio::post(*io_, std::move(job)); }

void Worker::spawn(awaitable<void> task) {
  tasks_.fetch_add(1, std::memory_order_relaxed);
  asio::co_spawn(*io_, std::move(task), [this](const std::exception_ptr& failure) {
    tasks_.fetch_sub(1, std::memory_order_relaxed);
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      core::log::error("a task ended with: {}", error.what());
    }
  });
}

awaitable<void> Worker::tick() {
  asio::steady_timer timer(*io_);
  unsigned turn = 0;
  for (;;) {
    timer.expires_after(DeadlineWheel::kTick);
    auto [ec] = co_await timer.async_wait(asio::as_tuple(asio::deferred));
    if (ec) co_return;
    auto now = std::chrono::steady_clock::now();
    last_tick_.store(now, std::memory_order_relaxed);
    note_lag(now - timer.expiry(), turn);
    wheel_.advance(now);
    deadlines_.store(wheel_.size(), std::memory_order_relaxed);
    idle_upstreams_.store(static_cast<int>(upstreams_->idle()), std::memory_order_relaxed);
    if (++turn % 100 == 0) {
      upstreams_->drop_idle(now);
      if (index_ == 0) malloc_trim(0);  // glibc keeps what closed connections leave behind
    }
  }
}

void Worker::note_lag(std::chrono::steady_clock::duration late, unsigned turn) {
  lateness_.observe(std::chrono::duration_cast<std::chrono::microseconds>(late).count());
  lags_[turn % lags_.size()] = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(late).count());
  auto sorted = lags_;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  lag_ms_.store(sorted[sorted.size() / 2], std::memory_order_relaxed);
}

awaitable<void> sleep_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::as_tuple(asio::deferred));
}

}  // namespace tollgate::net
