#include "billing/bpe.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

#include "billing/bpe_split.h"

namespace tollgate::billing {
namespace {

std::vector<std::uint32_t> ids(simdjson::dom::element array) {
  std::vector<std::uint32_t> out;
  for (const auto id : array.get_array()) out.push_back(static_cast<std::uint32_t>(std::uint64_t(id)));
  return out;
}

TEST(Bpe, GivesTheIdsThatTheReferenceTokenizerGave) {
  simdjson::dom::parser parser;
  const auto vectors = parser.load(TOLLGATE_SOURCE_DIR "/tests/unit/billing/bpe_vectors.json").get_array();
  std::size_t texts = 0;
  for (const auto vector : vectors) {
    const std::string_view part = vector["text"];
    std::uint64_t times = 1;
    if (vector["times"].get(times) != simdjson::SUCCESS) times = 1;
    std::string text;
    for (std::uint64_t i = 0; i < times; ++i) text += part;
    EXPECT_EQ(encode_bpe(Encoding::kCl100k, text), ids(vector["cl100k"])) << "cl100k_base: " << part;
    EXPECT_EQ(encode_bpe(Encoding::kO200k, text), ids(vector["o200k"])) << "o200k_base: " << part;
    EXPECT_EQ(count_bpe_tokens(Encoding::kO200k, text), static_cast<std::int64_t>(ids(vector["o200k"]).size()));
    ++texts;
  }
  EXPECT_GT(texts, 200U);
}

TEST(Bpe, ReadsBytesThatAreNoUtf8AsReplacementCharacters) {
  for (const Encoding encoding : {Encoding::kCl100k, Encoding::kO200k}) {
    EXPECT_EQ(encode_bpe(encoding, "a\xFF\xC3 b"), encode_bpe(encoding, "a\uFFFD\uFFFD b"));
  }
}

TEST(Bpe, SplitsWithoutGaps) {
  const std::string text = "It's  ABC你好 12345\r\n\r\n  x\u0301\u0302!?/\n/ \u00a0 end  ";
  for (const Encoding encoding : {Encoding::kCl100k, Encoding::kO200k}) {
    PieceSplitter splitter(encoding, text);
    std::string joined;
    for (std::string_view piece; splitter.next(piece);) {
      ASSERT_FALSE(piece.empty());
      joined += piece;
    }
    EXPECT_EQ(joined, text);
  }
}

TEST(Bpe, AMegabyteOfOneLetterIsMergedWithoutQuadraticWork) {
  // The plain loop would take minutes here.
  EXPECT_EQ(count_bpe_tokens(Encoding::kCl100k, std::string(1 << 20, 'a')), (1 << 20) / 8);
}

TEST(Bpe, ChoosesTheEncodingByModelName) {
  for (const char* model :
       {"gpt-4o", "gpt-4o-mini", "chatgpt-4o-latest", "o1-preview", "o1-mini", "o1-pro", "o3-mini"}) {
    EXPECT_EQ(encoding_of(model), Encoding::kO200k) << model;
  }
  for (const char* model : {"gpt-4", "gpt-3.5-turbo", "gpt-4.1", "gpt-5", "o3", "o4-mini", "o1", "o3-mini-high",
                            "GPT-4o", "chatgpt", "ft:gpt-4:x", "openai/gpt-4o"}) {
    EXPECT_EQ(encoding_of(model), Encoding::kCl100k) << model;
  }
  for (const char* model : {"claude-3-5-sonnet", "gemini-2.5-pro", "deepseek-chat", "text-embedding-3-small", ""}) {
    EXPECT_EQ(encoding_of(model), std::nullopt) << model;
  }
}

}  // namespace
}  // namespace tollgate::billing
