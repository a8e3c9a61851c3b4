#include "billing/ledger_rows.h"

#include <string>

#include "sql/dialect.h"

namespace tollgate::billing {
namespace {

using sql::Dialect;
using sql::Param;

std::string marks(std::size_t count) {
  std::string text = "?";
  for (std::size_t i = 1; i < count; ++i) text += ", ?";
  return text;
}

std::vector<Param> ids_of(const std::vector<AccountId>& accounts, AccountKind kind) {
  std::vector<Param> ids;
  for (auto account : accounts)
    if (account.kind == kind) ids.emplace_back(account.id);
  return ids;
}

sql::Result<void> lock_kind(sql::Connection& db, std::string_view node, AccountKind kind, std::vector<Param> ids,
                            std::map<AccountId, AccountRows>& out) {
  if (ids.empty()) return {};
  const bool wallet = kind == AccountKind::kWallet;
  const auto in = " IN (" + marks(ids.size()) + ")";
  auto rows = db.query(std::string(wallet ? "SELECT id, quota FROM users" : "SELECT id, remain_quota FROM tokens") +
                           " WHERE id" + in + " ORDER BY id" + std::string(sql::for_update(db.dialect())),
                       ids);
  if (!rows) return rows.error();
  for (const auto& row : *rows) {
    auto& account = out[{kind, row.integer(0)}];
    account.row = true;
    account.balance = row.integer(1);
  }
  ids.insert(ids.begin(), Param(to_string(kind)));
  auto slices = db.query("SELECT account_id, node_id, amount FROM tg_slices WHERE kind = ? AND account_id" + in, ids);
  if (!slices) return slices.error();
  for (const auto& row : *slices) {
    auto& account = out[{kind, row.integer(0)}];
    if (row.text(1) != node) {
      account.others += row.integer(2);
      continue;
    }
    account.slice = true;
    account.amount = row.integer(2);
  }
  return {};
}

// `columns` of `table`: each row's id first, then what is added to each.
sql::Result<void> add(sql::Connection& db, std::string_view table, const std::vector<std::string_view>& columns,
                      const std::vector<Param>& values, std::string_view also = {}) {
  if (values.empty()) return {};
  const auto width = columns.size() + 1;
  const auto dialect = db.dialect();
  std::string sums;
  const std::string_view from = dialect == Dialect::kSqlite ? "" : "v.";
  for (auto column : columns) {
    if (!sums.empty()) sums += ", ";
    auto name = (dialect == Dialect::kMysql ? "t." : "") + std::string(column);
    auto old = (dialect == Dialect::kSqlite ? "" : "t.") + std::string(column);
    sums += name + " = " + old + " + " + (from.empty() ? "?" : std::string(from) + "d_" + std::string(column));
  }
  sums += also;
  auto run = [&](const std::string& statement, std::span<const Param> params) -> sql::Result<void> {
    auto done = db.execute(statement, params);
    if (!done) return done.error();
    return {};
  };
  if (dialect == Dialect::kSqlite) {
    const auto statement = "UPDATE " + std::string(table) + " SET " + sums + " WHERE id = ?";
    for (std::size_t i = 0; i < values.size(); i += width) {
      std::vector<Param> params(values.begin() + static_cast<std::ptrdiff_t>(i + 1),
                                values.begin() + static_cast<std::ptrdiff_t>(i + width));
      params.push_back(values[i]);
      if (auto done = run(statement, params); !done) return done;
    }
    return {};
  }
  if (dialect == Dialect::kMysql) {
    std::string named = "SELECT ? AS id", plain = " UNION ALL SELECT " + marks(width), list;
    for (auto column : columns) named += ", ? AS d_" + std::string(column);
    for (std::size_t i = 0; i < values.size(); i += width) list += i == 0 ? named : plain;
    return run("UPDATE " + std::string(table) + " t JOIN (" + list + ") v ON v.id = t.id SET " + sums, values);
  }
  std::string names = "id", row = "(?::bigint", list;
  for (auto column : columns) {
    names += ", d_" + std::string(column);
    row += ", ?::bigint";
  }
  row += ")";
  for (std::size_t i = 0; i < values.size(); i += width) list += (i == 0 ? "" : ", ") + row;
  return run("UPDATE " + std::string(table) + " t SET " + sums + " FROM (VALUES " + list + ") v(" + names +
                 ") WHERE t.id = v.id",
             values);
}

sql::Result<void> write_slices(sql::Connection& db, std::string_view node, AccountKind kind,
                               const std::vector<AccountChange>& changes, std::int64_t now) {
  std::vector<Param> kept, gone{Param(node), Param(to_string(kind))};
  std::string rows;
  for (const auto& change : changes) {
    if (change.id.kind != kind) continue;
    if (change.amount == 0) {
      if (change.slice_before) gone.emplace_back(change.id.id);
      continue;
    }
    if (change.slice_before && change.amount == change.amount_before) continue;
    rows += rows.empty() ? "(?, ?, ?, ?, ?)" : ", (?, ?, ?, ?, ?)";
    for (auto value : {Param(to_string(kind)), Param(change.id.id), Param(node), Param(change.amount), Param(now)})
      kept.push_back(value);
  }
  if (!kept.empty()) {
    auto done = db.execute(
        sql::insert_or_set(db.dialect(),
                           "INSERT INTO tg_slices (kind, account_id, node_id, amount, updated_at) VALUES " + rows,
                           "kind, account_id, node_id", "amount, updated_at"),
        kept);
    if (!done) return done.error();
  }
  if (gone.size() > 2) {
    auto done = db.execute(
        "DELETE FROM tg_slices WHERE node_id = ? AND kind = ? AND account_id IN (" + marks(gone.size() - 2) + ")",
        gone);
    if (!done) return done.error();
  }
  return {};
}

}  // namespace

sql::Result<std::map<AccountId, AccountRows>> lock_accounts(sql::Connection& db, std::string_view node,
                                                            const std::vector<AccountId>& accounts) {
  std::map<AccountId, AccountRows> out;
  for (auto kind : {AccountKind::kWallet, AccountKind::kToken})
    if (auto done = lock_kind(db, node, kind, ids_of(accounts, kind), out); !done) return done.error();
  return out;
}

sql::Result<void> write_accounts(sql::Connection& db, std::string_view node, const std::vector<AccountChange>& changes,
                                 std::int64_t now) {
  std::vector<Param> users, used_keys, moved_keys;
  for (const auto& change : changes) {
    auto put = [&change](std::vector<Param>& into, std::initializer_list<std::int64_t> values) {
      into.emplace_back(change.id.id);
      for (auto value : values) into.emplace_back(value);
    };
    if (change.id.kind == AccountKind::kWallet) {
      if (change.balance != 0 || change.used != 0 || change.requests != 0)
        put(users, {change.balance, change.used, change.requests});
    } else if (change.requests != 0) {
      put(used_keys, {change.balance, change.used});
    } else if (change.balance != 0) {
      put(moved_keys, {change.balance});
    }
  }
  if (auto done = add(db, "users", {"quota", "used_quota", "request_count"}, users); !done) return done;
  const auto accessed = ", accessed_time = " + std::to_string(now / 1000);
  if (auto done = add(db, "tokens", {"remain_quota", "used_quota"}, used_keys, accessed); !done) return done;
  if (auto done = add(db, "tokens", {"remain_quota"}, moved_keys); !done) return done;
  for (auto kind : {AccountKind::kWallet, AccountKind::kToken})
    if (auto done = write_slices(db, node, kind, changes, now); !done) return done;
  return {};
}

}  // namespace tollgate::billing
