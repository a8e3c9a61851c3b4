// The money this node may spend, in memory: one atomic per account. Warm requests touch nothing else.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/types.h"

namespace tollgate::billing {

// An account is a row with money in it.
enum class AccountKind : std::uint8_t {
  kWallet = 0,  // users.quota
  kToken = 1,   // tokens.remain_quota of a key that has a limit
};
std::string_view to_string(AccountKind kind);  // as stored in tg_slices.kind: "user", "token"

struct AccountId {
  AccountKind kind = AccountKind::kWallet;
  std::int64_t id = 0;
  constexpr auto operator<=>(const AccountId&) const = default;  // the order in which rows are locked
};

// One account on this node. Keep a shared_ptr to it where the request finds it (auth cache): reserving is then a
// pointer chase and one compare-and-swap. Atomics: any thread. `ledger`: the ledger's thread only.
class Account {
 public:
  explicit Account(AccountId id) : id(id) {}

  const AccountId id;
  // slice amount in SQL − open reservations − charges not yet flushed; negative after a charge beyond its reservation.
  std::atomic<std::int64_t> free{0};
  std::atomic<std::int64_t> unflushed{0};    // charges settled on this node and not yet in SQL
  std::atomic<std::int64_t> spent{0};        // charges since start, for the spend rate
  std::atomic<std::uint32_t> uses{0};        // attempts to reserve, for idleness
  std::atomic<std::int64_t> low{INT64_MIN};  // below this the ledger wants to know
  std::atomic<bool> told{false};             // it knows already

  std::atomic<std::int64_t> amount{0};  // the slice as `free` was computed from; the ledger writes it
  // What may be spent beyond the slice while the database is away; the ledger writes it.
  std::atomic<std::int64_t> exposure{0};

  struct LedgerState {
    std::int64_t spent_seen = 0;
    std::uint32_t uses_seen = 0;
    std::int64_t rate_per_10s = 0;
    std::int64_t idle_since_ms = 0;
    std::int64_t rate_at_ms = 0;
    std::int64_t scarce_until_ms = 0;  // nodes look for what is left: only what requests wait for is taken
    bool listed = false;
  } ledger;
};
using AccountPtr = std::shared_ptr<Account>;

// Money set aside for one request in every account it draws on. Gives it back when it dies unsettled. Move-only; any
// thread, one at a time.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&&) noexcept = default;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { release(); }

  bool held() const { return wallet_ != nullptr; }
  core::Quota amount() const { return core::Quota{amount_}; }
  const AccountPtr& wallet() const { return wallet_; }
  const AccountPtr& token() const { return token_; }
  void release();
  // For requests that are charged in parts: at most `amount` of it as a reservation of its own, and back.
  Reservation split(core::Quota amount);
  void merge(Reservation&& other);  // of the same accounts

 private:
  friend class Slices;
  AccountPtr wallet_, token_;
  std::int64_t amount_ = 0;
};

// What this node has of all accounts of a kind taken together.
struct Held {
  std::int64_t slices = 0;     // in SQL under its name
  std::int64_t reserved = 0;   // by open requests
  std::int64_t unflushed = 0;  // settled and not yet in SQL
};

// All accounts of this node: a sharded map, locked only when a handle is fetched.
class Slices {
 public:
  AccountPtr account(AccountId id);
  AccountPtr find(AccountId id) const;  // nullptr when nobody asked for it yet

  // One atomic step over the accounts in effect (`token` may be null): all or nothing. Amount 0 passes where the wallet
  // has something free. nullopt: ask the ledger. Never blocks, but for one short lock when a slice falls below `low`.
  std::optional<Reservation> try_reserve(const AccountPtr& wallet, const AccountPtr& token, core::Quota amount);
  // As above with what is known beyond the slice: amount 0 passes whatever is free (the balance was seen positive).
  std::optional<Reservation> try_reserve_seen(const AccountPtr& wallet, const AccountPtr& token, core::Quota amount);

  // While the database is away: as far as `exposure` goes below what the slice has.
  std::optional<Reservation> try_reserve_exposed(const AccountPtr& wallet, const AccountPtr& token, core::Quota amount);

  // free += reservation − charge in every account of the reservation, which is used up. Before the record can be read
  // by the ledger.
  static void settle(Reservation& reservation, core::Quota charge);

  // Called (any thread) when a slice falls below `low`. Set before the first request.
  void on_low(std::function<void(const AccountPtr&)> callback) { on_low_ = std::move(callback); }

  // A sum over accounts that move meanwhile: exact when nothing does. Any thread.
  Held held(AccountKind kind) const;

  // Drops accounts that nobody holds and in which nothing is left. Ledger's thread.
  void forget_empty();

 private:
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::int64_t, AccountPtr> accounts;
  };
  Shard& shard(AccountId id) const;
  std::optional<Reservation> reserve(const AccountPtr& wallet, const AccountPtr& token, core::Quota amount,
                                     std::int64_t wallet_needs, std::int64_t token_needs);
  void tell_if_low(const AccountPtr& account, std::int64_t left);

  static constexpr std::size_t kShards = 32;
  mutable std::array<Shard, 2 * kShards> shards_;
  std::function<void(const AccountPtr&)> on_low_;
};

}  // namespace tollgate::billing
