#include "billing/refunds.h"

#include <fmt/core.h>

#include <cstdio>

#include "billing/balances.h"

namespace tollgate::billing {
namespace {

constexpr std::string_view kCharged = "charged", kRefunded = "refunded";

std::string text_of(std::string_view state, const Charged& charged) {
  return fmt::format("{} {} {} {}", state, charged.user.value, charged.token.value, charged.amount.units);
}

std::string key_of(std::string_view request_id) { return fmt::format("charge:{}", request_id); }

sql::Result<std::string> result_of(sql::Connection& db, std::string_view key, bool& found) {
  auto rows = db.query("SELECT result FROM tg_once WHERE k = ?", {key});
  if (!rows) return rows.error();
  found = !rows->empty();
  return found ? rows->front().text(0) : std::string();
}

}  // namespace

sql::Result<void> expect_charge(sql::Connection& db, std::string_view thing, std::string_view request_id,
                                std::int64_t now_ms) {
  if (auto made = own_once(db, key_of(request_id), "", now_ms); !made) return made.error();
  bool first = false;
  if (auto made = own_once(db, thing, request_id, now_ms, &first); !made) return made.error();
  if (first) return {};
  // Its number was another's, whose row is gone.
  auto renamed = db.execute("UPDATE tg_once SET at = ?, result = ? WHERE k = ?", {now_ms, request_id, thing});
  if (!renamed) return renamed.error();
  return {};
}

sql::Result<void> note_charge(sql::Connection& db, std::string_view request_id, const Charged& charged) {
  const auto key = key_of(request_id);
  const auto text = text_of(kCharged, charged);
  auto done = db.execute("UPDATE tg_once SET result = ? WHERE k = ? AND result = ''",
                         {std::string_view(text), std::string_view(key)});
  if (!done) return done.error();
  return {};
}

sql::Result<Refund> refund_charge(sql::Connection& db, std::string_view thing) {
  bool found = false;
  auto request_id = result_of(db, thing, found);
  if (!request_id) return request_id.error();
  if (!found) return Refund{};
  if (request_id->starts_with(kRefunded)) return Refund{RefundState::kBefore, {}};
  const auto key = key_of(*request_id);
  auto stored = result_of(db, key, found);
  if (!stored) return stored.error();
  const auto& text = *stored;
  if (text.empty()) return Refund{RefundState::kPending, {}};
  if (!text.starts_with(kCharged)) return Refund{RefundState::kBefore, {}};
  Refund refund{RefundState::kDone, {}};
  auto& charged = refund.charged;
  if (std::sscanf(text.c_str(), "charged %ld %ld %ld", &charged.user.value, &charged.token.value,
                  &charged.amount.units) != 3)
    return sql::Error{sql::ErrorClass::kData, 0, "a charge in tg_once that cannot be read"};
  // Accounts before the key, as the ledger does: the two never wait for each other. Rows may be gone.
  auto wallet =
      db.execute("UPDATE users SET quota = quota + ? WHERE id = ?", {charged.amount.units, charged.user.value});
  if (!wallet) return wallet.error();
  if (charged.token) {
    auto token =
        db.execute("UPDATE tokens SET remain_quota = remain_quota + ?, used_quota = used_quota - ? WHERE id = ?",
                   {charged.amount.units, charged.amount.units, charged.token.value});
    if (!token) return token.error();
  }
  const auto marked = text_of(kRefunded, charged);
  auto done = db.execute("UPDATE tg_once SET result = ? WHERE k = ? AND result = ?",
                         {std::string_view(marked), std::string_view(key), std::string_view(text)});
  if (!done) return done.error();
  if (done->affected != 1) return sql::Error{sql::ErrorClass::kConflict, 0, "refunded elsewhere at the same moment"};
  return refund;
}

sql::Result<bool> refund_unknown(sql::Connection& db, std::string_view thing, core::UserId user, core::Quota amount,
                                 std::int64_t now_ms) {
  bool first = false;
  const auto text = text_of(kRefunded, {.user = user, .token = {}, .amount = amount});
  if (auto owner = own_once(db, thing, text, now_ms, &first); !owner) return owner.error();
  if (!first) return false;
  auto done = db.execute("UPDATE users SET quota = quota + ? WHERE id = ?", {amount.units, user.value});
  if (!done) return done.error();
  return true;
}

}  // namespace tollgate::billing
