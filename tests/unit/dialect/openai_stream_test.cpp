#include "dialect/openai_stream.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tollgate::dialect {
namespace {

constexpr auto kText =
    R"({"id":"c1","model":"m","created":7,"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]})";
constexpr auto kStop = R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
constexpr auto kUsage = R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}})";

}  // namespace

TEST(OpenAiStream, S1_DoneWithoutAFinishReasonIsNoEnd) {
  OpenAiStreamReader reader(true);
  EXPECT_EQ(reader.on_event(kText), StreamAction::kForward);
  EXPECT_FALSE(reader.ended_well());
  EXPECT_EQ(reader.on_event("[DONE]"), StreamAction::kDone);
  EXPECT_FALSE(reader.ended_well());
}

TEST(OpenAiStream, S1_EveryChoiceNeedsItsFinishReason) {
  OpenAiStreamReader reader(true);
  reader.on_event(R"({"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]})");
  reader.on_event(kStop);
  EXPECT_FALSE(reader.ended_well());
  reader.on_event(R"({"choices":[{"index":1,"delta":{},"finish_reason":"length"}]})");
  EXPECT_TRUE(reader.ended_well());
}

TEST(OpenAiStream, S2_ARoleAloneIsNotMeaningful) {
  OpenAiStreamReader reader(true);
  reader.on_event(R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})");
  EXPECT_FALSE(reader.meaningful());
  reader.on_event(kText);
  EXPECT_TRUE(reader.meaningful());
}

TEST(OpenAiStream, HoldsBackTheUsageChunkOfWhoDidNotAsk) {
  OpenAiStreamReader quiet(false);
  EXPECT_EQ(quiet.on_event(kUsage), StreamAction::kHoldBack);
  EXPECT_EQ(quiet.usage().prompt_tokens, 9);
  EXPECT_TRUE(quiet.has_usage());
  OpenAiStreamReader curious(true);
  EXPECT_EQ(curious.on_event(kUsage), StreamAction::kForward);
  // Usage beside content is never held back: the content is the client's.
  EXPECT_EQ(
      quiet.on_event(
          R"({"choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}})"),
      StreamAction::kForward);
}

TEST(OpenAiStream, B6_ReadsUsageInAChoice) {
  const std::string_view event =
      R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":9,"completion_tokens":1,)"
      R"("total_tokens":10,"cached_tokens":7}}]})";
  OpenAiStreamReader reader(true, {.cached_apart = true});
  EXPECT_EQ(reader.on_event(event), StreamAction::kForward);
  EXPECT_EQ(reader.usage().prompt_tokens, 9);
  EXPECT_EQ(reader.usage().cached_tokens, 7);
  OpenAiStreamReader other(true);
  other.on_event(event);
  EXPECT_FALSE(other.has_usage());
}

TEST(OpenAiStream, TakesAFailureInBaseRespForOne) {
  OpenAiStreamReader reader(true);
  EXPECT_EQ(reader.on_event(R"({"base_resp":{"status_code":0,"status_msg":""}})"), StreamAction::kForward);
  EXPECT_EQ(reader.on_event(R"({"base_resp":{"status_code":1002,"status_msg":"slow"}})"), StreamAction::kError);
}

TEST(OpenAiStream, CountsThinkingInParts) {
  OpenAiStreamReader reader(true);
  reader.on_event(
      R"({"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"word word"}]}]}}]})");
  EXPECT_TRUE(reader.has_output());
  EXPECT_GT(reader.counted_tokens("mistral"), 0);
}

TEST(OpenAiStream, B4_ErrorTextIsNotOutput) {
  OpenAiStreamReader reader(true);
  EXPECT_EQ(reader.on_event(R"({"error":{"message":"a very long text about what went wrong","type":"server_error"}})"),
            StreamAction::kError);
  EXPECT_FALSE(reader.has_output());
  EXPECT_EQ(reader.counted_tokens("gpt-4o"), 0);
  EXPECT_EQ(OpenAiStreamReader(true).on_event(R"({"error":null,"choices":[]})"), StreamAction::kForward);
}

TEST(OpenAiStream, CountsContentReasoningAndCalls) {
  OpenAiStreamReader reader(true);
  reader.on_event(R"({"choices":[{"index":0,"delta":{"reasoning_content":"think hard"}}]})");
  reader.on_event(R"({"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"one two"}]}}]})");
  auto texts = reader.counted_tokens("gpt-4o");
  EXPECT_GE(texts, 4);
  reader.on_event(
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}}]})");
  EXPECT_GE(reader.counted_tokens("gpt-4o"), texts + 7);
}

TEST(OpenAiStream, SurvivesWhatIsNoChunk) {
  for (auto text :
       {"", "x", "[]", "1", "null", "{", R"({"choices":5})", R"({"choices":[1,{"delta":"x"}]})",
        R"({"choices":[{"index":99,"delta":{"content":5}}],"usage":7})", R"({"usage":{"prompt_tokens":-5}})"}) {
    OpenAiStreamReader reader(true);
    EXPECT_NE(reader.on_event(text), StreamAction::kDone) << text;
    EXPECT_FALSE(reader.has_usage()) << text;
  }
}

TEST(OpenAiStream, WritesAUsageChunkInTheStreamsOwnName) {
  OpenAiStreamReader reader(true);
  EXPECT_EQ(reader.usage_chunk({}), "");
  reader.on_event(kText);
  billing::Usage usage;
  usage.prompt_tokens = 3;
  usage.completion_tokens = 4;
  auto chunk = reader.usage_chunk(usage);
  EXPECT_TRUE(chunk.starts_with(R"({"id":"c1","object":"chat.completion.chunk","created":7,"model":"m",)")) << chunk;
  OpenAiStreamReader again(true);
  again.on_event(chunk);
  EXPECT_EQ(again.usage().total_tokens, 7);
}

// Recorded provider streams, where they are at hand: whole only at their end, at no earlier cut.
TEST(OpenAiStream, S1_RecordedStreamsAreWholeOnlyAtTheirEnd) {
  const char* given = std::getenv("WIRE_CORPUS");
  std::filesystem::path corpus = given ? given : TOLLGATE_SOURCE_DIR "/../shared/fixtures/wire";
  int seen = 0;
  for (auto provider : {"openai", "deepseek", "mistral", "xai"}) {
    if (!std::filesystem::exists(corpus / provider)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus / provider)) {
      if (!entry.path().string().ends_with(".chunks.txt")) continue;
      std::ifstream in(entry.path());
      std::vector<std::string> lines;
      for (std::string line; std::getline(in, line);)
        if (!line.empty()) lines.push_back(line);
      if (lines.empty() || lines.front().find("chat.completion.chunk") == std::string::npos) continue;
      ++seen;
      OpenAiStreamReader reader(true);
      std::size_t whole_at = 0;
      for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(reader.on_event(lines[i]), StreamAction::kForward) << entry.path();
        if (reader.ended_well() && whole_at == 0) whole_at = i + 1;
      }
      EXPECT_TRUE(reader.ended_well()) << entry.path();
      EXPECT_TRUE(reader.has_usage()) << entry.path();
      EXPECT_GT(reader.counted_tokens("gpt-4o"), 0) << entry.path();
      // Only usage may follow the last finish reason.
      EXPECT_GE(whole_at + 2, lines.size()) << entry.path();
    }
  }
  if (seen == 0)
    std::printf("left out: no recordings at %s (WIRE_CORPUS names another folder)\n", corpus.c_str());
  else
    std::printf("%d recorded streams\n", seen);
}

}  // namespace tollgate::dialect
