#include "tasks/poller.h"

#include <fmt/core.h>

#include "net/resolver.h"
#include "net/worker.h"
#include "tasks/midjourney_row.h"
#include "tasks/provider.h"
#include "unit/tasks/task_fixture.h"

namespace tollgate::tasks {
namespace {

// Rounds over the fixture's rows; the channel's upstream is never there.
class Polling : public TaskFixture {
 protected:
  void SetUp() override {
    TaskFixture::SetUp();
    run("INSERT INTO channels(id, type, name, `key`, status, base_url, models) VALUES(3, 36, 'away', 'k', 1, "
        "'http://127.0.0.1:9', "
        "'suno_music')");
    run("UPDATE tasks SET channel_id = 3");
    reload();
    expect_it();
    charge_it();
  }
  void step(std::int64_t seconds_later, PollSettings settings = {}, bool leader = true) {
    net::Resolver resolver;
    net::Worker worker(0, resolver, {});
    worker.start();
    relay::OnWorker on_worker({&worker});
    core::ManualClock clock(kNow + seconds_later);
    Finisher finisher(*pool_, *billing_, snapshots_, clock, false);
    Poller poller(settings, on_worker, finisher, [&](std::string_view) {
      return leader ? std::optional(sql::Fence([](sql::Connection&) { return sql::Result<bool>(true); }))
                    : std::nullopt;
    });
    poller.step();
    worker.stop();
    worker.join();
    on_worker.stop();
  }
  void submitted(std::int64_t at) {
    auto done = (**pool_->lease()).execute("UPDATE tasks SET submit_time = ?", {at});
    ASSERT_TRUE(done) << done.error().message;
  }
};

TEST_F(Polling, D41_ATaskThatIsNotDoneAfterADayFailsAndIsGivenBack) {
  submitted(kNow);
  step(24 * 3600);
  EXPECT_EQ(status(), "SUBMITTED");
  step(24 * 3600 + 1);
  EXPECT_EQ(status(), "FAILURE");
  EXPECT_EQ(reason(), "任务超时（1440分钟）");
  EXPECT_EQ(wallet(), 1300);
  step(24 * 3600 + 60);
  EXPECT_EQ(wallet(), 1300);
}

TEST_F(Polling, WithoutATimeLimitATaskWaitsForEver) {
  submitted(kNow);
  step(1'000'000'000, {.time_limit = std::chrono::minutes(0)});
  EXPECT_EQ(status(), "SUBMITTED");
}

TEST_F(Polling, Q10_ATaskWithoutItsChannelFailsAndIsGivenBack) {
  submitted(kNow);
  run("DELETE FROM channels");
  reload();
  step(1);
  EXPECT_EQ(status(), "FAILURE");
  EXPECT_EQ(reason(), "获取渠道信息失败，请联系管理员，渠道ID：3");
  EXPECT_EQ(wallet(), 1300);
}

TEST_F(Polling, OnlyTheNodeWithTheLeaseActs) {
  submitted(kNow);
  step(24 * 3600 + 1, {}, false);
  EXPECT_EQ(status(), "SUBMITTED");
}

class PollingPictures : public Polling {
 protected:
  void SetUp() override {
    Polling::SetUp();
    MidjourneyRow row;
    row.user = {7};
    row.mj_id = "m";
    row.action = "IMAGINE";
    row.progress = "0%";
    row.submit_time = kNow * 1000;
    row.channel = {3};
    row.quota = {300};
    auto lease = pool_->lease();
    auto id = insert_midjourney(**lease, row);
    ASSERT_TRUE(id);
    ASSERT_TRUE(billing::expect_charge(**lease, fmt::format("mj:{}", *id), "picture", kNow));
    ASSERT_TRUE(billing::note_charge(**lease, "picture", {{7}, {9}, {300}}));
    run("UPDATE tasks SET status = 'SUCCESS', progress = '100%'");
  }
  std::string picture(const char* column) {
    const bool reason = std::string_view(column) == "fail_reason";
    const auto row = (**pool_->lease()).query("SELECT status, progress, fail_reason FROM midjourneys")->front();
    return row.text(reason ? 2 : std::string_view(column) == "progress" ? 1 : 0);
  }
};

TEST_F(PollingPictures, Q51_APictureOfWhichNothingIsHeardFailsAfterAnHourAndIsGivenBack) {
  step(3600);
  EXPECT_EQ(picture("status"), "");
  step(3601);
  EXPECT_EQ(picture("status"), "FAILURE");
  EXPECT_EQ(picture("progress"), "100%");
  EXPECT_EQ(picture("fail_reason"), "上游任务超时（超过1小时）");
  EXPECT_EQ(wallet(), 1300);
  EXPECT_EQ(key(), 800);
}

TEST_F(PollingPictures, APictureWithoutAnIdFails) {
  run("UPDATE midjourneys SET mj_id = ''");
  step(1);
  EXPECT_EQ(picture("status"), "FAILURE");
  EXPECT_EQ(wallet(), 1300);
}

TEST(Moved, ReportsSetProgressAndTimes) {
  TaskRow row;
  row.status = "NOT_START";
  row.progress = "0%";
  auto after = [&](Report report) { return moved(row, report, true, kNow); };
  EXPECT_EQ(after({.status = "SUBMITTED"}).progress, "10%");
  EXPECT_EQ(after({.status = "QUEUED"}).progress, "20%");
  EXPECT_EQ(after({.status = "IN_PROGRESS"}).progress, "30%");
  EXPECT_EQ(after({.status = "IN_PROGRESS"}).start_time, kNow);
  EXPECT_EQ(after({.status = "IN_PROGRESS", .progress = "40%"}).progress, "40%");
  const auto done = after({.status = "SUCCESS", .url = "https://v"});
  EXPECT_EQ(done.progress, "100%");
  EXPECT_EQ(done.finish_time, kNow);
  EXPECT_EQ(done.fail_reason, "https://v");
  const auto failed = after({.status = "FAILURE", .reason = "no"});
  EXPECT_EQ(failed.progress, "100%");
  EXPECT_EQ(failed.fail_reason, "no");
  EXPECT_EQ(moved(row, {.status = "SUBMITTED"}, false, kNow).progress, "0%");
}

}  // namespace
}  // namespace tollgate::tasks
