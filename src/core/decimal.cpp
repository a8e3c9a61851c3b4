#include "core/decimal.h"

#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace tollgate::core {

namespace {

using BigInt = boost::multiprecision::cpp_int;

constexpr int kMaxExponent = 400;
constexpr std::int32_t kSmallPowers = 38;  // 10^38 is the last power below 2^127

constexpr std::array<Int128, kSmallPowers + 1> kPowers = [] {
  std::array<Int128, kSmallPowers + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

BigInt big_power(std::int32_t exponent) {
  return boost::multiprecision::pow(BigInt(10), static_cast<unsigned>(exponent));
}

// The least value of the 128-bit type stays out everywhere, so that a sign can always be changed.
constexpr Int128 kLeast = Int128{1} << 127;

bool fits(const BigInt& value) {
  static const BigInt limit = (BigInt(1) << 127) - 1;
  return value <= limit && value >= -limit;
}

// numerator ÷ denominator, half away from zero.
BigInt divide_rounded(const BigInt& numerator, const BigInt& denominator) {
  BigInt quotient, rest;
  boost::multiprecision::divide_qr(numerator, denominator, quotient, rest);
  if (abs(rest) * 2 >= abs(denominator)) quotient += (numerator < 0) == (denominator < 0) ? 1 : -1;
  return quotient;
}

std::int64_t saturate(const BigInt& value) {
  if (value > std::numeric_limits<std::int64_t>::max()) return std::numeric_limits<std::int64_t>::max();
  if (value < std::numeric_limits<std::int64_t>::min()) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

std::int64_t saturate(Int128 value) {
  if (value > std::numeric_limits<std::int64_t>::max()) return std::numeric_limits<std::int64_t>::max();
  if (value < std::numeric_limits<std::int64_t>::min()) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

}  // namespace

struct Decimal::Big {
  BigInt value;
};

// The only one that looks inside.
struct DecimalAccess {
  static BigInt digits(const Decimal& d) { return d.big_ ? d.big_->value : BigInt(d.digits_); }
  static BigInt digits_at(const Decimal& d, std::int32_t scale) { return digits(d) * big_power(scale - d.scale_); }
  static bool small(const Decimal& d) { return !d.big_; }
  static Int128 raw(const Decimal& d) { return d.digits_; }
  static std::int32_t scale(const Decimal& d) { return d.scale_; }

  static Decimal make(Int128 digits, std::int32_t scale) {
    Decimal d;
    d.digits_ = digits;
    d.scale_ = scale;
    return d;
  }
  static Decimal make(BigInt digits, std::int32_t scale) {
    if (fits(digits)) return make(static_cast<Int128>(digits), scale);
    Decimal d;
    d.scale_ = scale;
    d.big_ = std::make_shared<const Decimal::Big>(Decimal::Big{std::move(digits)});
    return d;
  }

  // digits × 10^power without leaving 128 bits; false when that cannot be.
  static bool scaled(Int128 digits, std::int32_t power, Int128& out) {
    return power <= kSmallPowers && !__builtin_mul_overflow(digits, kPowers[static_cast<std::size_t>(power)], &out) &&
           out != kLeast;
  }

  static Decimal add(const Decimal& a, const Decimal& b, bool minus) {
    const std::int32_t scale = std::max(a.scale_, b.scale_);
    Int128 x, y, sum;
    if (small(a) && small(b) && scaled(a.digits_, scale - a.scale_, x) && scaled(b.digits_, scale - b.scale_, y) &&
        !(minus ? __builtin_sub_overflow(x, y, &sum) : __builtin_add_overflow(x, y, &sum)) && sum != kLeast) {
      return make(sum, scale);
    }
    const BigInt big_x = digits_at(a, scale), big_y = digits_at(b, scale);
    return make(minus ? BigInt(big_x - big_y) : BigInt(big_x + big_y), scale);
  }
};

Decimal Decimal::from_double(double value) {
  if (!std::isfinite(value)) return {};
  // Few digits and few places, as prices have them: a decimal of at most 15 digits that rounds to the double is the
  // shortest one, because no two of those share a double.
  static constexpr double kPowers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  std::int32_t places = 0;
  for (const double power : kPowers) {
    const double digits = std::nearbyint(value * power);
    if (std::abs(digits) >= 1e15) break;
    if (digits / power == value) {
      Decimal out(static_cast<std::int64_t>(digits));
      out.scale_ = places;
      return out;
    }
    ++places;
  }
  // Shortest text in scientific form, so that 1e300 has one digit to read.
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  return parse({text.data(), static_cast<std::size_t>(end.ptr - text.data())}).value_or(Decimal{});
}

std::optional<Decimal> Decimal::parse(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int exponent = 0;
  if (const auto e = text.find_first_of("eE"); e != text.npos) {
    std::string_view tail = text.substr(e + 1);
    if (tail.starts_with('+')) tail.remove_prefix(1);
    const auto read = std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
    if (read.ec != std::errc{} || read.ptr != tail.data() + tail.size()) return std::nullopt;
    if (exponent > kMaxExponent || exponent < -kMaxExponent) return std::nullopt;
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == text.npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || (point != text.npos && fraction.empty()) || text.size() > 1000) return std::nullopt;
  while (fraction.ends_with('0')) fraction.remove_suffix(1);

  Decimal digits;
  Int128 group = 0;  // digits are gathered in groups that fit 128 bits
  std::int32_t grouped = 0;
  const auto flush = [&] {
    digits =
        digits * DecimalAccess::make(kPowers[static_cast<std::size_t>(grouped)], 0) + DecimalAccess::make(group, 0);
    group = grouped = 0;
  };
  for (const std::string_view part : {whole, fraction}) {
    for (const char c : part) {
      if (c < '0' || c > '9') return std::nullopt;
      group = group * 10 + (c - '0');
      if (++grouped == kSmallPowers - 1) flush();
    }
  }
  flush();
  if (negative) digits = Decimal(0) - digits;
  // Places behind the point: those of the text, moved by the exponent.
  const std::int32_t scale = static_cast<std::int32_t>(fraction.size()) - exponent;
  if (scale >= 0) {
    digits.scale_ = scale;
    return digits;
  }
  return digits * DecimalAccess::make(big_power(-scale), 0);
}

Decimal operator+(const Decimal& a, const Decimal& b) { return DecimalAccess::add(a, b, false); }
Decimal operator-(const Decimal& a, const Decimal& b) { return DecimalAccess::add(a, b, true); }

Decimal operator*(const Decimal& a, const Decimal& b) {
  const std::int32_t scale = DecimalAccess::scale(a) + DecimalAccess::scale(b);
  Int128 product;
  if (DecimalAccess::small(a) && DecimalAccess::small(b) &&
      !__builtin_mul_overflow(DecimalAccess::raw(a), DecimalAccess::raw(b), &product) && product != kLeast) {
    return DecimalAccess::make(product, scale);
  }
  return DecimalAccess::make(BigInt(DecimalAccess::digits(a) * DecimalAccess::digits(b)), scale);
}

Decimal Decimal::divide(const Decimal& a, const Decimal& b, int places) {
  if (b.sign() == 0) throw std::domain_error("decimal division by zero");
  const std::int32_t shift = places + b.scale_ - a.scale_;
  Int128 numerator;
  if (shift >= 0 && !a.big_ && !b.big_ && DecimalAccess::scaled(a.digits_, shift, numerator)) {
    Int128 quotient = numerator / b.digits_;
    const Int128 rest = numerator % b.digits_;
    const Int128 rest_size = rest < 0 ? -rest : rest, divisor_size = b.digits_ < 0 ? -b.digits_ : b.digits_;
    if (rest_size >= divisor_size - rest_size) quotient += (numerator < 0) == (b.digits_ < 0) ? 1 : -1;
    return DecimalAccess::make(quotient, places);
  }
  BigInt top = DecimalAccess::digits(a), bottom = DecimalAccess::digits(b);
  if (shift >= 0) {
    top *= big_power(shift);
  } else {
    bottom *= big_power(-shift);
  }
  return DecimalAccess::make(divide_rounded(top, bottom), places);
}

int Decimal::sign() const {
  if (big_) return big_->value.sign();
  return digits_ < 0 ? -1 : (digits_ > 0 ? 1 : 0);
}

std::int64_t Decimal::round() const {
  if (!big_ && scale_ <= kSmallPowers) {
    const Int128 unit = kPowers[static_cast<std::size_t>(scale_)];
    Int128 whole = digits_ / unit;
    const Int128 rest = digits_ % unit, rest_size = rest < 0 ? -rest : rest;
    if (scale_ > 0 && rest_size >= unit - rest_size) whole += digits_ < 0 ? -1 : 1;
    return saturate(whole);
  }
  return saturate(divide_rounded(DecimalAccess::digits(*this), big_power(scale_)));
}

std::int64_t Decimal::truncate() const {
  if (!big_ && scale_ <= kSmallPowers) return saturate(Int128(digits_ / kPowers[static_cast<std::size_t>(scale_)]));
  return saturate(BigInt(DecimalAccess::digits(*this) / big_power(scale_)));
}

std::string Decimal::to_string() const {
  std::string text = BigInt(abs(DecimalAccess::digits(*this))).str();
  const auto scale = static_cast<std::size_t>(scale_);
  if (text.size() <= scale) text.insert(0, scale + 1 - text.size(), '0');
  if (scale > 0) {
    text.insert(text.size() - scale, 1, '.');
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return sign() < 0 ? "-" + text : text;
}

}  // namespace tollgate::core
