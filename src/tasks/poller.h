// The job of asking upstreams how the tasks stand that they took on, for the node that has its lease.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "billing/billing.h"
#include "relay/on_worker.h"
#include "tasks/finish.h"
#include "tasks/task_row.h"

namespace tollgate::tasks {

struct PollSettings {
  bool enabled = true;                       // UPDATE_TASK
  std::int64_t most = 1000;                  // TASK_QUERY_LIMIT
  std::chrono::minutes time_limit{24 * 60};  // TASK_TIMEOUT_MINUTES; 0: none
  std::chrono::milliseconds period{15'000};  // TOLLGATE_TASK_POLL
  bool verify_tls = true;
};

class Poller {
 public:
  // `lease` gives the fence of a job (task_poll, task_poll_mj) while this node has it. Everything outlives the poller;
  // the workers are stopped and `on_worker` with them before stop() is called.
  using Lease = std::function<std::optional<sql::Fence>(std::string_view job)>;
  Poller(PollSettings settings, relay::OnWorker& on_worker, Finisher& finisher, Lease lease)
      : settings_(settings), on_worker_(on_worker), finisher_(finisher), lease_(std::move(lease)) {}
  ~Poller() { stop(); }
  void start();
  void stop();

  // One round of both tables. The thread's work; tests call it without one.
  void step();

 private:
  void poll_tasks(const sql::Fence& fence);
  void poll_pictures(const sql::Fence& fence);

  const PollSettings settings_;
  relay::OnWorker& on_worker_;
  Finisher& finisher_;
  Lease lease_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

// The rows of tasks as the upstream reports them; what becomes of one that failed stands in docs/tasks.md.
TaskRow moved(const TaskRow& row, const struct Report& report, bool tells_progress, std::int64_t now);

// Calls `work` for 0 … count − 1 on a few threads; returns when all are done.
void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace tollgate::tasks
