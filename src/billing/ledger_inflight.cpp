// Requests that were under way when a process ended: who charges them, and how, so that nobody does it twice.
#include <utility>

#include "billing/ledger.h"
#include "core/fault_point.h"
#include "core/log.h"
#include "sql/transaction.h"

namespace tollgate::billing {
namespace {

constexpr std::string_view kByRestart = "restart";
constexpr std::string_view kByReplay = "replay";

void mark_recovered(std::string& other) {
  if (other.size() < 2 || other.front() != '{')
    other = R"({"recovered":true})";
  else
    other.insert(1, other == "{}" ? R"("recovered":true)" : R"("recovered":true,)");
}

}  // namespace

std::string Ledger::inflight_key() const {
  return "inflight:" + node_ + ":" + std::to_string(journal_.last_seq_before_start());
}

// A replay of this journal may be at work at the same time: whoever has the key first charges them.
sql::Result<bool> Ledger::claim_left_behind() {
  auto lease = pool_.lease();
  if (!lease) return lease.error();
  const auto key = inflight_key();
  return sql::with_transaction(**lease, [&](sql::Connection& db) -> sql::Result<bool> {
    auto owner = own_once(db, key, kByRestart, clock_.unix_millis());
    if (!owner) return owner.error();
    return *owner == kByRestart;
  });
}

bool Ledger::adopt_left_behind() {
  if (left_behind_.empty()) return true;
  // SQL knows of charges that this journal does not: another process was at work after it was copied, or the disk took
  // nothing at the end. Either way these requests may have been charged already, and nothing is charged twice.
  if (old_copy_)
    core::log::error("ledger: J-OLD: {} begun requests of an older state of the journal are not charged",
                     left_behind_.size());
  bool ours = false;
  if (!old_copy_) {
    auto claimed = claim_left_behind();
    if (!claimed) {
      reachable_ = false;
      core::log::warn("ledger: {}", claimed.error().message);
      return false;
    }
    ours = *claimed;
    if (!ours) core::log::warn("ledger: begun requests were charged by a replay of the journal");
  }
  for (auto& left : std::exchange(left_behind_, {})) {
    auto& settle = left.settle;
    if (!left.begun || !settings_.charge_inflight || !ours) {
      journal_.inflight_remove(settle.log.request_id);
      continue;
    }
    mark_recovered(settle.log.other);
    // It counts as this process's charge from here on, so it has to be missing from `free` as one.
    auto charge = [&](AccountId id) {
      auto account = slices_.account(id);
      account->unflushed += settle.charge.units;
      account->free -= settle.charge.units;
      list(account);
    };
    charge({AccountKind::kWallet, settle.user.value});
    if (settle.token_limited) charge({AccountKind::kToken, settle.token.value});
    journal_.append({RecordKind::kSettle, settle}, {});
    core::fault_point("recovery.adopted");
  }
  return true;
}

// Key and charges in one transaction. They get no numbers: those that come next are the node's own to give.
bool Ledger::replay_left_behind() {
  std::vector<InflightRecord> begun;
  WorkMap work;
  for (auto& left : left_behind_) {
    if (!left.begun || !settings_.charge_inflight) continue;
    mark_recovered(left.settle.log.other);
    const auto& settle = left.settle;
    auto& wallet = work[{AccountKind::kWallet, settle.user.value}];
    wallet.charge += settle.charge.units;
    if (settle.counts_use) {
      wallet.used += settle.charge.units;
      wallet.requests += settle.part ? 0 : 1;
    }
    if (settle.token) {
      auto& token = work[{AccountKind::kToken, settle.token.value}];
      token.charge += settle.charge.units;
      ++token.requests;
    }
    begun.push_back(left);
  }
  left_behind_.clear();
  if (begun.empty()) return true;
  auto lease = pool_.lease();
  if (!lease) return false;
  const auto key = inflight_key();
  auto ours = sql::with_transaction(**lease, [&](sql::Connection& db) -> sql::Result<bool> {
    if (old_copy_) {
      auto known = db.query("SELECT result FROM tg_once WHERE k = ?", {std::string_view(key)});
      if (!known) return known.error();
      return !known->empty() && known->front().text(0) == kByReplay;
    }
    bool first = false;
    auto owner = own_once(db, key, kByReplay, clock_.unix_millis(), &first);
    if (!owner) return owner.error();
    if (first)
      if (auto done = lock_and_apply(db, work); !done) return done.error();
    return *owner == kByReplay;
  });
  if (!ours) {
    core::log::error("replay: begun requests: {}", ours.error().message);
    return false;
  }
  if (*ours) replayed_ = std::move(begun);
  return true;
}

}  // namespace tollgate::billing
