#include "billing/slices.h"

#include <algorithm>
#include <utility>

namespace tollgate::billing {
namespace {

// Takes amount when at least `needed` is free. Gives what is left.
std::optional<std::int64_t> take(Account& account, std::int64_t amount, std::int64_t needed) {
  auto free = account.free.load(std::memory_order_acquire);
  while (free >= needed) {
    if (account.free.compare_exchange_weak(free, free - amount, std::memory_order_acq_rel)) return free - amount;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(AccountKind kind) { return kind == AccountKind::kWallet ? "user" : "token"; }

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    release();
    wallet_ = std::move(other.wallet_);
    token_ = std::move(other.token_);
    amount_ = other.amount_;
  }
  return *this;
}

void Reservation::release() {
  if (!wallet_) return;
  wallet_->free += amount_;
  if (token_) token_->free += amount_;
  wallet_.reset();
  token_.reset();
}

Reservation Reservation::split(core::Quota amount) {
  Reservation part;
  part.wallet_ = wallet_;
  part.token_ = token_;
  part.amount_ = std::clamp<std::int64_t>(amount.units, 0, std::max<std::int64_t>(amount_, 0));
  amount_ -= part.amount_;
  return part;
}

void Reservation::merge(Reservation&& other) {
  if (!wallet_) {
    *this = std::move(other);
    return;
  }
  if (!other.wallet_) return;
  amount_ += std::exchange(other.amount_, 0);
  other.release();
}

Slices::Shard& Slices::shard(AccountId id) const {
  auto at = static_cast<std::size_t>(id.id) % kShards;
  return shards_[at + (id.kind == AccountKind::kToken ? kShards : 0)];
}

AccountPtr Slices::account(AccountId id) {
  auto& home = shard(id);
  std::lock_guard lock(home.mutex);
  auto& entry = home.accounts[id.id];
  if (!entry) entry = std::make_shared<Account>(id);
  return entry;
}

AccountPtr Slices::find(AccountId id) const {
  auto& home = shard(id);
  std::lock_guard lock(home.mutex);
  auto found = home.accounts.find(id.id);
  return found == home.accounts.end() ? nullptr : found->second;
}

std::optional<Reservation> Slices::try_reserve(const AccountPtr& wallet, const AccountPtr& token, core::Quota amount) {
  if (amount.units == 0 && wallet->free.load(std::memory_order_acquire) <= 0) {
    wallet->uses.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return try_reserve_seen(wallet, token, amount);
}

std::optional<Reservation> Slices::try_reserve_seen(const AccountPtr& wallet, const AccountPtr& token,
                                                    core::Quota amount) {
  auto needed = amount.units > 0 ? amount.units : INT64_MIN;
  return reserve(wallet, token, amount, needed, needed);
}

std::optional<Reservation> Slices::try_reserve_exposed(const AccountPtr& wallet, const AccountPtr& token,
                                                       core::Quota amount) {
  // Even what costs nothing needs something that is left.
  auto needed = std::max<std::int64_t>(amount.units, 1);
  auto token_needs = token ? amount.units - token->exposure.load() : 0;
  return reserve(wallet, token, amount, needed - wallet->exposure.load(), token_needs);
}

std::optional<Reservation> Slices::reserve(const AccountPtr& wallet, const AccountPtr& token, core::Quota amount,
                                           std::int64_t wallet_needs, std::int64_t token_needs) {
  wallet->uses.fetch_add(1, std::memory_order_relaxed);
  if (token) token->uses.fetch_add(1, std::memory_order_relaxed);
  auto token_left = std::optional<std::int64_t>(0);
  if (token) token_left = take(*token, amount.units, token_needs);
  if (!token_left) return std::nullopt;
  auto left = take(*wallet, amount.units, wallet_needs);
  if (!left) {
    if (token) token->free += amount.units;
    return std::nullopt;
  }
  tell_if_low(wallet, *left);
  if (token) tell_if_low(token, *token_left);
  Reservation held;
  held.wallet_ = wallet;
  held.token_ = token;
  held.amount_ = amount.units;
  return held;
}

void Slices::tell_if_low(const AccountPtr& account, std::int64_t left) {
  if (left >= account->low.load(std::memory_order_relaxed)) return;
  if (account->told.exchange(true)) return;
  if (on_low_) on_low_(account);
}

void Slices::settle(Reservation& reservation, core::Quota charge) {
  auto apply = [&](Account& account) {
    // Before `free` moves: whoever sees the money gone can also see where it is.
    account.unflushed += charge.units;
    account.spent += charge.units;
    account.free += reservation.amount_ - charge.units;
  };
  if (!reservation.wallet_) return;
  apply(*reservation.wallet_);
  if (reservation.token_) apply(*reservation.token_);
  reservation.wallet_.reset();
  reservation.token_.reset();
}

Held Slices::held(AccountKind kind) const {
  Held sum;
  for (std::size_t i = 0; i < kShards; ++i) {
    auto& part = shards_[static_cast<std::size_t>(kind) * kShards + i];
    std::lock_guard lock(part.mutex);
    for (const auto& [id, account] : part.accounts) {
      sum.slices += account->amount;
      sum.unflushed += account->unflushed;
      sum.reserved += account->amount - account->free - account->unflushed;
    }
  }
  return sum;
}

void Slices::forget_empty() {
  for (auto& home : shards_) {
    std::lock_guard lock(home.mutex);
    std::erase_if(home.accounts, [](const auto& entry) {
      const auto& account = entry.second;
      return account.use_count() == 1 && account->free == 0 && account->unflushed == 0 && account->amount == 0;
    });
  }
}

}  // namespace tollgate::billing
