#include "billing/balances.h"

#include <string>

namespace tollgate::billing {
namespace {

sql::Error no_such_row() { return {sql::ErrorClass::kOther, 0, "no such row"}; }

sql::Result<void> change(sql::Connection& db, const char* statement_user, const char* statement_token,
                         AccountId account, std::int64_t value) {
  auto done = db.execute(account.kind == AccountKind::kWallet ? statement_user : statement_token, {value, account.id});
  if (!done) return done.error();
  if (done->affected == 0) return no_such_row();
  return {};
}

// Σ slices of all nodes.
sql::Result<core::Quota> held_by_nodes(sql::Connection& db, AccountId account) {
  auto rows = db.query("SELECT COALESCE(SUM(amount), 0) FROM tg_slices WHERE kind = ? AND account_id = ?",
                       {to_string(account.kind), account.id});
  if (!rows) return rows.error();
  return core::Quota{rows->front().integer(0)};
}

}  // namespace

sql::Result<void> credit(sql::Connection& db, AccountId account, core::Quota delta) {
  return change(db, "UPDATE users SET quota = quota + ? WHERE id = ?",
                "UPDATE tokens SET remain_quota = remain_quota + ? WHERE id = ?", account, delta.units);
}

sql::Result<bool> credit_once(sql::Connection& db, std::string_view key, AccountId account, core::Quota delta,
                              std::int64_t now_ms) {
  bool first = false;
  if (auto owner = own_once(db, key, "", now_ms, &first); !owner) return owner.error();
  if (!first) return false;
  if (auto done = credit(db, account, delta); !done) return done.error();
  return true;
}

sql::Result<std::string> own_once(sql::Connection& db, std::string_view key, std::string_view owner,
                                  std::int64_t now_ms, bool* first) {
  // Of two at once the second waits for the first one's COMMIT, then finds the key there.
  auto made = db.execute(db.dialect() == sql::Dialect::kMysql
                             ? "INSERT IGNORE INTO tg_once(k, at, result) VALUES(?, ?, ?)"
                             : "INSERT INTO tg_once(k, at, result) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
                         {key, now_ms, owner});
  if (!made) return made.error();
  if (first) *first = made->affected > 0;
  if (made->affected > 0) return std::string(owner);
  auto there = db.query("SELECT result FROM tg_once WHERE k = ?", {key});
  if (!there) return there.error();
  return there->empty() ? std::string() : there->front().text(0);
}

sql::Result<core::Quota> set_balance(sql::Connection& db, AccountId account, core::Quota wanted) {
  // Locks the row first: the ledger changes slices only under the same lock.
  if (auto locked = credit(db, account, core::Quota{0}); !locked) return locked.error();
  auto rows = db.query(account.kind == AccountKind::kWallet ? "SELECT quota FROM users WHERE id = ?"
                                                            : "SELECT remain_quota FROM tokens WHERE id = ?",
                       {account.id});
  if (!rows) return rows.error();
  auto held = held_by_nodes(db, account);
  if (!held) return held.error();
  const auto delta = wanted - *held - core::Quota{rows->empty() ? 0 : rows->front().integer(0)};
  if (auto moved = credit(db, account, delta); !moved) return moved.error();
  return delta;
}

sql::Result<core::Quota> left_in_sql(sql::Connection& db, AccountId account) {
  auto rows = db.query(account.kind == AccountKind::kWallet
                           ? "SELECT quota, (SELECT COALESCE(SUM(amount), 0) FROM tg_slices WHERE kind = ? AND "
                             "account_id = ?) FROM users WHERE id = ?"
                           : "SELECT remain_quota, (SELECT COALESCE(SUM(amount), 0) FROM tg_slices WHERE kind = ? AND "
                             "account_id = ?) FROM tokens WHERE id = ?",
                       {to_string(account.kind), account.id, account.id});
  if (!rows) return rows.error();
  if (rows->empty()) return no_such_row();
  return core::Quota{rows->front().integer(0) + rows->front().integer(1)};
}

}  // namespace tollgate::billing
