#include "dialect/form_request.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "core/ascii.h"

using namespace tollgate;
using dialect::OpenAiRoute;

namespace {

struct Field {
  std::string name, text;
  std::string type = {}, file_name = {};  // a file name makes it a file
};

struct Read {
  core::Result<dialect::OpenAiRequest> request;
  std::deque<Field> fields;  // as they go on to the upstream
};

Read read(OpenAiRoute route, std::deque<Field> fields) {
  std::vector<dialect::FormField> views;
  for (auto& field : fields)
    views.push_back({.name = &field.name,
                     .content_type = &field.type,
                     .file_name = field.file_name,
                     .text = field.file_name.empty() ? &field.text : nullptr});
  auto request = dialect::read_form_request(route, views);
  std::deque<Field> kept;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (!views[i].removed) kept.push_back(fields[i]);
  return {std::move(request), std::move(kept)};
}

const Field kFile{"file", "", "audio/mpeg", "a.mp3"};
const Field kImage{"image", "", "image/png", "a.png"};

}  // namespace

TEST(FormRequest, ReadsModelAndStreamOfATranscription) {
  auto [request, fields] = read(OpenAiRoute::kTranscriptions, {{"stream", "True"}, kFile, {"model", "whisper-1"}});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "whisper-1");
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->broken_rule, "");
  EXPECT_EQ(request->max_output_tokens, 0);
  EXPECT_FALSE(request->image);
  EXPECT_EQ(fields[0].text, "true") << "one spelling for all decoders";
}

TEST(FormRequest, TakesAnEmptyFormatForJson) {
  auto [request, fields] = read(OpenAiRoute::kTranslations, {{"model", "m"}, {"response_format", ""}, kFile});
  ASSERT_TRUE(request);
  EXPECT_EQ(fields[1].text, "json");
}

TEST(FormRequest, SaysWhichRuleIsBroken) {
  auto rule = [](OpenAiRoute route, std::deque<Field> fields) {
    return read(route, std::move(fields)).request->broken_rule;
  };
  EXPECT_EQ(rule(OpenAiRoute::kTranscriptions, {kFile}), "model is required");
  EXPECT_EQ(rule(OpenAiRoute::kTranscriptions, {{"model", "m"}}), "file is required");
  EXPECT_EQ(rule(OpenAiRoute::kTranscriptions, {{"model", "m"}, {"file", "text"}}), "file is required");
  EXPECT_EQ(rule(OpenAiRoute::kTranscriptions, {{"model", "m"}, kFile, {"stream", "yes"}}),
            "stream must be true or false");
  EXPECT_EQ(rule(OpenAiRoute::kImageEdits, {{"model", "m"}}), "image is required");
  for (const char* n : {"", "1e2", "1.0", "-1", "+1", "01", " 1", "0x1", "one"})
    EXPECT_EQ(rule(OpenAiRoute::kImageEdits, {{"model", "m"}, kImage, {"n", n}}), "n must be an integer") << n;
  for (const char* n : {"129", "99999999999999999999"})
    EXPECT_EQ(rule(OpenAiRoute::kImageEdits, {{"model", "m"}, kImage, {"n", n}}), "n is invalid") << n;
}

TEST(FormRequest, ReadsWhatDecidesThePriceOfPictures) {
  auto order = [](std::deque<Field> fields) {
    fields.push_back(kImage);
    return read(OpenAiRoute::kImageEdits, std::move(fields)).request.value();
  };
  auto request = order({{"model", "dall-e-3"}, {"n", "3"}, {"size", "1024x1792"}, {"quality", "hd"}});
  ASSERT_TRUE(request.image);
  EXPECT_EQ(request.image->n, 3);
  EXPECT_EQ(request.choices, 3);
  EXPECT_EQ(request.image->size, "1024x1792");
  EXPECT_EQ(request.image->quality, "hd");
  EXPECT_EQ(request.max_output_tokens, 1584);
  EXPECT_EQ(order({{"model", "gpt-image-1"}, {"n", "0"}}).image->n, 1);
  EXPECT_EQ(order({{"model", "gpt-image-1"}}).image->quality, "standard");
  EXPECT_EQ(order({{"model", "gpt-image-1"}, {"quality", "high"}}).image->quality, "high");
}

TEST(FormRequest, TakesPicturesUnderEachNameTheyAreSentWith) {
  for (const char* name : {"image", "image[]", "image[0]"}) {
    auto field = kImage;
    field.name = name;
    EXPECT_EQ(read(OpenAiRoute::kImageEdits, {{"model", "m"}, field}).request->broken_rule, "") << name;
  }
}

// What one decoder reads another must read too, whichever of two it takes.
TEST(FormRequest, RefusesWhatTwoDecodersCouldReadDifferently) {
  auto refusal = [](std::deque<Field> fields) {
    auto request = read(OpenAiRoute::kImageEdits, std::move(fields)).request;
    return request ? "" : request.error().message;
  };
  EXPECT_EQ(refusal({{"model", "a"}, kImage, {"model", "b"}}), "duplicate member \"model\"");
  EXPECT_EQ(refusal({{"n", "1"}, {"n", "2"}, kImage}), "duplicate member \"n\"");
  EXPECT_EQ(refusal({{"Model", "a"}, {"MODEL", "b"}, kImage}), "duplicate member \"model\"");
  EXPECT_EQ(refusal({{"model", "", "", "m.txt"}, kImage}), "the field model must not be a file");
  EXPECT_EQ(refusal({{"model", "\xFF"}, kImage}), "model must be UTF-8");
  EXPECT_EQ(refusal({{"model", "a"}, {"made_up", "1"}, {"made_up", "2"}, kImage, kImage}), "")
      << "arrays are forms too";
}

TEST(FormRequest, SpellsGovernedNamesAsTheyAreAndDropsASecondSpelling) {
  auto [renamed, fields] = read(OpenAiRoute::kTranscriptions, {{"MODEL", "m"}, kFile});
  ASSERT_TRUE(renamed);
  EXPECT_EQ(renamed->model, "m");
  EXPECT_EQ(fields[0].name, "model");

  auto [removed, kept] = read(OpenAiRoute::kTranscriptions, {{"Model", "dear"}, {"model", "cheap"}, kFile});
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->model, "cheap");
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].text, "cheap");
}

// Random forms with repeated names in every spelling: what is billed is what the upstream reads, whatever its decoder.
TEST(FormRequest, BillsWhatEveryDecoderReads) {
  constexpr const char* kNames[] = {"model",       "Model", "MODEL",   "n",     "N",
                                    "\xC5\xBFize", "size",  "quality", "other", "prompt"};
  constexpr const char* kValues[] = {"cheap", "dear", "1", "2", "512x512"};
  std::minstd_rand random(11);
  int taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::deque<Field> form{kImage};
    for (auto count = random() % 6; count > 0; --count)
      form.push_back({kNames[random() % std::size(kNames)], kValues[random() % std::size(kValues)]});
    auto [request, fields] = read(OpenAiRoute::kImageEdits, form);
    if (!request || !request->broken_rule.empty()) continue;
    ++taken;
    auto check = [&](std::string_view name, const std::string& billed) {
      std::vector<std::string> exact, blind;
      for (const auto& field : fields) {
        auto lower = core::ascii_lower(field.name);
        if (lower == "\xC5\xBFize") lower = "size";  // the long s is an s to decoders that fold case
        if (field.name == name) exact.push_back(field.text);
        if (lower == name) blind.push_back(field.text);
      }
      EXPECT_LE(blind.size(), 1U) << name;
      EXPECT_EQ(exact, blind) << name;
      EXPECT_EQ(exact.empty() ? "" : exact.front(), billed) << name;
    };
    check("model", request->model);
    check("size", request->image->size);
    for (const auto& field : fields)
      if (field.name == "n") EXPECT_EQ(field.text, std::to_string(request->image->n));
  }
  EXPECT_GT(taken, 1000);
}

TEST(FormRequest, PassesTheTypesOfItsRouteAndNoOthers) {
  auto type = [](OpenAiRoute route, Field field) {
    return read(route, {{"model", "m"}, std::move(field)}).fields.at(1).type;
  };
  auto file = [](const char* declared, const char* name = "a.mp3") { return Field{"file", "", declared, name}; };
  EXPECT_EQ(type(OpenAiRoute::kTranscriptions, file("audio/webm;codecs=opus")), "audio/webm;codecs=opus");
  EXPECT_EQ(type(OpenAiRoute::kTranscriptions, file("video/mp4")), "video/mp4");
  EXPECT_EQ(type(OpenAiRoute::kTranscriptions, file("text/html")), "application/octet-stream");
  EXPECT_EQ(type(OpenAiRoute::kTranscriptions, file("")), "application/octet-stream");
  EXPECT_EQ(type(OpenAiRoute::kImageEdits, file("image/webp")), "image/webp");
  EXPECT_EQ(type(OpenAiRoute::kImageEdits, file("", "a.JPEG")), "image/jpeg");
  EXPECT_EQ(type(OpenAiRoute::kImageEdits, file("application/octet-stream", "a.webp")), "image/webp");
  EXPECT_EQ(type(OpenAiRoute::kImageEdits, file("text/html", "a")), "image/png");
  EXPECT_EQ(type(OpenAiRoute::kImageEdits, {"prompt", "x", "text/plain; charset=utf-8"}), "text/plain; charset=utf-8");
  EXPECT_EQ(type(OpenAiRoute::kImageEdits, {"prompt", "x", "text/html"}), "");
}
