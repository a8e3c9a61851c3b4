#include "app/monitoring.h"

namespace tollgate::app {
namespace {

bool verify_tls(const core::Config& config) { return !config.boolean("TLS_INSECURE_SKIP_VERIFY"); }

std::chrono::seconds pause(const core::Config& config) {
  return std::chrono::seconds(config.integer("POLLING_INTERVAL"));
}

relay::SweepSettings sweep_settings(const core::Config& config) {
  relay::SweepSettings settings;
  if (config.is_set("CHANNEL_TEST_FREQUENCY"))
    settings.test_every = std::chrono::minutes(config.integer("CHANNEL_TEST_FREQUENCY"));
  if (config.is_set("CHANNEL_UPDATE_FREQUENCY"))
    settings.balance_every = std::chrono::minutes(config.integer("CHANNEL_UPDATE_FREQUENCY"));
  return settings;
}

}  // namespace

Monitoring::Monitoring(const core::Config& config, std::vector<net::Worker*> workers, relay::SnapshotHolder& snapshots,
                       relay::ChannelHealth& health, billing::Billing& billing, sql::Pool& pool,
                       const core::Clock& clock, std::function<void()> reload,
                       std::function<std::optional<relay::JobRun>(std::string_view)> begin)
    : transport_(verify_tls(config)),
      notifier_(
          {.limit = config.integer("NOTIFY_LIMIT_COUNT"),
           .window = std::chrono::minutes(config.integer("NOTIFICATION_LIMIT_DURATION_MINUTE"))},
          pool, clock, [&snapshots] { return snapshots.get()->options; },
          [&billing](core::UserId user, core::Quota column) { return billing.shown_user_balance(user, column); },
          transport_),
      on_worker_(std::move(workers)),
      tester_(
          {.verify_tls = verify_tls(config), .error_log = config.boolean("ERROR_LOG_ENABLED"), .pause = pause(config)},
          on_worker_, snapshots, health, billing, pool, clock, std::move(reload)),
      balances_(on_worker_, snapshots, health, pool, clock, verify_tls(config), pause(config)),
      sweeps_(sweep_settings(config), snapshots, clock,
              {.begin_tests =
                   [this, begin] {
                     if (auto run = begin("channel_test")) tester_.test_all({}, std::move(*run));
                   },
               .tests_running = [this] { return tester_.running(); },
               .balances =
                   [this, begin] {
                     if (auto run = begin("channel_balance")) balances_.update_all(*run);
                   },
               .may_run = [begin](std::string_view job) { return begin(job).has_value(); }}) {}

void Monitoring::connect(relay::Relay& relay, relay::ChannelHealth& health, api::Services& services,
                         std::function<void(core::ChannelId, std::string_view)> disabled) {
  relay.low_balance = [this](core::UserId user, core::Quota charge) { notifier_.charged(user, charge); };
  auto tell = [this, disabled](std::string_view found_by) {
    return
        [this, disabled, found_by](core::ChannelId id, const std::string& name, int status, const std::string& reason) {
          if (status != 1) disabled(id, found_by);
          notifier_.tell_root(notify::channel_status(id, name, status, reason));
        };
  };
  health.on_status(tell("request"));
  tester_.on_status(tell("test"));

  services.test_channel = [this](const api::ChannelTest& wanted) {
    auto report =
        tester_.test(wanted.channel, {.model = wanted.model, .endpoint = wanted.endpoint, .stream = wanted.stream});
    return api::ChannelTestResult{.success = report.message.empty(),
                                  .message = report.message,
                                  .seconds = static_cast<double>(report.result.time.count()) / 1000};
  };
  services.test_all_channels = [this] {
    return tester_.test_all([this] { notifier_.tell_root(notify::tests_done()); });
  };
  services.update_balance = [this](core::ChannelId id) { return balances_.update(id); };
  services.update_all_balances = [this] { return balances_.update_all(); };
}

void Monitoring::start() {
  notifier_.start();
  sweeps_.start();
}

void Monitoring::stop() {
  on_worker_.stop();
  sweeps_.stop();
  tester_.stop();
  notifier_.stop();
}

}  // namespace tollgate::app
