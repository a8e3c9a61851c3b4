#include "billing/billing.h"

#include <algorithm>
#include <utility>

#include "billing/balances.h"
#include "billing/lost_nodes.h"
#include "core/log.h"
#include "sql/transaction.h"

namespace tollgate::billing {
namespace {

constexpr std::size_t kReserveBytes = 64U << 20U;  // more than the journal's log ever holds

core::Quota shown(sql::Pool& pool, const Slices& slices, AccountId id, core::Quota column) {
  auto lease = pool.lease();
  if (!lease) return column;
  auto left = left_in_sql(**lease, id);
  if (!left) return column;
  auto account = slices.find(id);
  return *left - core::Quota{account ? account->unflushed.load() : 0};
}

}  // namespace

BillingSettings BillingSettings::of(const core::Config& config) {
  BillingSettings settings;
  settings.data_dir = config.text("TOLLGATE_DATA_DIR");
  settings.power_safe = config.text("TOLLGATE_JOURNAL_SYNC") == "power";
  settings.journal_keep = config.duration("TOLLGATE_JOURNAL_KEEP");
  settings.reserve_bytes = kReserveBytes;
  settings.max_backlog_bytes = static_cast<std::size_t>(config.integer("TOLLGATE_JOURNAL_MAX_MB")) << 20U;
  settings.ledger.exposure = config.integer("TOLLGATE_SQL_AWAY_EXPOSURE");
  // What only a container's own layer holds is gone with it: nobody need wait for such a journal.
  settings.ledger.lost_hold = config.is_set("TOLLGATE_LOST_HOLD") || directory_lasts(settings.data_dir)
                                  ? config.duration("TOLLGATE_LOST_HOLD")
                                  : std::chrono::seconds(60);
  settings.journal_required = config.boolean("TOLLGATE_JOURNAL_REQUIRED");
  // A transaction costs about the same for one charge and for hundreds: a short pause between two gathers them.
  settings.ledger.rhythm = std::chrono::milliseconds(25);
  if (config.boolean("BATCH_UPDATE_ENABLED"))
    settings.ledger.rhythm = std::chrono::seconds(config.integer("BATCH_UPDATE_INTERVAL"));
  return settings;
}

Billing::Billing(BillingSettings settings, sql::Pool& main, sql::Pool& log, const core::Clock& clock, Node node)
    : settings_(std::move(settings)), main_(main), log_(log), clock_(clock), node_(std::move(node)) {}

core::Result<std::unique_ptr<Billing>> Billing::open(BillingSettings settings, sql::Pool& main, sql::Pool& log,
                                                     const core::Clock& clock) {
  // The journal first: it holds the lock on the directory.
  auto journal = Journal::open({.directory = settings.data_dir,
                                .power_safe = settings.power_safe,
                                .keep = settings.journal_keep,
                                .reserve_bytes = settings.reserve_bytes,
                                .max_backlog_bytes = settings.max_backlog_bytes},
                               clock);
  if (!journal) return journal.error();
  auto node = open_node(settings.data_dir);
  if (!node) return node.error();
  std::unique_ptr<Billing> made(new Billing(std::move(settings), main, log, clock, std::move(*node)));
  auto& self = *made;
  self.journal_ = std::move(*journal);
  const auto& id = self.node_.id;
  auto rhythm = self.settings_.ledger.rhythm;
  self.ledger_ =
      std::make_unique<Ledger>(id, self.settings_.ledger, *self.journal_, self.slices_, self.main_, self.clock_);
  self.stat_consumer_ =
      std::make_unique<FlushConsumer>(Consumer::kStatistics, id, *self.journal_, self.main_, self.clock_, rhythm);
  self.log_consumer_ =
      std::make_unique<FlushConsumer>(Consumer::kLog, id, *self.journal_, self.log_, self.clock_, rhythm);
  self.journal_->on_commit([&self] {
    self.ledger_->wake();
    self.stat_consumer_->wake();
    self.log_consumer_->wake();
  });
  return made;
}

Billing::~Billing() { stop(std::chrono::milliseconds(0)); }

void Billing::start() {
  started_ = true;
  journal_->start();
  ledger_->start();
  stat_consumer_->start();
  log_consumer_->start();
}

void Billing::stop(std::chrono::milliseconds limit) {
  if (!std::exchange(started_, false)) return;
  auto deadline = std::chrono::steady_clock::now() + limit;
  ledger_->stop(deadline);
  stat_consumer_->stop(deadline);
  log_consumer_->stop(deadline);
  journal_->stop();
}

void Billing::acquire(AccountPtr wallet, AccountPtr key_limit, core::Quota amount,
                      std::function<void(AcquireResult)> done) {
  ledger_->acquire(std::move(wallet), std::move(key_limit), amount, std::move(done));
}

void Billing::settle(Reservation reservation, SettleRecord record, std::function<void(Committed)> done,
                     const InflightRecord* next) {
  record.token_limited = reservation.token() != nullptr;
  Slices::settle(reservation, record.charge);
  journal_->append({RecordKind::kSettle, std::move(record)}, std::move(done), false, next);
}

void Billing::settle_refundable(Reservation reservation, SettleRecord record, std::function<void(Committed)> done) {
  record.token_limited = reservation.token() != nullptr;
  Slices::settle(reservation, record.charge);
  journal_->append({RecordKind::kRefundable, std::move(record)}, std::move(done));
}

void Billing::log(LogRecord record) {
  Record entry{RecordKind::kLog, {}};
  entry.settle.log = std::move(record.log);
  journal_->append(entry, {});
}

core::Quota Billing::shown_user_balance(core::UserId user, core::Quota column) {
  return shown(main_, slices_, {AccountKind::kWallet, user.value}, column);
}

core::Quota Billing::shown_token_balance(core::TokenId token, core::Quota column) {
  return shown(main_, slices_, {AccountKind::kToken, token.value}, column);
}

core::Result<void> Billing::set_balance(AccountId id, core::Quota wanted) {
  auto lease = main_.lease();
  if (!lease) return core::error(core::Errc::kUnavailable, lease.error().message);
  auto moved =
      sql::with_transaction(**lease, [&](sql::Connection& db) { return billing::set_balance(db, id, wanted); });
  if (moved) {
    if (on_moved_ && moved->units != 0) on_moved_(id, *moved);
    return {};
  }
  bool missing = moved.error().cls == sql::ErrorClass::kOther && moved.error().code == 0;
  return core::error(missing ? core::Errc::kNotFound : core::Errc::kUnavailable, moved.error().message);
}

core::Result<void> Billing::set_user_balance(core::UserId user, core::Quota wanted) {
  return set_balance({AccountKind::kWallet, user.value}, wanted);
}

core::Result<void> Billing::set_token_balance(core::TokenId token, core::Quota wanted) {
  return set_balance({AccountKind::kToken, token.value}, wanted);
}

core::Result<bool> Billing::credit_once(const std::string& key, AccountId id, core::Quota amount) {
  auto lease = main_.lease();
  if (!lease) return core::error(core::Errc::kUnavailable, lease.error().message);
  auto done = sql::with_transaction(
      **lease, [&](sql::Connection& db) { return billing::credit_once(db, key, id, amount, clock_.unix_millis()); });
  if (!done) return core::error(core::Errc::kUnavailable, done.error().message);
  if (*done && on_moved_) on_moved_(id, amount);
  return *done;
}

core::Result<std::size_t> Billing::give_back_lost(const sql::Fence& fence) {
  auto lease = main_.lease();
  if (!lease) return core::error(core::Errc::kUnavailable, lease.error().message);
  auto nodes = nodes_past_hold(**lease, node_.id, settings_.ledger.lost_hold);
  if (!nodes) return core::error(core::Errc::kUnavailable, nodes.error().message);
  std::size_t accounts = 0;
  for (const auto& node : *nodes) {
    auto moves = give_back_slices(**lease, node, fence);
    if (!moves) return core::error(core::Errc::kUnavailable, moves.error().message);
    accounts += moves->size();
    for (const auto& [account, amount] : *moves)
      if (on_moved_ && amount.units != 0) on_moved_(account, amount);
  }
  return accounts;
}

void Billing::connect_slices(std::function<bool(std::string)> publish) {
  ledger_->connect({.ask =
                        [publish, this](std::uint64_t call, const std::vector<AccountId>& accounts) {
                          return publish(encode({.from = node_.id, .to = {}, .call = call, .accounts = accounts}));
                        },
                    .answer =
                        [publish, this](const std::string& node, std::uint64_t call) {
                          publish(encode({.from = node_.id, .to = node, .call = call, .accounts = {}}));
                        }});
}

void Billing::on_slice_message(std::string_view message) {
  auto read = decode_slice_message(message);
  if (!read || read->from == node_.id) return;
  if (read->to.empty())
    ledger_->on_asked(std::move(read->from), read->call, std::move(read->accounts));
  else if (read->to == node_.id)
    ledger_->on_answered(read->from, read->call);
}

void Billing::on_balance_moved(std::function<void(AccountId, core::Quota)> callback) {
  on_moved_ = callback;
  ledger_->on_moved(std::move(callback));
}

bool Billing::can_charge() const {
  bool sql_away = !ledger_->reachable();
  if (sql_away && ledger_->cut_off()) return false;
  if (!journal_->has_room(sql_away)) return false;
  return journal_->writable() || !sql_away || !settings_.journal_required;
}

BillingHealth Billing::health() const {
  return {.recovered = ledger_->recovered(),
          .journal_writable = journal_->writable(),
          .sql_reachable = ledger_->reachable(),
          .journal_queued = journal_->queued(),
          .journal_backlog_bytes = journal_->backlog_bytes(),
          .journal_last_seq = journal_->last_seq(),
          .main_mark = ledger_->mark(),
          .stat_mark = stat_consumer_->mark(),
          .log_mark = log_consumer_->mark(),
          .last_flush_unix_ms = ledger_->last_flush_ms(),
          .exposed = ledger_->exposed(),
          .cut_off = ledger_->cut_off(),
          .wallets = slices_.held(AccountKind::kWallet),
          .keys = slices_.held(AccountKind::kToken)};
}

}  // namespace tollgate::billing
