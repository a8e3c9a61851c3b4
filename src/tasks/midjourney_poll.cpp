// How pictures stand: asked for all of a channel at once, written when something changed, given back when they failed.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/json_edit.h"
#include "core/json_text.h"
#include "core/log.h"
#include "tasks/json.h"
#include "tasks/midjourney.h"
#include "tasks/poller.h"
#include "tasks/upstream.h"

namespace tollgate::tasks {
namespace {

constexpr std::int64_t kLongestMs = 3'600'000;
constexpr std::string_view kTooLong = "上游任务超时（超过1小时）";

MidjourneyRow failed(const MidjourneyRow& row, std::string_view reason) {
  auto after = row;
  after.status = "FAILURE";
  after.progress = "100%";
  if (!reason.empty()) after.fail_reason = reason;
  return after;
}

bool is_done(const MidjourneyRow& row) { return row.status == "SUCCESS" || row.status == "FAILURE"; }

}  // namespace

bool says_failed(const MidjourneyRow& row) {
  return row.progress == "100%" ? row.status == "FAILURE" : !row.fail_reason.empty();
}

bool same_midjourney(const MidjourneyRow& a, const MidjourneyRow& b) {
  auto all = [](const MidjourneyRow& row) {
    return std::tie(row.code, row.progress, row.prompt_en, row.state, row.submit_time, row.start_time, row.finish_time,
                    row.image_url, row.status, row.fail_reason, row.video_url, row.video_urls);
  };
  return all(a) == all(b);
}

sql::Result<Finisher::Outcome> write_midjourney(Finisher& finisher, const sql::Fence& fence,
                                                const MidjourneyRow& before, MidjourneyRow after, bool overdue) {
  const bool fails = says_failed(after);
  if (fails) after.progress = "100%";
  auto update = [&](sql::Connection& db) { return update_midjourney(db, after, before); };
  if (!fails) return finisher.move(fence, update);
  return finisher.fail(fence,
                       {.thing = fmt::format("mj:{}", before.id),
                        .log_begin = fmt::format("构图失败 {}，补偿 ", before.mj_id),
                        .user = before.user,
                        .quota = before.quota,
                        .channel = before.channel,
                        .overdue = overdue},
                       update);
}

void Poller::poll_pictures(const sql::Fence& fence) {
  const auto snapshot = finisher_.snapshot();
  std::vector<MidjourneyRow> rows;
  {
    auto lease = finisher_.pool().lease();
    auto found = lease ? open_midjourneys(**lease) : sql::Result<std::vector<MidjourneyRow>>(lease.error());
    if (!found) return core::log::warn("pictures cannot be read: {}", found.error().message);
    rows = std::move(*found);
  }
  const auto now = finisher_.clock().unix_millis();
  auto too_old = [&](const MidjourneyRow& row) { return row.submit_time > 0 && now - row.submit_time > kLongestMs; };
  auto write = [&](const MidjourneyRow& before, MidjourneyRow after) {
    auto done = write_midjourney(finisher_, fence, before, std::move(after), too_old(before));
    if (!done) core::log::warn("picture {}: {}", before.id, done.error().message);
  };
  std::map<std::int64_t, std::vector<const MidjourneyRow*>> by_channel;
  for (const auto& row : rows) {
    const auto* channel = snapshot->channel(row.channel);
    if (row.mj_id.empty())
      write(row, failed(row, {}));
    else if (!channel || !channel->provider)
      write(row, failed(row, fmt::format("获取渠道信息失败，请联系管理员，渠道ID：{}", row.channel.value)));
    else if (!channel->keys.empty())
      by_channel[row.channel.value].push_back(&row);
  }

  std::vector<std::pair<const relay::Channel*, const std::vector<const MidjourneyRow*>*>> list;
  for (const auto& [id, open] : by_channel) list.emplace_back(snapshot->channel({id}), &open);
  in_parallel(list.size(), [&](std::size_t i) {
    const auto& [channel, open] = list[i];
    Call call;
    call.path = "/mj/task/list-by-condition";
    call.headers = {{"Content-Type", "application/json"}, midjourney_secret(channel->keys.front().text)};
    call.limit = std::chrono::seconds(15);
    call.through_proxy = false;
    for (const auto* row : *open)
      core::append_json_string(call.body += call.body.empty() ? "{\"ids\":[" : ",", row->mj_id);
    call.body += "]}";
    auto answer = on_worker_.run<Answer>([&channel, call, verify = settings_.verify_tls] {
      return call_upstream(*channel, call, {.verify_tls = verify});
    });
    if (!answer) return;
    std::map<std::string, std::string_view> items;
    if (auto spans = answer->ok() ? core::scan_array(answer->body) : std::nullopt)
      for (const auto& span : *spans) {
        const auto text = std::string_view(answer->body).substr(span.begin, span.size());
        const auto value = parsed(text);
        if (const auto* object = value.if_object()) items.emplace(text_of(*object, "id"), text);
      }
    else
      core::log::info("channel {} says nothing of {} pictures: {} {}", channel->id.value, open->size(), answer->status,
                      answer->failure);
    for (const auto* row : *open) {
      auto item = items.find(row->mj_id);
      auto after = item == items.end() ? *row : told(*row, item->second);
      if (too_old(*row) && !is_done(after) && after.progress != "100%") after = failed(after, kTooLong);
      if (!same_midjourney(*row, after)) write(*row, std::move(after));
    }
  });
}

}  // namespace tollgate::tasks
