// Strong types for what must not be mixed up: money and the ids of the shared tables.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>

namespace tollgate::core {

// Money in accounting units; 500 000 units (option QuotaPerUnit) are one US dollar. Signed: balances may be negative.
struct Quota {
  std::int64_t units = 0;

  constexpr auto operator<=>(const Quota&) const = default;
  constexpr Quota& operator+=(Quota other) {
    units += other.units;
    return *this;
  }
  constexpr Quota& operator-=(Quota other) {
    units -= other.units;
    return *this;
  }
  friend constexpr Quota operator+(Quota a, Quota b) { return Quota{a.units + b.units}; }
  friend constexpr Quota operator-(Quota a, Quota b) { return Quota{a.units - b.units}; }
  constexpr Quota operator-() const { return Quota{-units}; }
};

// Primary key of a shared table. Tag keeps users, tokens and channels apart; 0 is "none".
template <class Tag>
struct Id {
  std::int64_t value = 0;
  constexpr auto operator<=>(const Id&) const = default;
  explicit constexpr operator bool() const { return value != 0; }
};

using UserId = Id<struct UserTag>;
using TokenId = Id<struct TokenTag>;
using ChannelId = Id<struct ChannelTag>;

}  // namespace tollgate::core

template <class Tag>
struct std::hash<tollgate::core::Id<Tag>> {
  std::size_t operator()(tollgate::core::Id<Tag> id) const noexcept { return std::hash<std::int64_t>{}(id.value); }
};
