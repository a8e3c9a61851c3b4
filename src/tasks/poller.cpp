#include "tasks/poller.h"

#include <fmt/core.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <tuple>

#include "core/log.h"
#include "tasks/json.h"
#include "tasks/provider.h"

namespace tollgate::tasks {
namespace {

constexpr std::size_t kThreads = 8;

std::string name_of(const TaskRow& row) { return fmt::format("task:{}", row.id); }

bool is_suno(const TaskRow& row) { return row.platform == "suno"; }

void write(Finisher& finisher, const sql::Fence& fence, const TaskRow& before, const TaskRow& after, bool overdue) {
  const auto now = finisher.clock().unix_seconds();
  auto update = [&](sql::Connection& db) { return update_task(db, after, before.status, now); };
  sql::Result<Finisher::Outcome> done = Finisher::Outcome::kDone;
  if (after.status == "FAILURE" && before.status != "FAILURE") {
    const auto text = is_suno(before) ? fmt::format("异步任务执行失败 {}，补偿 ", before.task_id)
                                      : fmt::format("Video async task failed {}, refund ", before.task_id);
    done = finisher.fail(fence,
                         {.thing = name_of(before),
                          .log_begin = text,
                          .user = before.user,
                          .quota = before.quota,
                          .channel = before.channel,
                          .overdue = overdue},
                         update);
  } else {
    done = finisher.move(fence, update);
  }
  if (!done) core::log::warn("task {}: {}", before.id, done.error().message);
}

TaskRow failed(const TaskRow& row, std::string reason, std::int64_t now) {
  auto after = row;
  after.status = "FAILURE";
  after.progress = "100%";
  after.fail_reason = std::move(reason);
  if (after.finish_time == 0) after.finish_time = now;
  return after;
}

std::string key_of(const relay::Channel& channel, const TaskRow& row) {
  const auto own = parsed(row.private_data);
  if (const auto* object = own.if_object())
    if (auto key = text_of(*object, "key"); !key.empty()) return key;
  return channel.keys.empty() ? std::string() : channel.keys.front().text;
}

bool differs(const TaskRow& a, const TaskRow& b) {
  auto all = [](const TaskRow& row) {
    return std::tie(row.status, row.progress, row.fail_reason, row.start_time, row.finish_time, row.data);
  };
  return all(a) != all(b);
}

struct Group {
  const relay::Channel* channel = nullptr;
  const Provider* provider = nullptr;
  std::string key;
  std::vector<const TaskRow*> rows;
};

}  // namespace

TaskRow moved(const TaskRow& row, const Report& report, bool tells_progress, std::int64_t now) {
  auto after = row;
  constexpr std::size_t kLongestStatus = 20;  // characters of the column
  if (!report.status.empty() && report.status.size() <= kLongestStatus) after.status = report.status;
  const auto& status = after.status;
  if (!report.progress.empty())
    after.progress = report.progress;
  else if (is_final(status))
    after.progress = "100%";
  else if (tells_progress)
    after.progress = status == "SUBMITTED"     ? "10%"
                     : status == "QUEUED"      ? "20%"
                     : status == "IN_PROGRESS" ? "30%"
                                               : row.progress;
  if (report.start_time > 0) after.start_time = report.start_time;
  if (report.finish_time > 0) after.finish_time = report.finish_time;
  if (tells_progress && status == "IN_PROGRESS" && after.start_time == 0) after.start_time = now;
  if (is_final(status) && after.finish_time == 0) after.finish_time = now;
  if (status == "FAILURE") after.fail_reason = report.reason;
  if (status == "SUCCESS" && !report.url.empty()) after.fail_reason = report.url;
  after.data = report.data;
  return after;
}

void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  auto run = [&] {
    for (auto i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < std::min(count, kThreads); ++i) others.emplace_back(run);
  run();
  for (auto& thread : others) thread.join();
}

void Poller::poll_tasks(const sql::Fence& fence) {
  const auto snapshot = finisher_.snapshot();
  std::vector<TaskRow> rows;
  {
    auto lease = finisher_.pool().lease();
    auto found = lease ? open_tasks(**lease, settings_.most) : sql::Result<std::vector<TaskRow>>(lease.error());
    if (!found) return core::log::warn("tasks cannot be read: {}", found.error().message);
    rows = std::move(*found);
  }
  const auto now = finisher_.clock().unix_seconds();
  const auto limit = std::chrono::seconds(settings_.time_limit).count();
  std::map<std::tuple<std::int64_t, std::string, std::string>, Group> groups;
  for (const auto& row : rows) {
    const auto* channel = snapshot->channel(row.channel);
    if (limit > 0 && row.submit_time > 0 && now - row.submit_time > limit) {
      write(finisher_, fence, row, failed(row, fmt::format("任务超时（{}分钟）", settings_.time_limit.count()), now),
            true);
    } else if (row.task_id.empty()) {
      write(finisher_, fence, row, failed(row, row.fail_reason, now), false);
    } else if (!channel || !channel->provider) {
      const auto id = row.channel.value;
      write(finisher_, fence, row,
            failed(row,
                   is_suno(row) ? fmt::format("获取渠道信息失败，请联系管理员，渠道ID：{}", id)
                                : fmt::format("Failed to get channel info, channel ID: {}", id),
                   now),
            false);
    } else if (const auto* provider = find_task_provider(row.platform)) {
      auto key = key_of(*channel, row);
      auto& group = groups[{row.channel.value, row.platform, key}];
      group.channel = channel;
      group.provider = provider;
      group.key = std::move(key);
      group.rows.push_back(&row);
    }
  }

  std::vector<const Group*> list;
  for (const auto& [id, group] : groups) list.push_back(&group);
  in_parallel(list.size(), [&](std::size_t i) {
    const auto& group = *list[i];
    const std::span<const TaskRow* const> all(group.rows);
    for (std::size_t at = 0; at < all.size() && !on_worker_.stopping(); at += group.provider->asks_about) {
      const auto part = all.subspan(at, std::min(group.provider->asks_about, all.size() - at));
      auto answer = on_worker_.run<Answer>([&group, part, verify = settings_.verify_tls] {
        return call_upstream(*group.channel, group.provider->ask(group.key, part), {.verify_tls = verify});
      });
      if (!answer) return;
      auto reports = group.provider->reports(*answer, snapshot->options->link_base(), part);
      if (!reports) {
        core::log::info("channel {} says nothing of {} tasks: {} {}", group.channel->id.value, part.size(),
                        answer->status, answer->failure);
        continue;
      }
      for (const auto& report : *reports) {
        auto row = std::ranges::find(part, report.task_id, [](const TaskRow* one) { return one->task_id; });
        if (row == part.end()) continue;  // not asked for
        auto after = moved(**row, report, group.provider->tells_progress, finisher_.clock().unix_seconds());
        if (differs(**row, after)) write(finisher_, fence, **row, after, false);
      }
    }
  });
}

void Poller::step() {
  if (auto fence = lease_("task_poll")) poll_tasks(*fence);
  if (auto fence = lease_("task_poll_mj")) poll_pictures(*fence);
}

void Poller::start() {
  if (!settings_.enabled) return;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "task-poll");
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, settings_.period, [this] { return stopping_; })) {
      lock.unlock();
      try {
        step();
      } catch (const std::exception& failure) {
        core::log::error("a round of tasks broke off: {}", failure.what());
      }
      lock.lock();
    }
  });
}

void Poller::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace tollgate::tasks
