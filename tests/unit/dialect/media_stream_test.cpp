// Streams of pictures and of speech, event by event.
#include "dialect/media_stream.h"

#include <gtest/gtest.h>

namespace tollgate::dialect {
namespace {

constexpr std::string_view kPartial =
    R"({"type":"image_generation.partial_image","b64_json":"AA","partial_image_index":0})";
constexpr std::string_view kCompleted =
    R"({"type":"image_generation.completed","b64_json":"AA","usage":{"total_tokens":100,"input_tokens":50,)"
    R"("output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}})";
constexpr std::string_view kBare = R"({"type":"image_generation.completed","b64_json":"AA"})";
constexpr std::string_view kAudio = R"({"type":"speech.audio.delta","audio":"AAAAAAAAAAAAAAAA"})";
constexpr std::string_view kSpoken =
    R"({"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}})";

}  // namespace

TEST(MediaStream, APictureIsWholeWithItsCompletedEvent) {
  MediaStreamReader reader(1);
  EXPECT_FALSE(reader.meaningful());
  EXPECT_EQ(reader.on_event(kPartial, "image_generation.partial_image"), StreamAction::kForward);
  EXPECT_TRUE(reader.meaningful());
  EXPECT_FALSE(reader.ended_well());
  EXPECT_EQ(reader.counted_tokens("gpt-image-1"), 100) << "a partial picture";
  EXPECT_EQ(reader.on_event(kCompleted, "image_generation.completed"), StreamAction::kLast);
  EXPECT_TRUE(reader.ended_well());
  ASSERT_TRUE(reader.has_usage());
  EXPECT_EQ(reader.usage().prompt_tokens, 50);
  EXPECT_EQ(reader.usage().completion_tokens, 50);
  EXPECT_EQ(reader.usage().prompt_image_tokens, 40);
  EXPECT_EQ(reader.end_mark(), "");
}

TEST(MediaStream, EachOfSeveralPicturesAddsItsUsage) {
  MediaStreamReader reader(2);
  EXPECT_EQ(reader.on_event(kCompleted, ""), StreamAction::kForward);
  EXPECT_TRUE(reader.ended_well());
  EXPECT_EQ(reader.on_event(kCompleted, ""), StreamAction::kLast);
  EXPECT_EQ(reader.usage().prompt_tokens, 100);
  EXPECT_EQ(reader.usage().total_tokens, 200);
}

TEST(MediaStream, WithoutUsageThereIsNone) {
  MediaStreamReader reader(1);
  EXPECT_EQ(reader.on_event(kBare, ""), StreamAction::kLast);
  EXPECT_FALSE(reader.has_usage());
  EXPECT_FALSE(reader.usage_refused());
}

TEST(MediaStream, B7_FiguresThatCannotBeAreRefused) {
  MediaStreamReader reader(1);
  reader.on_event(R"({"type":"image_generation.completed","usage":{"input_tokens":-5,"output_tokens":1}})", "");
  EXPECT_FALSE(reader.has_usage());
  EXPECT_TRUE(reader.usage_refused());
}

TEST(MediaStream, SpeechIsCountedByItsSize) {
  MediaStreamReader reader(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(reader.on_event(kAudio, ""), StreamAction::kForward);
  EXPECT_EQ(reader.counted_tokens("tts-1"), 2) << "1,200 bytes";
  EXPECT_FALSE(reader.ended_well());
  EXPECT_EQ(reader.on_event(kSpoken, ""), StreamAction::kLast);
  EXPECT_EQ(reader.usage().prompt_tokens, 14);
  EXPECT_EQ(reader.usage().completion_tokens, 101);
}

TEST(MediaStream, S1_ErrorsAreToldByNameByTypeAndByMember) {
  for (auto [payload, name] : {std::pair<std::string_view, std::string_view>{R"({"message":"no"})", "error"},
                               {R"({"type":"error","code":"x","message":"no"})", "message"},
                               {R"({"error":{"message":"no"}})", "message"}}) {
    MediaStreamReader reader(1);
    EXPECT_EQ(reader.on_event(payload, name), StreamAction::kError) << payload;
    EXPECT_EQ(reader.error(), payload);
    EXPECT_FALSE(reader.meaningful());
  }
  MediaStreamReader reader(1);
  EXPECT_EQ(reader.on_event(R"({"error":null,"type":"image_generation.partial_image"})", ""), StreamAction::kForward);
}

TEST(MediaStream, S1_DoneAloneIsNoEnd) {
  MediaStreamReader reader(1);
  reader.on_event(kPartial, "");
  EXPECT_EQ(reader.on_event("[DONE]", "message"), StreamAction::kDone);
  EXPECT_FALSE(reader.ended_well());
}

}  // namespace tollgate::dialect
