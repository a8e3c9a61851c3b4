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
#include "relay/routing.h"
#include "relay/secrets.h"

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

std::string_view path_of(dialect::OpenAiRoute kind) {
  switch (kind) {
    case dialect::OpenAiRoute::kEmbeddings: return "/v1/embeddings";
    case dialect::OpenAiRoute::kRerank: return "/v1/rerank";
    case dialect::OpenAiRoute::kImages: return "/v1/images/generations";
    case dialect::OpenAiRoute::kModerations: return "/v1/moderations";
    default: return "/v1/chat/completions";
  }
}

std::string model_of(const model::Channel& row, const std::string& asked) {
  if (!asked.empty()) return asked;
  if (!row.test_model.empty()) return row.test_model;
  auto models = model::split_list(row.models);
  return models.empty() ? "gpt-4o-mini" : models.front();
}

}  // namespace

ChannelTester::ChannelTester(ChannelTestSettings settings, OnWorker& workers, SnapshotHolder& snapshots,
                             ChannelHealth& health, billing::Billing& billing, sql::Pool& pool,
                             const core::Clock& clock, std::function<void()> changed)
    : settings_(settings),
      workers_(workers),
      snapshots_(snapshots),
      health_(health),
      billing_(billing),
      pool_(pool),
      clock_(clock),
      changed_(std::move(changed)) {}

ChannelTester::~ChannelTester() { stop(); }

void ChannelTester::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (sweep_.joinable()) sweep_.join();
}

ChannelTestReport ChannelTester::test(core::ChannelId id, const ChannelTestOptions& options) {
  auto report = ask(id, options, {});
  if (report.called && !report.result.error && snapshots_.get()->relay.enable_automatically) enable_again(id, {});
  return report;
}

ChannelTestReport ChannelTester::ask(core::ChannelId id, const ChannelTestOptions& options, const JobRun& run) {
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
  auto route = probe_route(options.endpoint, probe.model, channel->provider ? channel->provider->type : 0);
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
  probe.gemini = options.endpoint == "gemini";
  probe.verify_tls = settings_.verify_tls;
  auto result = workers_.run<ProbeResult>([probe] { return run_probe(probe); });
  if (!result) return refused("the gateway is stopping");
  write_down(probe, *result, user->group, user->username, *price, run);
  return {.message = result->message,
          .called = true,
          .key = std::move(probe.key),
          .model = std::move(probe.model),
          .username = std::move(user->username),
          .result = std::move(*result)};
}

void ChannelTester::write_down(const Probe& probe, const ProbeResult& result, const std::string& group,
                               const std::string& username, const billing::Price& price, const JobRun& run) {
  // Whoever lost the run while it waited leaves the writing to the one who has it.
  if (!run.goes_on()) return;
  const auto now = clock_.unix_seconds();
  auto lease = pool_.lease();
  auto stored =
      lease ? sql::with_fence(**lease, run.fence,
                              [&](sql::Connection& db) {
                                return model::set_channel_test_result(db, probe.channel->id, result.time.count(), now);
                              })
            : sql::Result<void>(lease.error());
  if (!stored)
    core::log::warn("channel {}: its test result is not stored: {}", probe.channel->id.value, stored.error().message);
  if (!stored && sql::fenced_off(stored.error())) return;
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

void ChannelTester::enable_again(core::ChannelId id, const JobRun& run) {
  const auto snapshot = snapshots_.get();
  const auto* channel = snapshot->channel(id);
  if (!channel || channel->enabled) return;
  auto lease = pool_.lease();
  auto enabled = lease ? sql::with_fence(**lease, run.fence,
                                         [&](sql::Connection& db) {
                                           return model::enable_tested_channel(db, id, clock_.unix_seconds());
                                         })
                       : sql::Result<bool>(lease.error());
  if (lease) *lease = sql::Pool::Lease();
  if (!enabled) {
    core::log::warn("channel {} ({}) works, but cannot be enabled: {}", id.value, channel->name,
                    enabled.error().message);
  } else if (*enabled) {
    core::log::info("channel {} ({}) is enabled: its test went well", id.value, channel->name);
    if (told_) told_(id, channel->name, 1, {});
    changed_();
  }
}

// Of a run over all channels: failures count as those of clients do, and so does an answer that took too long.
void ChannelTester::judge(core::ChannelId id, const ChannelTestReport& report, const JobRun& run) {
  const auto snapshot = snapshots_.get();
  const auto* channel = snapshot->channel(id);
  if (!report.called || !channel) return;
  const auto& relay = snapshot->relay;
  auto error = report.result.error;
  if (relay.disable_automatically && !(error && calls_for_disabling(relay, *channel, *error))) {
    const auto limit = snapshot->options->real("ChannelDisableThreshold");
    const auto took = static_cast<double>(report.result.time.count()) / 1000;
    if (limit > 0 && took > limit)
      error = dialect::gateway_error(408, "channel:response_time_exceeded",
                                     fmt::format("响应时间 {:.2f}s 超过阈值 {:.2f}s", took, limit));
  }
  if (!channel->enabled) {
    if (!error && relay.enable_automatically) enable_again(id, run);
    return;
  }
  if (!error || !calls_for_disabling(relay, *channel, *error)) return;
  log_failure(*channel, report, *error);
  auto fault = fault_of(*channel, report.key, *error);
  fault.fence = run.fence;
  health_.report(std::move(fault));
}

void ChannelTester::log_failure(const Channel& channel, const ChannelTestReport& report,
                                const dialect::RelayError& error) {
  if (!settings_.error_log) return;
  billing::LogRecord record;
  record.log.user_id = kTester;
  record.log.username = report.username;
  record.log.created_at = clock_.unix_seconds();
  record.log.type = static_cast<std::int64_t>(model::LogType::kError);
  record.log.content =
      fmt::format("status_code={}, {}", error.status,
                  core::mask_sensitive(core::scrub(error.log_text(), secrets_of(channel, report.key))));
  record.log.token_name = kName;
  record.log.model_name = report.model;
  record.log.use_time = report.result.time.count() / 1000;
  record.log.channel_id = channel.id;
  billing_.log(std::move(record));
}

bool ChannelTester::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

bool ChannelTester::test_all(std::function<void()> finished, JobRun run) {
  std::lock_guard lock(mutex_);
  if (running_ || stopping_) return false;
  if (sweep_.joinable()) sweep_.join();  // of the run before, which is over
  running_ = true;
  sweep_ = std::thread([this, told = std::move(finished), job = std::move(run)] {
    run_all(job);
    if (told && !workers_.stopping()) told();
    std::lock_guard done(mutex_);
    running_ = false;
  });
  return true;
}

void ChannelTester::run_all(const JobRun& run) {
  std::vector<model::Channel> rows;
  {
    auto lease = pool_.lease();
    auto read = lease ? model::all_channels(**lease) : lease.error();
    if (!read) {
      core::log::warn("channels are not tested: {}", read.error().message);
      return;
    }
    rows = std::move(*read);
  }
  std::ranges::sort(rows, [](const auto& a, const auto& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.id < b.id;
  });
  bool first = true;
  for (const auto& row : rows) {
    if (workers_.stopping() || !run.goes_on()) return;
    if (!std::exchange(first, false) && settings_.pause.count() > 0 && !workers_.pause(settings_.pause)) return;
    auto report = ask(row.id, {}, run);
    if (!report.message.empty())
      core::log::info("channel {} ({}): test failed: {}", row.id.value, row.name, report.message);
    if (!run.goes_on()) return;
    judge(row.id, report, run);
  }
}

}  // namespace tollgate::relay
