#include "core/decimal.h"

#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <limits>

#include "core/default_prices.h"
#include "core/random.h"

namespace tollgate::core {
namespace {

using boost::multiprecision::cpp_rational;

std::string product(double a, double b) { return (Decimal::from_double(a) * Decimal::from_double(b)).to_string(); }

TEST(Decimal, TakesADoubleByItsShortestText) {
  EXPECT_EQ(Decimal::from_double(0.1).to_string(), "0.1");
  EXPECT_EQ(Decimal::from_double(8.333333333333334).to_string(), "8.333333333333334");
  EXPECT_EQ(Decimal::from_double(-1.25e-7).to_string(), "-0.000000125");
  EXPECT_EQ(Decimal::from_double(1e21).to_string(), "1000000000000000000000");
  EXPECT_EQ(Decimal::from_double(500000).to_string(), "500000");
  EXPECT_EQ(Decimal::from_double(std::numeric_limits<double>::quiet_NaN()).to_string(), "0");
  EXPECT_EQ(Decimal::from_double(std::numeric_limits<double>::max()).to_string().size(), 309U);
}

TEST(Decimal, SumsAndProductsAreExact) {
  EXPECT_EQ((Decimal::from_double(0.1) + Decimal::from_double(0.2)).to_string(), "0.3");
  EXPECT_EQ(product(0.1, 0.1), "0.01");
  EXPECT_EQ((Decimal::from_double(1e30) + Decimal::from_double(1e-30) - Decimal::from_double(1e30)).to_string(),
            "0.000000000000000000000000000001");
  EXPECT_EQ(product(1e200, 1e-200), "1");
  EXPECT_EQ(product(1.7976931348623157e308, 1.5).size(), 309U);
}

TEST(Decimal, DivisionKeepsSixteenPlacesHalfAwayFromZero) {
  EXPECT_EQ(Decimal::divide(1, 3).to_string(), "0.3333333333333333");
  EXPECT_EQ(Decimal::divide(-2, 3).to_string(), "-0.6666666666666667");
  EXPECT_EQ(Decimal::divide(1, 8, 2).to_string(), "0.13");
  EXPECT_EQ(Decimal::divide(-1, 8, 2).to_string(), "-0.13");
  EXPECT_EQ(Decimal::divide(Decimal::from_double(1e300), Decimal::from_double(1e299)).to_string(), "10");
  EXPECT_EQ(Decimal::divide(*Decimal::parse("0.00000000000000005"), 1).to_string(), "0.0000000000000001");
  EXPECT_THROW(Decimal::divide(1, 0), std::domain_error);
}

TEST(Decimal, RoundsHalfAwayFromZeroAndSaturates) {
  EXPECT_EQ(Decimal::from_double(3262.5).round(), 3263);
  EXPECT_EQ(Decimal::from_double(-3262.5).round(), -3263);
  EXPECT_EQ(Decimal::from_double(2.4999999).round(), 2);
  EXPECT_EQ(Decimal::from_double(-2.9).truncate(), -2);
  EXPECT_EQ(Decimal::from_double(1e-300).round(), 0);
  EXPECT_EQ(Decimal::from_double(1e300).round(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Decimal::from_double(-1e300).truncate(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Decimal(std::numeric_limits<std::int64_t>::min()).round(), std::numeric_limits<std::int64_t>::min());
}

TEST(Decimal, ReadsTextOrRefusesIt) {
  EXPECT_EQ(Decimal::parse("+012.3400")->to_string(), "12.34");
  EXPECT_EQ(Decimal::parse("12e3")->to_string(), "12000");
  EXPECT_EQ(Decimal::parse("-1.5E-2")->to_string(), "-0.015");
  EXPECT_EQ(Decimal::parse(std::string(60, '9'))->to_string(), std::string(60, '9'));
  for (const char* text : {"", "-", ".5", "5.", "1e", "1e401", "1x", "0x10", "nan", "1 ", "1.2.3"}) {
    EXPECT_FALSE(Decimal::parse(text)) << text;
  }
}

TEST(Decimal, AgreesWithRationalsOnRandomExpressions) {
  FastRandom random(42);
  const auto rational = [](const Decimal& d) {
    const std::string text = d.to_string();
    const auto point = text.find('.');
    std::string digits = text;
    boost::multiprecision::cpp_int unit = 1;
    if (point != text.npos) {
      digits.erase(point, 1);
      unit = boost::multiprecision::pow(boost::multiprecision::cpp_int(10),
                                        static_cast<unsigned>(text.size() - point - 1));
    }
    const bool negative = digits.starts_with('-');
    digits.erase(0, digits.find_first_not_of("-0") == digits.npos ? digits.size() - 1 : digits.find_first_not_of("-0"));
    const boost::multiprecision::cpp_int whole(digits);
    return cpp_rational(negative ? boost::multiprecision::cpp_int(-whole) : whole, unit);
  };
  for (int i = 0; i < 3000; ++i) {
    // From small counts up to numbers that leave 128 bits.
    const auto any = [&] {
      Decimal d = static_cast<std::int64_t>(random.next()) >> random.below(60);
      d *= Decimal::from_double(static_cast<double>(1 + random.below(1'000'000)) / 1e5);
      for (std::uint64_t n = random.below(4); n > 0; --n) d *= Decimal(static_cast<std::int64_t>(random.next()));
      return d;
    };
    const Decimal a = any(), b = any();
    const cpp_rational x = rational(a), y = rational(b);
    ASSERT_EQ(rational(a + b), x + y);
    ASSERT_EQ(rational(a - b), x - y);
    ASSERT_EQ(rational(a * b), x * y);
    ASSERT_EQ(a < b, x < y);
    if (b.sign() != 0) {
      const cpp_rational error = abs(cpp_rational(rational(Decimal::divide(a, b)) - x / y));
      ASSERT_LE(error, cpp_rational(1, boost::multiprecision::pow(boost::multiprecision::cpp_int(10), 16) * 2));
    }
  }
}

TEST(DefaultPrices, AreThereByOptionKey) {
  EXPECT_EQ(default_price_table("GroupRatio"), R"({"default":1,"vip":1,"svip":1})");
  EXPECT_NE(default_price_table("ModelRatio").find("\"gpt-4o\":1.25"), std::string_view::npos);
  EXPECT_TRUE(default_price_table("RetryTimes").empty());
}

}  // namespace
}  // namespace tollgate::core
