#include "app/task_poll.h"

#include "tasks/routes.h"

namespace tollgate::app {
namespace {

tasks::PollSettings poll_settings(const core::Config& config) {
  tasks::PollSettings settings;
  settings.enabled = config.boolean("UPDATE_TASK");
  settings.most = config.integer("TASK_QUERY_LIMIT");
  settings.time_limit = std::chrono::minutes(config.integer("TASK_TIMEOUT_MINUTES"));
  settings.period = config.duration("TOLLGATE_TASK_POLL");
  settings.verify_tls = !config.boolean("TLS_INSECURE_SKIP_VERIFY");
  return settings;
}

}  // namespace

TaskPoll::TaskPoll(const core::Config& config, std::vector<net::Worker*> workers, relay::SnapshotHolder& snapshots,
                   billing::Billing& billing, sql::Pool& pool, bool logs_apart, const core::Clock& clock,
                   ClusterNode& cluster)
    : on_worker_(std::move(workers)),
      finisher_(pool, billing, snapshots, clock, logs_apart),
      poller_(poll_settings(config), on_worker_, finisher_,
              [&cluster](std::string_view job) -> std::optional<sql::Fence> {
                auto run = cluster.begin(job);
                return run ? std::optional(std::move(run->fence)) : std::nullopt;
              }) {
  relay::add_key_routes(tasks::routes());
}

void TaskPoll::stop() {
  on_worker_.stop();
  poller_.stop();
}

}  // namespace tollgate::app
