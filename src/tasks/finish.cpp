#include "tasks/finish.h"

#include <optional>

#include "billing/refunds.h"
#include "model/log_row.h"
#include "relay/reserve.h"
#include "sql/fence.h"

namespace tollgate::tasks {
namespace {

// Rolls the transaction back without being a failure.
constexpr int kLeave = 7'000'001;
sql::Error leave() { return {sql::ErrorClass::kOther, kLeave, "left as it is"}; }

sql::Result<bool> still_ours(sql::Connection& db, const sql::Fence& fence) {
  if (!fence) return true;
  return fence(db);
}

std::string amount_of(const relay::Snapshot& snapshot, core::Quota amount) {
  return relay::amount_text(snapshot, amount) + (snapshot.relay.quota_display == "TOKENS" ? " 点额度" : " 额度");
}

sql::Result<model::LogRow> log_row(sql::Connection& db, const Finisher::Failed& failed, const billing::Charged& charged,
                                   const relay::Snapshot& snapshot, std::int64_t now) {
  model::LogRow row;
  row.user_id = charged.user;
  row.created_at = now;
  row.type = static_cast<std::int64_t>(model::LogType::kSystem);
  row.content = failed.log_begin + amount_of(snapshot, charged.amount);
  row.quota = charged.amount;
  row.channel_id = failed.channel;
  row.token_id = charged.token;
  auto names = db.query("SELECT username FROM users WHERE id = ?", {charged.user.value});
  if (!names) return names.error();
  if (!names->empty()) row.username = names->front().text(0);
  return row;
}

}  // namespace

sql::Result<Finisher::Outcome> Finisher::move(const sql::Fence& fence, const Update& update) {
  auto lease = pool_.lease();
  if (!lease) return lease.error();
  auto changed = sql::with_fence(**lease, fence, update);
  if (!changed && sql::fenced_off(changed.error())) return Outcome::kElsewhere;
  if (!changed) return changed.error();
  return *changed > 0 ? Outcome::kDone : Outcome::kElsewhere;
}

sql::Result<Finisher::Outcome> Finisher::fail(const sql::Fence& fence, const Failed& failed, const Update& update) {
  auto lease = pool_.lease();
  if (!lease) return lease.error();
  const auto snapshot = snapshots_.get();
  std::optional<billing::Charged> given;
  std::optional<model::LogRow> row;
  auto outcome = Outcome::kDone;
  auto done = sql::with_transaction(**lease, [&](sql::Connection& db) -> sql::Result<Outcome> {
    given.reset();
    auto ours = still_ours(db, fence);
    if (!ours) return ours.error();
    if (!*ours) return outcome = Outcome::kElsewhere, leave();
    if (failed.quota.units != 0) {
      auto refund = billing::refund_charge(db, failed.thing);
      if (!refund) return refund.error();
      if (refund->state == billing::RefundState::kPending && !failed.overdue)
        return outcome = Outcome::kChargeOnItsWay, leave();
      if (refund->state == billing::RefundState::kDone) given = refund->charged;
      if (refund->state == billing::RefundState::kUnknown) {
        auto first = billing::refund_unknown(db, failed.thing, failed.user, failed.quota, clock_.unix_millis());
        if (!first) return first.error();
        if (*first) given = billing::Charged{failed.user, {}, failed.quota};
      }
    }
    auto changed = update(db);
    if (!changed) return changed.error();
    if (*changed == 0) return outcome = Outcome::kElsewhere, leave();
    if (given) {
      auto made = log_row(db, failed, *given, *snapshot, clock_.unix_seconds());
      if (!made) return made.error();
      row = std::move(*made);
      if (!logs_apart_)
        if (auto written = model::insert_logs(db, {&*row, 1}); !written) return written.error();
    }
    return outcome = Outcome::kDone;
  });
  if (!done && done.error().code == kLeave) return outcome;
  if (!done) return done.error();
  if (given) {
    billing_.balance_moved({billing::AccountKind::kWallet, given->user.value}, given->amount);
    if (given->token) billing_.balance_moved({billing::AccountKind::kToken, given->token.value}, given->amount);
    if (logs_apart_ && row) billing_.log({std::move(*row)});
  }
  return Outcome::kDone;
}

}  // namespace tollgate::tasks
