#include "relay/media_charge.h"

#include <gtest/gtest.h>

#include "relay/answer_headers.h"

namespace tollgate::relay {
namespace {

using billing::Formula;
using dialect::OpenAiRoute;

dialect::OpenAiRequest pictures(std::string model, dialect::ImageOrder order) {
  dialect::OpenAiRequest request;
  request.model = std::move(model);
  request.image = std::move(order);
  return request;
}

}  // namespace

TEST(MediaCharge, EachRouteHasItsFormula) {
  billing::Usage audio;
  audio.completion_audio_tokens = 5;
  billing::Price plain, sells_audio;
  sells_audio.audio_model = true;
  EXPECT_EQ(formula_for_route(OpenAiRoute::kSpeech, audio, plain), Formula::kAudio);
  EXPECT_EQ(formula_for_route(OpenAiRoute::kSpeech, {}, sells_audio), Formula::kDecimal);
  EXPECT_EQ(formula_for_route(OpenAiRoute::kChatCompletions, audio, sells_audio), Formula::kAudio);
  EXPECT_EQ(formula_for_route(OpenAiRoute::kChatCompletions, audio, plain), Formula::kDecimal);
  for (auto route : {OpenAiRoute::kImages, OpenAiRoute::kRerank, OpenAiRoute::kEmbeddings})
    EXPECT_EQ(formula_for_route(route, audio, sells_audio), Formula::kDecimal);
}

TEST(MediaCharge, PicturesMultiplyThePriceOfACall) {
  EXPECT_EQ(image_factor(pictures("dall-e-3", {"1024x1792", "hd", 2})), 6);
  EXPECT_EQ(image_factor(pictures("dall-e-2", {"256x256", "", 1})), 0.4);
  EXPECT_EQ(image_factor(pictures("flux", {"", "", 3})), 3);
  EXPECT_EQ(image_factor({}), 0);
}

TEST(MediaCharge, TheLogRowSaysWhatWasOrdered) {
  EXPECT_EQ(log_content(pictures("dall-e-3", {"1024x1792", "hd", 2}), ""), "大小 1024x1792, 品质 hd, 生成数量 2");
  EXPECT_EQ(log_content(pictures("gpt-image-1", {"", "high", 1}), "more"), "品质 standard, 生成数量 1, more");
  EXPECT_EQ(log_content({}, "of the charge"), "of the charge");
}

TEST(AnswerHeaders, OnlyAudioAndUntoldBytesPassAsBytes) {
  for (auto type : {"audio/mpeg", "Audio/Ogg; codecs=opus", "application/octet-stream", "binary/octet-stream",
                    "application/ogg", ""})
    EXPECT_TRUE(is_media_type(type)) << type;
  for (auto type : {"text/html", "text/plain", "application/json", "application/xhtml+xml", "image/svg+xml"})
    EXPECT_FALSE(is_media_type(type)) << type;
}

}  // namespace tollgate::relay
