// Exact decimal numbers for money: no binary fraction ever enters a sum.
#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate::core {

__extension__ typedef __int128 Int128;

// A decimal of any size: digits × 10^-scale. Sums, differences and products are exact; divide() keeps a stated number
// of places. Values within 127 bits live in the object, larger ones behind a shared pointer. Immutable once made:
// copies may be read from any thread.
class Decimal {
 public:
  Decimal() = default;
  Decimal(std::int64_t value) : digits_(value) {}  // NOLINT: an integer is a decimal

  // The number that the shortest text of this double spells (0.1 is exactly one tenth). Not finite: 0.
  static Decimal from_double(double value);
  // [-+]digits[.digits][e[-+]digits], exponents to ±400; nullopt for anything else.
  static std::optional<Decimal> parse(std::string_view text);

  friend Decimal operator+(const Decimal& a, const Decimal& b);
  friend Decimal operator-(const Decimal& a, const Decimal& b);
  friend Decimal operator*(const Decimal& a, const Decimal& b);
  Decimal& operator+=(const Decimal& other) { return *this = *this + other; }
  Decimal& operator-=(const Decimal& other) { return *this = *this - other; }
  Decimal& operator*=(const Decimal& other) { return *this = *this * other; }

  // a ÷ b with so many decimal places, half away from zero. Throws std::domain_error when b is 0.
  static Decimal divide(const Decimal& a, const Decimal& b, int places = 16);

  friend bool operator==(const Decimal& a, const Decimal& b) { return (a - b).sign() == 0; }
  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) { return (a - b).sign() <=> 0; }

  int sign() const;  // -1, 0, 1
  // To an integer; what does not fit becomes the nearest limit of the type.
  std::int64_t round() const;  // half away from zero
  std::int64_t truncate() const;
  std::string to_string() const;  // plain digits, no exponent, no trailing zeros behind the point

 private:
  struct Big;
  Int128 digits_ = 0;
  std::int32_t scale_ = 0;          // decimal places, never negative
  std::shared_ptr<const Big> big_;  // when set, the digits are there

  friend struct DecimalAccess;
};

}  // namespace tollgate::core
