#include "billing/lost_nodes.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <boost/json.hpp>

#include "billing/balances.h"
#include "core/log.h"
#include "sql/server_clock.h"
#include "sql/transaction.h"

namespace tollgate::billing {
namespace {

// One transaction; what it moved, empty when nothing is left.
sql::Result<Moves> give_back_some(sql::Connection& db, std::string_view node, const sql::Fence& fence) {
  if (fence) {
    auto held = fence(db);
    if (!held) return held.error();
    if (!*held) return Moves{};
  }
  auto rows =
      db.query("SELECT kind, account_id FROM tg_slices WHERE node_id = ? ORDER BY kind, account_id LIMIT 200", {node});
  if (!rows) return rows.error();
  std::vector<AccountId> accounts;
  for (const auto& row : *rows) {
    auto kind = row.text(0) == to_string(AccountKind::kToken) ? AccountKind::kToken : AccountKind::kWallet;
    accounts.push_back({kind, row.integer(1)});
  }
  std::ranges::sort(accounts);  // as every transaction locks them
  const char* read = db.dialect() == sql::Dialect::kSqlite
                         ? "SELECT amount FROM tg_slices WHERE kind = ? AND account_id = ? AND node_id = ?"
                         : "SELECT amount FROM tg_slices WHERE kind = ? AND account_id = ? AND node_id = ? FOR UPDATE";
  Moves moves;
  for (auto account : accounts) {
    // Locks the row; an account that was deleted takes its slices with it.
    auto locked = credit(db, account, core::Quota{0});
    if (!locked && (locked.error().cls != sql::ErrorClass::kOther || locked.error().code != 0)) return locked.error();
    auto slice = db.query(read, {to_string(account.kind), account.id, node});
    if (!slice) return slice.error();
    if (slice->empty()) continue;
    const core::Quota amount{slice->front().integer(0)};
    if (locked)
      if (auto added = credit(db, account, amount); !added) return added.error();
    auto gone = db.execute("DELETE FROM tg_slices WHERE kind = ? AND account_id = ? AND node_id = ?",
                           {to_string(account.kind), account.id, node});
    if (!gone) return gone.error();
    moves.emplace_back(account, locked ? amount : core::Quota{0});
  }
  return moves;
}

}  // namespace

sql::Result<Moves> give_back_slices(sql::Connection& db, std::string_view node, const sql::Fence& fence) {
  Moves all;
  for (;;) {
    auto some =
        sql::with_transaction(db, [&](sql::Connection& connection) { return give_back_some(connection, node, fence); });
    if (!some) return some.error();
    if (some->empty()) break;
    all.insert(all.end(), some->begin(), some->end());
  }
  if (!all.empty())
    core::log::warn("slices of node {} on {} accounts are given back to the balances", node, all.size());
  return all;
}

sql::Result<std::vector<std::string>> nodes_past_hold(sql::Connection& db, std::string_view self,
                                                      std::chrono::milliseconds hold) {
  auto clock = db.query("SELECT " + sql::server_now_ms(db.dialect()));
  if (!clock) return clock.error();
  auto holders = db.query("SELECT node_id, MAX(updated_at) FROM tg_slices GROUP BY node_id");
  if (!holders) return holders.error();
  const auto now = clock->front().integer(0);
  std::vector<std::string> past;
  for (const auto& holder : *holders) {
    const auto node = holder.text(0);
    if (node == self) continue;
    auto rows = db.query("SELECT heartbeat_at, info FROM tg_nodes WHERE node_id = ?", {std::string_view(node)});
    if (!rows) return rows.error();
    auto heard = holder.integer(1);  // a node that is in no registry
    auto patience = hold.count();
    if (!rows->empty()) {
      heard = rows->front().integer(0);
      boost::json::error_code bad;
      auto info = boost::json::parse(rows->front().text(1), bad);
      const auto* object = bad ? nullptr : info.if_object();
      const auto* own = object ? object->if_contains("lost_hold_ms") : nullptr;
      if (own && own->is_int64() && own->get_int64() > 0) patience = own->get_int64();
    }
    if (now - heard > patience) past.push_back(node);
  }
  return past;
}

bool directory_lasts(const std::string& directory) {
  struct statfs found{};
  if (::statfs(directory.c_str(), &found) != 0) return true;
  const auto type = static_cast<unsigned long>(found.f_type);
  return type != TMPFS_MAGIC && type != RAMFS_MAGIC && type != OVERLAYFS_SUPER_MAGIC;
}

}  // namespace tollgate::billing
