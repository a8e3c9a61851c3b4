#include "relay/channel_test.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "billing/charge.h"
#include "core/log.h"
#include "core/mask.h"
#include "model/channel_status.h"
#include "model/user.h"
#include "net/worker.h"
#include "relay/routing.h"

namespace tollgate::relay {
namespace {

constexpr core::UserId kTester{1};
constexpr std::string_view kName = "模型测试";

// Asynchronous services and their kin have no question that is answered in a moment.
constexpr int kUntestable[] = {2, 5, 36, 50, 51, 52, 54};

bool accepts_unset_ratio(const model::User& user) {
  boost::system::error_code ec;
  auto setting = boost::json::parse(user.setting.empty() ? "{}" : user.setting, ec);
  if (ec || !setting.is_object()) return false;
  const auto* value = setting.get_object().if_contains("accept_unset_model_ratio_model");
  return value && value->is_bool() && value->get_bool();
}

// The rule of tests: no group ratio, no cached or audio tokens.
core::Quota test_quota(const billing::Price& price, const billing::Usage& usage) {
  if (price.price_billed) return {static_cast<std::int64_t>(price.model_price * price.quota_per_unit)};
  auto output = std::round(static_cast<double>(usage.completion_tokens) * price.completion_ratio);
  auto quota = std::round((static_cast<double>(usage.prompt_tokens) + output) * price.model_ratio);
  if (price.model_ratio != 0 && quota <= 0) quota = 1;
  return {static_cast<std::int64_t>(quota)};
}

std::string_view path_of(dialect::OpenAiRoute route) {
  return route == dialect::OpenAiRoute::kEmbeddings ? "/v1/embeddings" : "/v1/chat/completions";
}

std::string model_of(const model::Channel& row, const std::string& asked) {
  if (!asked.empty()) return asked;
  if (!row.test_model.empty()) return row.test_model;
  auto models = model::split_list(row.models);
  return models.empty() ? "gpt-4o-mini" : models.front();
}

}  // namespace

ChannelTester::ChannelTester(std::vector<net::Worker*> workers, SnapshotHolder& snapshots, ChannelHealth& health,
                             billing::Billing& billing, sql::Pool& pool, const core::Clock& clock, bool verify_tls,
                             std::function<void()> changed)
    : workers_(std::move(workers)),
      snapshots_(snapshots),
      health_(health),
      billing_(billing),
      pool_(pool),
      clock_(clock),
      verify_tls_(verify_tls),
      changed_(std::move(changed)) {}

ChannelTester::~ChannelTester() { stop(); }

void ChannelTester::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (sweep_.joinable()) sweep_.join();
}

// Once workers are joined nothing runs there any more: what is not done then never will be.
ProbeResult ChannelTester::run_on_worker(Probe probe) {
  struct Shared {
    bool done = false;
    ProbeResult result;
  };
  auto shared = std::make_shared<Shared>();
  std::unique_lock lock(mutex_);
  auto* worker = workers_[next_worker_++ % workers_.size()];
  worker->post([this, worker, shared, moved = std::move(probe)]() mutable {
    worker->spawn([](ChannelTester& tester, std::shared_ptr<Shared> out, Probe asked) -> net::awaitable<void> {
      auto result = co_await run_probe(std::move(asked));
      {
        std::lock_guard done(tester.mutex_);
        out->result = std::move(result);
        out->done = true;
      }
      tester.wake_.notify_all();
    }(*this, shared, std::move(moved)));
  });
  wake_.wait(lock, [&] { return shared->done || stopping_; });
  if (shared->done) return std::move(shared->result);
  ProbeResult stopped;
  stopped.message = "the gateway is stopping";
  stopped.error = dialect::invalid_request(stopped.message);
  return stopped;
}

ChannelTestReport ChannelTester::test(core::ChannelId id, const ChannelTestOptions& options) {
  auto refused = [](std::string message) { return ChannelTestReport{.message = std::move(message)}; };
  auto snapshot = snapshots_.get();
  const auto* channel = snapshot->channel(id);
  std::optional<model::Channel> row;
  std::optional<model::User> user;
  {
    auto lease = pool_.lease();
    auto channel_row = lease ? model::find_channel(**lease, id) : lease.error();
    auto user_row = lease ? model::find_user(**lease, kTester) : lease.error();
    if (!channel_row || !user_row) return refused("the database is away");
    row = std::move(*channel_row);
    user = std::move(*user_row);
  }
  if (!channel || !row || !user) return refused("record not found");
  if (channel->provider && std::ranges::find(kUntestable, channel->provider->type) != std::end(kUntestable))
    return refused(fmt::format("{} channel test is not supported", channel->provider->name));
  if (!channel->not_built.empty()) return refused(fmt::format("this build does not {}", channel->not_built));

  Probe probe;
  probe.model = model_of(*row, options.model);
  auto route = probe_route(options.endpoint, probe.model);
  if (!route) return refused(route.error().message);
  auto mapped = mapped_model(*channel, probe.model);
  if (!mapped) return refused(mapped.error().message);
  if (channel->keys.empty()) return refused("no enabled keys");
  if (!channel->bad_proxy.empty()) return refused("the channel's proxy cannot be used: " + channel->bad_proxy);
  auto price = snapshot->prices->resolve({.model = probe.model,
                                          .user_group = user->group,
                                          .using_group = user->group,
                                          .accept_unset_ratio = accepts_unset_ratio(*user)});
  if (!price) return refused(price.error().message);

  core::FastRandom random;
  probe.snapshot = snapshot;
  probe.channel = channel;
  probe.key = channel->keys[random.below(channel->keys.size())];
  probe.route = *route;
  probe.upstream_model = std::move(*mapped);
  probe.stream = options.stream && *route == dialect::OpenAiRoute::kChatCompletions;
  probe.verify_tls = verify_tls_;
  auto result = run_on_worker(probe);
  write_down(probe, result, user->group, user->username, *price);
  if (!result.error && snapshot->relay.enable_automatically) enable_again(*channel);
  return {.message = result.message, .called = true, .key = std::move(probe.key), .result = std::move(result)};
}

void ChannelTester::write_down(const Probe& probe, const ProbeResult& result, const std::string& group,
                               const std::string& username, const billing::Price& price) {
  const auto now = clock_.unix_seconds();
  auto lease = pool_.lease();
  auto stored = lease ? model::set_channel_test_result(**lease, probe.channel->id, result.time.count(), now)
                      : sql::Result<void>(lease.error());
  if (!stored)
    core::log::warn("channel {}: its test result is not stored: {}", probe.channel->id.value, stored.error().message);
  if (result.error || !probe.snapshot->relay.log_consume) return;

  billing::ChargeInput input;
  input.usage = result.usage;
  input.model = probe.model;
  billing::LogRecord record;
  record.log.user_id = kTester;
  record.log.username = username;
  record.log.created_at = now;
  record.log.type = static_cast<std::int64_t>(model::LogType::kConsume);
  record.log.content = kName;
  record.log.token_name = kName;
  record.log.model_name = probe.model;
  record.log.quota = test_quota(price, result.usage);
  record.log.prompt_tokens = result.usage.prompt_tokens;
  record.log.completion_tokens = result.usage.completion_tokens;
  record.log.use_time = result.time.count() / 1000;
  record.log.is_stream = probe.stream;
  record.log.channel_id = probe.channel->id;
  record.log.group = group;
  record.log.other =
      fmt::format("{{{},\"frt\":-1000,\"admin_info\":{{\"use_channel\":[\"{}\"]}},\"request_path\":\"{}\"}}",
                  billing::charge(input, price).other, probe.channel->id.value, path_of(probe.route));
  billing_.log(std::move(record));
}

void ChannelTester::enable_again(const Channel& channel) {
  auto lease = pool_.lease();
  auto enabled = lease ? model::enable_tested_channel(**lease, channel.id, clock_.unix_seconds())
                       : sql::Result<bool>(lease.error());
  if (!enabled) {
    core::log::warn("channel {} ({}) works, but cannot be enabled: {}", channel.id.value, channel.name,
                    enabled.error().message);
  } else if (*enabled) {
    core::log::info("channel {} ({}) is enabled: its test went well", channel.id.value, channel.name);
    changed_();
  }
}

// Of a run over all channels: failures count as those of clients do, and so does an answer that took too long.
void ChannelTester::judge(core::ChannelId id, const ChannelTestReport& report) {
  auto snapshot = snapshots_.get();
  const auto* channel = snapshot->channel(id);
  if (!report.called || !channel || !channel->enabled) return;
  const auto& relay = snapshot->relay;
  auto error = report.result.error;
  if (!error || !calls_for_disabling(relay, *channel, *error)) {
    const auto limit = snapshot->options->real("ChannelDisableThreshold");
    const auto took = static_cast<double>(report.result.time.count()) / 1000;
    if (limit <= 0 || took <= limit) return;
    error = dialect::gateway_error(408, "channel:response_time_exceeded",
                                   fmt::format("响应时间 {:.2f}s 超过阈值 {:.2f}s", took, limit));
    if (!calls_for_disabling(relay, *channel, *error)) return;
  }
  health_.report(fault_of(*channel, report.key, *error));
}

bool ChannelTester::test_all() {
  std::lock_guard lock(mutex_);
  if (running_ || stopping_) return false;
  if (sweep_.joinable()) sweep_.join();  // of the run before, which is over
  running_ = true;
  sweep_ = std::thread([this] { run_all(); });
  return true;
}

void ChannelTester::run_all() {
  std::vector<model::Channel> rows;
  {
    auto lease = pool_.lease();
    auto read = lease ? model::all_channels(**lease) : lease.error();
    if (read)
      rows = std::move(*read);
    else
      core::log::warn("channels are not tested: {}", read.error().message);
  }
  std::ranges::sort(rows, [](const auto& a, const auto& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.id < b.id;
  });
  for (const auto& row : rows) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    auto report = test(row.id, {});
    if (!report.message.empty())
      core::log::info("channel {} ({}): test failed: {}", row.id.value, row.name, report.message);
    judge(row.id, report);
  }
  std::lock_guard lock(mutex_);
  running_ = false;
}

}  // namespace tollgate::relay
