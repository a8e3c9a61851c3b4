#include "dialect/transcript.h"

#include <gtest/gtest.h>

using namespace tollgate;
using dialect::StreamAction;

namespace {

dialect::OpenAiAnswer read(std::string_view type, std::string text) {
  auto size = text.size();
  text.append(64, '\0');
  return dialect::read_transcript(type, std::string_view(text).substr(0, size));
}

constexpr std::string_view kJson = "application/json";

}  // namespace

TEST(Transcript, ReadsTheUsageOfJsonInTheSpellingOfThisRoute) {
  auto answer =
      read(kJson, R"({"text":"hi","usage":{"type":"tokens","input_tokens":14,"output_tokens":5,"total_tokens":19,)"
                  R"("input_token_details":{"text_tokens":4,"audio_tokens":10}}})");
  EXPECT_TRUE(answer.valid);
  EXPECT_FALSE(answer.is_empty);
  ASSERT_TRUE(answer.usage);
  EXPECT_EQ(answer.usage->prompt_tokens, 14);
  EXPECT_EQ(answer.usage->completion_tokens, 5);
  EXPECT_EQ(answer.usage->prompt_audio_tokens, 10);
}

TEST(Transcript, TakesAUsageOfSecondsForNone) {
  auto answer = read(kJson, R"({"text":"hi","usage":{"type":"duration","seconds":12}})");
  EXPECT_TRUE(answer.valid);
  EXPECT_FALSE(answer.usage && answer.usage->usable());
}

TEST(Transcript, TellsSilenceFromNoAnswer) {
  EXPECT_FALSE(read(kJson, R"({"text":""})").is_empty);
  EXPECT_TRUE(read(kJson, "{}").is_empty);
  EXPECT_TRUE(read("text/plain", "").is_empty);
  EXPECT_FALSE(read("text/plain; charset=utf-8", "\n").is_empty);
}

TEST(Transcript, S2_KnowsAFailureInTheClothesOfA200) {
  EXPECT_TRUE(read(kJson, R"({"error":{"type":"server_error","message":"no"}})").is_error);
  EXPECT_FALSE(read(kJson, "not json").valid);
  EXPECT_FALSE(read("text/html; charset=utf-8", "<html>").valid);
  EXPECT_TRUE(read("text/vtt", "WEBVTT\n").valid);
}

TEST(Transcript, GivesClientsTheTypesTheyKnow) {
  EXPECT_EQ(dialect::transcript_type("text/vtt; charset=utf-8"), "text/vtt; charset=utf-8");
  EXPECT_EQ(dialect::transcript_type("application/json"), "application/json");
  EXPECT_EQ(dialect::transcript_type("application/x-mystery"), "text/plain; charset=utf-8");
  EXPECT_EQ(dialect::transcript_type(""), "text/plain; charset=utf-8");
}

TEST(TranscriptStream, EndsWithItsDoneEvent) {
  dialect::TranscriptStreamReader reader;
  EXPECT_FALSE(reader.meaningful());
  EXPECT_EQ(reader.on_event(R"({"type":"transcript.text.delta","delta":"Hello "})", "message"), StreamAction::kForward);
  EXPECT_TRUE(reader.meaningful());
  EXPECT_FALSE(reader.ended_well());
  EXPECT_EQ(reader.on_event(R"({"type":"transcript.text.done","text":"Hello world","usage":{"type":"tokens",)"
                            R"("input_tokens":14,"output_tokens":5,"total_tokens":19}})",
                            "message"),
            StreamAction::kLast);
  EXPECT_TRUE(reader.ended_well());
  ASSERT_TRUE(reader.has_usage());
  EXPECT_EQ(reader.usage().completion_tokens, 5);
}

TEST(TranscriptStream, GoesByTheNameWhereTheEventHasNoType) {
  dialect::TranscriptStreamReader reader;
  EXPECT_EQ(reader.on_event(R"({"text":"x"})", "transcript.text.done"), StreamAction::kLast);
}

TEST(TranscriptStream, ReadsEventsWithBytesThatAreNoUtf8) {
  dialect::TranscriptStreamReader reader;
  EXPECT_EQ(reader.on_event("{\"type\":\"transcript.text.done\",\"text\":\"caf\xE9\"}", "message"),
            StreamAction::kLast);
  EXPECT_TRUE(reader.ended_well());
  EXPECT_GT(reader.counted_tokens("whisper-1"), 0);
}

TEST(TranscriptStream, S1_EndsWellOnlyWithThatEvent) {
  dialect::TranscriptStreamReader reader;
  reader.on_event(R"({"type":"transcript.text.delta","delta":"Hello "})", "message");
  EXPECT_EQ(reader.on_event("[DONE]", "message"), StreamAction::kDone);
  EXPECT_FALSE(reader.ended_well());
}

TEST(TranscriptStream, CountsWordsOnceThoughTheyComeThreeTimes) {
  dialect::TranscriptStreamReader reader;
  reader.on_event(R"({"type":"transcript.text.delta","delta":"one two three four"})", "message");
  auto once = reader.counted_tokens("whisper-1");
  EXPECT_GT(once, 0);
  reader.on_event(R"({"type":"transcript.text.segment","text":"one two three four"})", "message");
  reader.on_event(R"({"type":"transcript.text.done","text":"one two three four"})", "message");
  EXPECT_EQ(reader.counted_tokens("whisper-1"), once);
}

TEST(TranscriptStream, B4_AnErrorEventIsAnErrorAndNoOutput) {
  for (const char* payload : {R"({"error":{"message":"no"}})", R"({"type":"error","message":"no"})"}) {
    dialect::TranscriptStreamReader reader;
    EXPECT_EQ(reader.on_event(payload, "message"), StreamAction::kError);
    EXPECT_EQ(reader.error(), payload);
    EXPECT_FALSE(reader.has_output());
  }
  dialect::TranscriptStreamReader named;
  EXPECT_EQ(named.on_event(R"({"message":"no"})", "error"), StreamAction::kError);
}

TEST(TranscriptStream, RefusesAUsageThatCannotBe) {
  dialect::TranscriptStreamReader reader;
  reader.on_event(R"({"type":"transcript.text.done","text":"x","usage":{"input_tokens":-1,"output_tokens":5}})",
                  "message");
  EXPECT_FALSE(reader.has_usage());
  EXPECT_TRUE(reader.usage_refused());
}
