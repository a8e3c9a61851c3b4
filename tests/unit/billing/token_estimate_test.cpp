#include "billing/token_estimate.h"

#include <gtest/gtest.h>

#include <string>

#include "billing/bpe.h"
#include "billing/media_tokens.h"
#include "core/random.h"

namespace tollgate::billing {
namespace {

TEST(TokenEstimate, WeighsTheCharactersOfAText) {
  const char* text = "user\nHello, world! 你好 v2";
  EXPECT_EQ(estimate_tokens(TextFamily::kGemini, text), 12);
  EXPECT_EQ(estimate_tokens(TextFamily::kClaude, text), 12);
  EXPECT_EQ(estimate_tokens(TextFamily::kOpenAi, text), 10);
  EXPECT_EQ(estimate_tokens(TextFamily::kOpenAi, ""), 0);
}

// A hundred of one class shows its weight in hundredths.
std::int64_t weight(TextFamily family, std::string_view one) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += one;
  return estimate_tokens(family, text);
}

TEST(TokenEstimate, ClassesComeInOrder) {
  EXPECT_EQ(weight(TextFamily::kClaude, "汉"), 121);
  EXPECT_EQ(weight(TextFamily::kClaude, "か"), 121);
  EXPECT_EQ(weight(TextFamily::kClaude, "한"), 121);
  EXPECT_EQ(weight(TextFamily::kClaude, "🙂"), 260);
  EXPECT_EQ(weight(TextFamily::kClaude, "☀"), 260);
  EXPECT_EQ(weight(TextFamily::kClaude, "∑"), 452);
  EXPECT_EQ(weight(TextFamily::kClaude, "±"), 452);
  EXPECT_EQ(weight(TextFamily::kClaude, "@"), 282);
  EXPECT_EQ(weight(TextFamily::kClaude, "/"), 126);
  EXPECT_EQ(weight(TextFamily::kClaude, "!"), 40);
  EXPECT_EQ(weight(TextFamily::kClaude, "\n"), 89);
  EXPECT_EQ(weight(TextFamily::kClaude, "\t"), 89);
  EXPECT_EQ(weight(TextFamily::kClaude, " "), 39);
  EXPECT_EQ(weight(TextFamily::kClaude, "\u3000"), 39);
  EXPECT_EQ(weight(TextFamily::kGemini, "a1"), 115 + 280) << "letters and digits start new units";
  EXPECT_EQ(weight(TextFamily::kGemini, "a."), 115 + 38);
  EXPECT_EQ(weight(TextFamily::kGemini, "a"), 2) << "one run";
  EXPECT_EQ(weight(TextFamily::kGemini, "²"), 3) << "a raised digit is a number";
  EXPECT_EQ(weight(TextFamily::kOpenAi, "\xFF"), 40) << "a byte that is no UTF-8 is a symbol";
}

TEST(TokenEstimate, DoesNotDependOnHowTheTextIsCut) {
  const std::string text =
      "Grüße, 世界! 🙂👩‍👧 12a34 ∑x² 𝒳\xF0\x9F\x99\x82\xC3\xE4\xBD tail\xE4\xBD\xA0 \xF0\x9F "
      "end\xFF\xE0\x80\x80z\xF0\x9F";
  TokenEstimator whole;
  whole.add(text);
  core::FastRandom random(7);
  for (int round = 0; round < 500; ++round) {
    TokenEstimator pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = random.below(4);
      pieces.add(std::string_view(text).substr(at, size));
      at += size;
    }
    for (const TextFamily family : {TextFamily::kOpenAi, TextFamily::kClaude, TextFamily::kGemini}) {
      ASSERT_EQ(pieces.tokens(family), whole.tokens(family));
    }
    ASSERT_EQ(pieces.bytes(), static_cast<std::int64_t>(text.size()));
  }
}

TEST(TokenEstimate, BreakingARunStartsANewWord) {
  TokenEstimator estimator;
  estimator.add("one");
  estimator.break_run();
  estimator.add("two");
  EXPECT_EQ(estimator.tokens(TextFamily::kOpenAi), 3);  // 2.04
}

TEST(TokenEstimate, ChoosesTheRowByModelName) {
  EXPECT_EQ(text_family("Gemini-2.5-Pro"), TextFamily::kGemini);
  EXPECT_EQ(text_family("anthropic/Claude-3"), TextFamily::kClaude);
  EXPECT_EQ(text_family("deepseek-chat"), TextFamily::kOpenAi);
}

TEST(TokenEstimate, CountsOpenAiModelsByBytePairsAndOthersByWeight) {
  EXPECT_EQ(count_tokens("gpt-4o", "Hello, world!"), count_bpe_tokens(Encoding::kO200k, "Hello, world!"));
  EXPECT_EQ(count_tokens("deepseek-chat", "Hello, world!"), 4);  // 2 × 1.02 + 2 × 0.4 + 0.42 = 3.26
}

TEST(TokenEstimate, NoTextIsAboveItsBound) {
  for (const char* text : {"@@@@", "∑∑", "1a1a1a1a", "🙂🙂🙂", "汉字", "\xFF\xFF", "a@b@c"}) {
    const std::string_view view(text);
    for (const char* model : {"gpt-4o", "claude-3", "gemini-2.5-pro", "deepseek-chat"}) {
      EXPECT_LE(count_tokens(model, view), token_upper_bound(model, static_cast<std::int64_t>(view.size())))
          << model << ' ' << text;
    }
  }
}

TEST(MediaTokens, CountImagesByTilesAndPatches) {
  EXPECT_EQ(image_tokens("gpt-4o", 1024, 1024, "high"), 765);
  EXPECT_EQ(image_tokens("gpt-4o", 2048, 4096, "high"), 1105);
  EXPECT_EQ(image_tokens("gpt-4o", 2048, 4096, "low"), 85);
  EXPECT_EQ(image_tokens("gpt-4.1-mini", 1024, 1024, "high"), 1659);
  EXPECT_EQ(image_tokens("gpt-4.1-mini", 1800, 2400, "high"), 2352);
  EXPECT_EQ(image_tokens("gpt-4o-mini", 512, 512, "high"), 4 * 5667 + 2833) << "small images are enlarged";
  EXPECT_EQ(image_tokens("gpt-5-mini", 32, 32, "high"), 2);
  EXPECT_EQ(image_tokens("gpt-5", 1024, 1024, "high"), 4 * 140 + 70);
}

TEST(MediaTokens, AreFlatWhereContentDoesNotMatter) {
  const MediaRules rules;
  EXPECT_EQ(flat_media_tokens("gpt-4o", MediaKind::kAudio, "", true, rules), 256);
  EXPECT_EQ(flat_media_tokens("gpt-4o", MediaKind::kVideo, "", true, rules), 8192);
  EXPECT_EQ(flat_media_tokens("gpt-4o", MediaKind::kFile, "", true, rules), 4096);
  EXPECT_EQ(flat_media_tokens("claude-3", MediaKind::kImage, "high", true, rules), 520);
  EXPECT_EQ(flat_media_tokens("gpt-4o", MediaKind::kImage, "high", false, rules), 255);
  EXPECT_EQ(flat_media_tokens("gpt-4o", MediaKind::kImage, "low", false, rules), 85);
  EXPECT_EQ(flat_media_tokens("gpt-4.1-mini", MediaKind::kImage, "low", false, rules), 255);
  EXPECT_EQ(flat_media_tokens("gpt-4o", MediaKind::kImage, "high", true, rules), std::nullopt);
  EXPECT_EQ(flat_media_tokens("gpt-4o", MediaKind::kImage, "high", true, {.measure = false}), 255);
}

}  // namespace
}  // namespace tollgate::billing
