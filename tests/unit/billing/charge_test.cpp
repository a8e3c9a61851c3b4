#include "billing/charge.h"

#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdio>
#include <cstdlib>

#include "core/random.h"
#include "unit/billing/usage_json.h"

namespace tollgate::billing {
namespace {

const PriceBook& book() {
  static const PriceBook built_in({});
  return built_in;
}

Price price_of(std::string_view model, double group_ratio = 1) {
  Price price = book().resolve({.model = model, .user_group = "default", .using_group = "default"}).value();
  price.group_ratio = group_ratio;
  return price;
}

std::int64_t units(const ChargeInput& input, double group_ratio = 1) {
  const Price price = price_of(input.model, group_ratio);
  const Charge made = charge(input, price);
  EXPECT_EQ(made.quota, charge_amount(input, price));
  return made.quota.units;
}

TEST(WorstCase, PricesTheOutputLimitAsOutput) {
  // gpt-4o: 1.25 an input token, four times that an output token; 500 tokens of prompt at least.
  EXPECT_EQ(worst_case(price_of("gpt-4o"), 12, 1000).units, 5625);
  EXPECT_EQ(worst_case(price_of("gpt-4o", 2), 1000, 1000).units, 12'500);
  EXPECT_EQ(worst_case(price_of("gpt-4o"), 12, 0), reservation(price_of("gpt-4o"), 12, 0));
  EXPECT_EQ(worst_case(price_of("tts-1"), 120, 0), reservation(price_of("tts-1"), 120, 0));
  Price cheap = price_of("gpt-4o");
  cheap.completion_ratio = 0.5;  // output cheaper than input: never less than what is asked for
  EXPECT_EQ(worst_case(cheap, 12, 1000), reservation(cheap, 12, 1000));
  cheap.free = true;
  EXPECT_EQ(worst_case(cheap, 12, 1000).units, 0);
  EXPECT_GT(worst_case(price_of("gpt-4o"), INT64_MAX, INT64_MAX).units, 0);
}

TEST(Charge, ChatWithACachedPrompt) {
  EXPECT_EQ(reservation(price_of("gpt-4o"), 12, 1000).units, 1875);
  const Usage usage{.prompt_tokens = 1000, .completion_tokens = 500, .cached_tokens = 200};
  EXPECT_EQ(units({.usage = usage, .model = "gpt-4o"}), 3625);
  EXPECT_EQ(units({.usage = usage, .model = "gpt-4o"}, 0.9), 3263) << "3262.5, half away from zero";
}

TEST(Charge, MessagesWithThreeKindsOfCache) {
  const Usage usage{.prompt_tokens = 1000,
                    .completion_tokens = 800,
                    .cached_tokens = 5000,
                    .cache_creation_tokens = 3000,
                    .cache_creation_5m_tokens = 2000,
                    .cache_creation_1h_tokens = 500};
  const std::string_view model = "claude-sonnet-4-20250514";
  EXPECT_EQ(units({.formula = Formula::kMessages, .usage = usage, .model = model}), 14437) << "14437.5, truncated";
  EXPECT_EQ(units({.usage = usage, .model = model, .claude_semantics = true}), 13875);
  EXPECT_EQ(units({.usage = usage, .model = model}), 1875) << "a prompt that should have held the cached tokens";
}

TEST(Charge, PricePerCall) {
  const Price price = book()
                          .resolve({.model = "dall-e-3",
                                    .user_group = "",
                                    .using_group = "",
                                    .image_factor = image_price_factor("dall-e-3", "1024x1792", "hd", 2)})
                          .value();
  EXPECT_EQ(reservation(price, 100, 1584).units, 120'000);
  EXPECT_EQ(charge_amount({.usage = {.prompt_tokens = 2}, .model = "dall-e-3"}, price).units, 120'000);
  EXPECT_EQ(charge_amount({.usage = {}, .model = "dall-e-3"}, price).units, 0) << "no tokens, no charge";
}

TEST(Charge, ImageTokens) {
  EXPECT_EQ(units({.usage = {.prompt_tokens = 1000, .completion_tokens = 4160, .prompt_image_tokens = 800},
                   .model = "gpt-image-1"}),
            87700);
  EXPECT_EQ(reservation(price_of("gpt-image-1"), 5, 1584).units, 5210);
}

TEST(Charge, ToolsOfResponses) {
  ChargeInput input{.usage = {.prompt_tokens = 2000, .completion_tokens = 300}, .model = "gpt-4.1", .responses = true};
  EXPECT_EQ(units(input), 2600);
  input.tools.web_search = 3;
  EXPECT_EQ(units(input), 2600 + 37500);
  input.tools.file_search = 2;
  EXPECT_EQ(units(input), 42600);
  EXPECT_EQ(units(input, 0.8), 34080);

  const Charge made = charge(input, price_of("gpt-4.1"));
  EXPECT_EQ(made.content,
            "Web Search 调用 3 次，上下文大小 medium，调用花费 37500, File Search 调用 2 次，调用花费 2500");
  EXPECT_NE(made.other.find(R"("web_search":true,"web_search_call_count":3,"web_search_price":25)"), std::string::npos);
  EXPECT_NE(made.other.find(R"("file_search":true,"file_search_call_count":2,"file_search_price":2.5)"),
            std::string::npos);
}

TEST(Charge, ImageMadeByATool) {
  ChargeInput input{.usage = {.prompt_tokens = 1500, .completion_tokens = 200}, .model = "gpt-4.1", .responses = true};
  input.tools.image_generation = true;
  input.tools.image_quality = "medium";
  input.tools.image_size = "1024x1536";
  EXPECT_EQ(units(input), 33400);
  EXPECT_EQ(charge(input, price_of("gpt-4.1")).content, "Image Generation Call 花费 31500");
  input.tools.image_size = "auto";
  EXPECT_EQ(units(input), 1900 + 83500) << "anything unknown costs as a large one";
}

TEST(Charge, SearchModelsPayOneSearchAndClaudeSearchesAreOnlyShown) {
  const PriceBook search({{"ModelRatio", R"({"gpt-4o-search-preview":1.25,"claude-3":1})"}});
  const auto price = [&](std::string_view model) {
    return search.resolve({.model = model, .user_group = "", .using_group = ""}).value();
  };
  EXPECT_EQ(
      charge_amount({.usage = {.prompt_tokens = 100}, .model = "gpt-4o-search-preview"}, price("gpt-4o-search-preview"))
          .units,
      125 + 12500);
  ChargeInput input{.usage = {.prompt_tokens = 100}, .model = "claude-3", .claude_semantics = true};
  input.tools.claude_web_search = 2;
  const Charge made = charge(input, price("claude-3"));
  EXPECT_EQ(made.quota.units, 100);
  EXPECT_EQ(made.content, "Claude Web Search 调用 2 次，调用花费 10000");
  EXPECT_NE(made.other.find(R"("web_search_price":10)"), std::string::npos);
}

TEST(Charge, AtLeastOne) {
  EXPECT_EQ(units({.usage = {.prompt_tokens = 10, .completion_tokens = 1}, .model = "gpt-5-nano"}, 0.8), 1);
  EXPECT_EQ(units({.usage = {.prompt_tokens = 10, .completion_tokens = 1}, .model = "gpt-5-nano"}, 0), 0);
}

TEST(Charge, Embeddings) {
  EXPECT_EQ(units({.usage = {.prompt_tokens = 1234}, .model = "text-embedding-3-small"}), 12);
}

TEST(Charge, AudioModels) {
  const Usage chat{.prompt_tokens = 300,
                   .completion_tokens = 130,
                   .total_tokens = 430,
                   .prompt_text_tokens = 100,
                   .prompt_audio_tokens = 200,
                   .completion_text_tokens = 50,
                   .completion_audio_tokens = 80};
  const Price price = price_of("gpt-4o-audio-preview");
  ASSERT_EQ(formula_for_chat(chat, price), Formula::kAudio);
  EXPECT_EQ(formula_for_chat({.prompt_tokens = 1}, price), Formula::kDecimal);
  EXPECT_EQ(formula_for_chat(chat, price_of("gpt-4o")), Formula::kDecimal);
  EXPECT_EQ(formula_for_responses("gpt-4o-audio-preview"), Formula::kAudio);
  const Charge made = charge({.formula = Formula::kAudio, .usage = chat, .model = "gpt-4o-audio-preview"}, price);
  EXPECT_EQ(made.quota.units, 5975);
  EXPECT_EQ(made.content, "模型倍率 1.25，补全倍率 4.00，音频倍率 16.00，音频补全倍率 1.00，分组倍率 1.00");
  EXPECT_EQ(
      made.other,
      R"("model_ratio":1.25,"group_ratio":1,"completion_ratio":4,"cache_tokens":0,"cache_ratio":0,"model_price":-1,)"
      R"("user_group_ratio":-1,"audio":true,"audio_input":200,"audio_output":80,"text_input":100,"text_output":50,)"
      R"("audio_ratio":16,"audio_completion_ratio":1)");

  // Speech: 120 characters in, 133 audio tokens out that cost nothing.
  EXPECT_EQ(reservation(price_of("tts-1"), 120, 0).units, 3750);
  EXPECT_EQ(
      units({.formula = Formula::kAudio,
             .usage =
                 {.prompt_tokens = 120, .completion_tokens = 133, .total_tokens = 253, .completion_audio_tokens = 133},
             .model = "tts-1"}),
      900);
  // Transcription of 95.3 s.
  EXPECT_EQ(reservation(price_of("whisper-1"), 1600, 0).units, 24000);
  EXPECT_EQ(units({.usage = {.prompt_tokens = 1600}, .model = "whisper-1"}), 24000);
  // Realtime, one response.
  EXPECT_EQ(units({.formula = Formula::kAudio,
                   .usage = {.total_tokens = 520,
                             .prompt_text_tokens = 50,
                             .prompt_audio_tokens = 300,
                             .completion_text_tokens = 20,
                             .completion_audio_tokens = 150},
                   .model = "gpt-4o-realtime-preview"}),
            9325);
}

TEST(Charge, AudioInputWithAPriceOfItsOwn) {
  const ChargeInput input{.usage = {.prompt_tokens = 700, .completion_tokens = 100, .prompt_audio_tokens = 500},
                          .model = "gemini-2.5-flash"};
  EXPECT_EQ(units(input), 405);
  const Charge made = charge(input, price_of("gemini-2.5-flash"));
  EXPECT_EQ(made.content, "Audio Input 花费 250");
  EXPECT_NE(made.other.find(R"("audio_input_seperate_price":true,"audio_input_token_count":500,"audio_input_price":1)"),
            std::string::npos);
}

TEST(Charge, CountedInsteadOfReported) {
  EXPECT_EQ(units({.usage = {.prompt_tokens = 12, .completion_tokens = 40}, .model = "gpt-4o"}), 215);
}

TEST(Charge, NothingReportedIsFreeAndSaysSo) {
  const Charge made = charge({.usage = {}, .model = "gpt-4o"}, price_of("gpt-4o"));
  EXPECT_EQ(made.quota.units, 0);
  EXPECT_EQ(made.content, "上游没有返回计费信息，无法扣费（可能是上游超时）");
}

TEST(Charge, ExtraRatiosMultiplyAndAreShown) {
  const std::pair<std::string, double> ratios[] = {{"n", 2}, {"prompt_extend", 1.5}};
  const Charge made =
      charge({.usage = {.prompt_tokens = 100}, .model = "gpt-4.1", .extra_ratios = ratios}, price_of("gpt-4.1"));
  EXPECT_EQ(made.quota.units, 300);
  EXPECT_EQ(made.content, "其他倍率 n: 2.000000, 其他倍率 prompt_extend: 1.500000");
}

TEST(Charge, OpenRouterTellsCacheWritesByItsCost) {
  const std::string_view model = "claude-sonnet-4-20250514";
  const Price price = price_of(model);
  ASSERT_TRUE(price.built_in_ratio);
  const double unit = price.model_ratio / price.quota_per_unit;
  // 1000 prompt tokens: 300 read from the cache, 400 written, 300 plain; 50 out.
  const double cost = unit * (300 + 300 * price.cache_ratio + 400 * 1.25 + 50 * 5);
  ChargeInput input{.formula = Formula::kMessages,
                    .usage = {.prompt_tokens = 1000, .completion_tokens = 50, .cached_tokens = 300},
                    .model = model,
                    .openrouter = true,
                    .reported_cost = cost};
  const Charge made = charge(input, price);
  EXPECT_EQ(made.prompt_tokens, 300);
  EXPECT_EQ(made.quota.units, 1620);  // (300 + 30 + 500 + 250) × 1.5
  EXPECT_NE(made.other.find(R"("cache_creation_tokens":400)"), std::string::npos);
  input.reported_cost = std::nullopt;
  EXPECT_EQ(charge(input, price).prompt_tokens, 700);
}

TEST(Charge, TheLogRowSaysHowItCameAbout) {
  const Usage usage{.prompt_tokens = 1000, .completion_tokens = 500, .cached_tokens = 200, .prompt_image_tokens = 10};
  const Charge made = charge({.usage = usage, .model = "gpt-4o", .claude_semantics = true}, price_of("gpt-4o", 0.1));
  EXPECT_EQ(made.prompt_tokens, 1000);
  EXPECT_EQ(made.completion_tokens, 500);
  EXPECT_EQ(made.content, "");
  EXPECT_EQ(made.other,
            R"("model_ratio":1.25,"group_ratio":0.1,"completion_ratio":4,"cache_tokens":200,"cache_ratio":0.5,)"
            R"("model_price":-1,"user_group_ratio":-1,"claude":true,"usage_semantic":"anthropic","image":true,)"
            R"("image_ratio":1,"image_output":10)");
  EXPECT_EQ(kinds_json(split_kinds(usage)), R"({"input":790,"cache_read":200,"image_input":10,"output":500})");
  EXPECT_EQ(kinds_json({}), "{}");
}

TEST(Charge, NumbersArePrintedAsGoPrintsThem) {
  const std::pair<double, const char*> rows[] = {{0, "0"},
                                                 {1, "1"},
                                                 {-1, "-1"},
                                                 {0.1, "0.1"},
                                                 {1.25, "1.25"},
                                                 {1e-6, "0.000001"},
                                                 {1e-7, "1e-7"},
                                                 {2.5e-10, "2.5e-10"},
                                                 {123456789, "123456789"},
                                                 {1e20, "100000000000000000000"},
                                                 {1e21, "1e+21"},
                                                 {8.333333333333334, "8.333333333333334"}};
  for (const auto& [value, text] : rows) {
    std::string out;
    append_json_number(out, value);
    EXPECT_EQ(out, text);
  }
}

// --- An independent oracle: exact rationals from the printed form of each double. ---

using Rational = boost::multiprecision::cpp_rational;
using Integer = boost::multiprecision::cpp_int;

Rational shortest(double value) {
  char text[64];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  const std::string all(text);
  const auto e = all.find('e');
  int exponent = std::atoi(all.c_str() + e + 1);
  std::string digits = all.substr(0, e);
  const bool negative = digits[0] == '-';
  if (negative) digits.erase(0, 1);
  if (const auto point = digits.find('.'); point != digits.npos) {
    exponent -= static_cast<int>(digits.size() - point - 1);
    digits.erase(point, 1);
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  Rational out{Integer(digits)};
  const Integer power = boost::multiprecision::pow(Integer(10), static_cast<unsigned>(std::abs(exponent)));
  out = exponent < 0 ? Rational(out / Rational(power)) : Rational(out * Rational(power));
  return negative ? Rational(-out) : out;
}

std::int64_t half_away(const Rational& value) {
  const Rational size = abs(value) + Rational(1, 2);
  const Integer whole = numerator(size) / denominator(size);
  return static_cast<std::int64_t>(value < 0 ? Integer(-whole) : whole);
}

struct Case {
  ChargeInput input;
  Price price;
};

Case random_case(core::FastRandom& random) {
  static constexpr double kRatios[] = {0,
                                       0.001,
                                       0.025,
                                       0.1,
                                       0.3,
                                       0.5,
                                       0.8572,
                                       1,
                                       1.25,
                                       1.625,
                                       2.5,
                                       4,
                                       37.5,
                                       1e-7,
                                       8.333333333333334,
                                       23.333333333333332};
  const auto ratio = [&] {
    return random.below(4) == 0 ? static_cast<double>(random.below(1'000'000)) / 997.0
                                : kRatios[random.below(std::size(kRatios))];
  };
  const auto tokens = [&]() -> std::int64_t {
    const std::uint64_t sizes[] = {1, 10, 1000, 200'000, 3'000'000};
    return static_cast<std::int64_t>(random.below(sizes[random.below(5)]));
  };
  static constexpr std::string_view kModels[] = {"gpt-4o", "gemini-2.5-flash", "gpt-5", "x-search-preview",
                                                 "gemini-2.0-flash"};
  Case made;
  Usage& usage = made.input.usage;
  usage = {tokens(), tokens(), tokens(), tokens(), tokens(), tokens(), tokens(),
           tokens(), tokens(), tokens(), tokens(), tokens(), tokens(), tokens()};
  made.input.model = kModels[random.below(std::size(kModels))];
  made.input.claude_semantics = random.below(3) == 0;
  made.input.responses = random.below(3) == 0;
  made.input.tools.web_search = static_cast<std::int64_t>(random.below(4));
  made.input.tools.file_search = static_cast<std::int64_t>(random.below(3));
  made.input.tools.image_generation = random.below(5) == 0;
  Price& price = made.price;
  price.group_ratio = ratio();
  if (random.below(6) == 0) {
    price.price_billed = true;
    price.model_price = ratio();
  } else {
    price.model_ratio = ratio();
    price.completion_ratio = ratio();
    price.cache_ratio = ratio();
    price.cache_creation_ratio = price.cache_creation_5m_ratio = ratio();
    price.cache_creation_1h_ratio = ratio();
    price.image_ratio = ratio();
    price.audio_ratio = ratio();
    price.audio_completion_ratio = ratio();
  }
  return made;
}

std::int64_t expected_decimal(const Case& c) {
  const Usage& u = c.input.usage;
  const Rational unit = shortest(c.price.quota_per_unit), group = shortest(c.price.group_ratio);
  const std::string_view model = c.input.model;
  Rational quota, extra;
  if (c.price.price_billed) {
    quota = shortest(c.price.model_price) * unit * group;
  } else {
    Integer plain = u.prompt_tokens;
    if (!c.input.claude_semantics) plain -= Integer(u.cached_tokens) + u.cache_creation_tokens;
    plain -= u.prompt_image_tokens;
    const Rational audio_price = model == "gemini-2.5-flash"   ? Rational(1)
                                 : model == "gemini-2.0-flash" ? Rational(7, 10)
                                                               : Rational(0);
    if (audio_price > 0) {
      plain -= u.prompt_audio_tokens;
      extra += audio_price * u.prompt_audio_tokens * group * unit / 1'000'000;
    }
    quota = Rational(plain) + u.cached_tokens * shortest(c.price.cache_ratio) +
            u.cache_creation_tokens * shortest(c.price.cache_creation_ratio) +
            u.prompt_image_tokens * shortest(c.price.image_ratio) +
            u.completion_tokens * shortest(c.price.completion_ratio);
    quota *= shortest(c.price.model_ratio) * group;
    if (c.price.model_ratio * c.price.group_ratio != 0 && quota <= 0) quota = 1;
  }
  std::int64_t searches = 0;
  if (c.input.responses) searches = c.input.tools.web_search;
  if (!c.input.responses && model == "x-search-preview") searches = 1;
  extra += Rational(model == "gpt-5" ? 10 : 25) * searches * group * unit / 1000;
  extra += Rational(5, 2) * c.input.tools.file_search * group * unit / 1000;
  if (c.input.tools.image_generation) extra += Rational(167, 1000) * group * unit;
  if (u.prompt_tokens + u.completion_tokens == 0) return 0;
  const std::int64_t rounded = half_away(quota + extra);
  const bool costs = c.price.model_ratio != 0 && c.price.group_ratio != 0;
  return costs && rounded <= 0 ? 1 : std::max<std::int64_t>(rounded, 0);
}

std::int64_t expected_audio(const Case& c) {
  const Usage& u = c.input.usage;
  if (u.total_tokens == 0) return 0;
  const Rational group = shortest(c.price.group_ratio);
  if (c.price.price_billed) {
    const Rational q = shortest(c.price.model_price) * shortest(c.price.quota_per_unit) * group;
    return static_cast<std::int64_t>(Integer(numerator(q) / denominator(q)));
  }
  const std::int64_t text_in = u.prompt_text_tokens != 0
                                   ? u.prompt_text_tokens
                                   : std::max<std::int64_t>(u.prompt_tokens - u.prompt_audio_tokens, 0);
  const std::int64_t text_out = u.completion_text_tokens != 0
                                    ? u.completion_text_tokens
                                    : std::max<std::int64_t>(u.completion_tokens - u.completion_audio_tokens, 0);
  const Rational a = shortest(c.price.audio_ratio);
  const Rational q = (Rational(text_in) + text_out * shortest(c.price.completion_ratio) + u.prompt_audio_tokens * a +
                      u.completion_audio_tokens * a * shortest(c.price.audio_completion_ratio)) *
                     group * shortest(c.price.model_ratio);
  if (c.price.model_ratio != 0 && c.price.group_ratio != 0 && q <= 0) return 1;
  return half_away(q);
}

TEST(Charge, AgreesWithAnIndependentOracle) {
  core::FastRandom random(10'000);
  for (int i = 0; i < 10'000; ++i) {
    Case c = random_case(random);
    c.input.formula = Formula::kDecimal;
    ASSERT_EQ(charge_amount(c.input, c.price).units, expected_decimal(c)) << "case " << i;
    c.input.formula = Formula::kAudio;
    ASSERT_EQ(charge_amount(c.input, c.price).units, expected_audio(c)) << "case " << i;
  }
}

TEST(Charge, B7_NoFormulaGoesBelowItsFloor) {
  core::FastRandom random(77);
  for (int i = 0; i < 20'000; ++i) {
    Case c = random_case(random);
    // Prices and figures that nobody should set or report.
    if (random.below(10) == 0) c.price.model_ratio = -c.price.model_ratio;
    if (random.below(10) == 0) c.price.completion_ratio = -c.price.completion_ratio;
    if (random.below(10) == 0) c.price.model_price = -1;
    if (random.below(10) == 0) c.input.usage.cached_tokens = std::numeric_limits<std::int64_t>::max();
    if (random.below(10) == 0) c.input.usage.prompt_tokens = std::numeric_limits<std::int64_t>::min();
    if (random.below(10) == 0) c.input.usage.completion_tokens = std::numeric_limits<std::int64_t>::max();
    c.input.openrouter = random.below(2) == 0;
    if (random.below(2) == 0) c.input.reported_cost = static_cast<double>(random.below(100)) / 7 - 3;
    for (const Formula formula : {Formula::kDecimal, Formula::kMessages, Formula::kAudio}) {
      c.input.formula = formula;
      const Charge made = charge(c.input, c.price);
      ASSERT_GE(made.quota.units, 0);
      ASSERT_GE(made.prompt_tokens, 0);
      const bool used = made.prompt_tokens + made.completion_tokens > 0;
      if (!used && formula != Formula::kAudio) ASSERT_EQ(made.quota.units, 0);
      if (formula == Formula::kDecimal && used && c.price.model_ratio != 0 && c.price.group_ratio != 0) {
        ASSERT_GE(made.quota.units, 1);
      }
    }
    ASSERT_GE(reservation(c.price, c.input.usage.prompt_tokens, c.input.usage.completion_tokens).units, 0);
  }
}

// The charge for each recorded or hand-made answer, to the unit.
TEST(Charge, B8_GoldenAnswersCostWhatTheyDid) {
  simdjson::dom::parser parser;
  const auto folder = test::recordings();
  int hand_made = 0, recorded = 0, left_out = 0;
  for (const auto golden : parser.load(TOLLGATE_SOURCE_DIR "/tests/unit/billing/golden_charges.json").get_array()) {
    const std::string_view format = golden["format"], model = golden["model"];
    std::string_view name;
    std::optional<Usage> usage;
    if (golden["recording"].get(name) == simdjson::SUCCESS) {
      if (!folder || !std::filesystem::exists(*folder / name)) {
        ++left_out;
        continue;
      }
      usage = test::read_recorded_usage(*folder / name, format);
      // A picture that nothing is reported of counts as a token.
      std::int64_t pictures = 0;
      if (golden["pictures"].get(pictures) == simdjson::SUCCESS) {
        EXPECT_FALSE(usage) << name;
        usage = Usage{.prompt_tokens = pictures, .total_tokens = pictures};
      }
      ++recorded;
    } else {
      name = golden["name"];
      usage = test::read_usage(format, golden["answer"]["usage"]);
      ++hand_made;
    }
    ASSERT_TRUE(usage) << name;
    const Price price = price_of(model, golden["group_ratio"].get_double());
    const bool audio = usage->prompt_audio_tokens + usage->completion_audio_tokens > 0;
    const Formula formula = format == "anthropic"   ? Formula::kMessages
                            : format == "speech"    ? (audio ? Formula::kAudio : Formula::kDecimal)
                            : format == "images"    ? Formula::kDecimal
                            : format == "responses" ? formula_for_responses(model)
                                                    : formula_for_chat(*usage, price);
    EXPECT_EQ(
        charge_amount({.formula = formula, .usage = *usage, .model = model, .responses = format == "responses"}, price)
            .units,
        std::int64_t(golden["quota"]))
        << name;
  }
  EXPECT_GE(hand_made, 16);
  if (left_out > 0) std::printf("%d recorded answers are not here (WIRE_CORPUS): left out\n", left_out);
  RecordProperty("recorded", recorded);
}

}  // namespace
}  // namespace tollgate::billing
