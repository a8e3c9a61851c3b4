// Requests and answers of the routes besides chat: moderations, pictures, speech, rerank.
#include <gtest/gtest.h>

#include "dialect/openai_answer.h"
#include "dialect/openai_request.h"

namespace tollgate::dialect {
namespace {

std::string_view padded(std::string text) {
  static std::string kept;
  kept = std::move(text);
  auto size = kept.size();
  kept.append(64, '\0');
  return {kept.data(), size};
}

OpenAiRequest read(OpenAiRoute route, std::string text) {
  auto request = read_openai_request(route, padded(std::move(text)));
  EXPECT_TRUE(request) << (request ? "" : request.error().message);
  return request ? *request : OpenAiRequest{};
}

std::string rule(OpenAiRoute route, std::string text) { return read(route, std::move(text)).broken_rule; }

// The texts of a prompt, one a line, and the tokens on top.
std::string prompt(OpenAiRoute route, std::string body) {
  std::string out;
  auto parts = visit_prompt(route, padded(std::move(body)), [&](std::string_view text) {
    out += text;
    out += '|';
  });
  return out + std::to_string(parts.extra_tokens);
}

OpenAiAnswer answer(OpenAiRoute route, std::string text) { return read_openai_answer(route, padded(std::move(text))); }

}  // namespace

TEST(ImageRequest, FillsInWhatTheProviderTakes) {
  struct Case {
    const char* body;
    const char* size;
    const char* quality;
    std::int64_t n;
  };
  const Case cases[] = {
      {R"({"model":"dall-e-2","prompt":"x"})", "1024x1024", "", 1},
      {R"({"model":"dall-e","prompt":"x","size":"256x256","n":3})", "256x256", "", 3},
      {R"({"model":"dall-e-3","prompt":"x"})", "1024x1024", "standard", 1},
      {R"({"model":"dall-e-3","prompt":"x","size":"1792x1024","quality":"hd","n":0})", "1792x1024", "hd", 1},
      {R"({"model":"gpt-image-1","prompt":"x"})", "", "auto", 1},
      {R"({"model":"gpt-image-1","prompt":"x","size":"1536x1024","quality":"high","n":2})", "1536x1024", "high", 2},
      {R"({"model":"flux","prompt":"x","size":null,"n":null})", "", "", 1},
  };
  for (const auto& c : cases) {
    auto request = read(OpenAiRoute::kImages, c.body);
    EXPECT_EQ(request.broken_rule, "") << c.body;
    ASSERT_TRUE(request.image) << c.body;
    EXPECT_EQ(request.image->size, c.size) << c.body;
    EXPECT_EQ(request.image->quality, c.quality) << c.body;
    EXPECT_EQ(request.image->n, c.n) << c.body;
    EXPECT_EQ(request.choices, c.n) << c.body;
    EXPECT_EQ(request.max_output_tokens, 1584) << c.body;
    EXPECT_FALSE(request.stream) << c.body;
  }
  EXPECT_TRUE(read(OpenAiRoute::kImages, R"({"model":"gpt-image-1","stream":true,"partial_images":2})").stream);
}

TEST(ImageRequest, NamesTheBrokenRule) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"prompt":"x"})", "model is required"},
      {R"({"prompt":"x","n":"1"})", "model is required"},
      {R"({"model":"flux","size":"1024×1024"})",
       "size an unexpected error occurred in the parameter, please use 'x' instead of the multiplication sign '×'"},
      {R"({"model":"dall-e-2","size":"1792x1024"})",
       "size must be one of 256x256, 512x512, or 1024x1024 for dall-e-2 or dall-e"},
      {R"({"model":"dall-e-3","size":"512x512"})",
       "size must be one of 1024x1024, 1024x1792 or 1792x1024 for dall-e-3"},
      {R"({"model":"gpt-image-1","n":"2"})", "n must be an integer"},
      {R"({"model":"gpt-image-1","n":1.5})", "n must be an integer"},
      {R"({"model":"gpt-image-1","n":-1})", "n is invalid"},
      {R"({"model":"gpt-image-1","n":1000})", "n is invalid"},
      {R"({"model":"gpt-image-1","size":1024})", "size must be a string"},
      {R"({"model":"gpt-image-1","stream":"yes"})", "stream must be a boolean"},
  };
  for (const auto& [body, text] : cases) EXPECT_EQ(rule(OpenAiRoute::kImages, body), text) << body;
}

TEST(SpeechRequest, KnowsFormatAndStream) {
  auto request = read(OpenAiRoute::kSpeech, R"({"model":"tts-1","input":"hi","voice":"alloy"})");
  EXPECT_EQ(request.audio_format, "mp3");
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(request.max_output_tokens, 0);
  request = read(OpenAiRoute::kSpeech,
                 R"({"model":"gpt-4o-mini-tts","input":"hi","response_format":"pcm","stream_format":"sse"})");
  EXPECT_EQ(request.audio_format, "pcm");
  EXPECT_TRUE(request.stream);
  EXPECT_FALSE(read(OpenAiRoute::kSpeech, R"({"model":"tts-1","stream_format":"audio","stream":true})").stream);
  EXPECT_EQ(rule(OpenAiRoute::kSpeech, R"({"input":"hi"})"), "model is required");
  EXPECT_EQ(rule(OpenAiRoute::kSpeech, R"({"model":"tts-1","response_format":"pcm","response_format":"mp3"})"),
            "duplicate member \"response_format\"");
}

TEST(RerankRequest, WantsAQueryAndDocuments) {
  EXPECT_EQ(rule(OpenAiRoute::kRerank, R"({"model":"r","query":"q","documents":["a",{"text":"b"}],"top_n":1})"), "");
  EXPECT_EQ(rule(OpenAiRoute::kRerank, R"({"model":"r","documents":["a"]})"), "query is empty");
  EXPECT_EQ(rule(OpenAiRoute::kRerank, R"({"model":"r","query":"","documents":["a"]})"), "query is empty");
  EXPECT_EQ(rule(OpenAiRoute::kRerank, R"({"model":"r","query":"q"})"), "documents is empty");
  EXPECT_EQ(rule(OpenAiRoute::kRerank, R"({"model":"r","query":"q","documents":[]})"), "documents is empty");
  EXPECT_EQ(rule(OpenAiRoute::kRerank, R"({"model":"r","query":"q","documents":"a"})"), "documents must be an array");
}

TEST(ModerationRequest, WantsAnInput) {
  EXPECT_EQ(rule(OpenAiRoute::kModerations, R"({"input":"x"})"), "");
  EXPECT_EQ(rule(OpenAiRoute::kModerations, R"({"input":[{"type":"text","text":"x"}]})"), "");
  EXPECT_EQ(rule(OpenAiRoute::kModerations, R"({"model":"m"})"), "field input is required");
  EXPECT_EQ(rule(OpenAiRoute::kModerations, R"({"model":"m","input":""})"), "field input is required");
  EXPECT_EQ(rule(OpenAiRoute::kModerations, R"({"model":"m","input":null})"), "field input is required");
}

TEST(MediaPrompt, CountsWhatTheRouteCounts) {
  EXPECT_EQ(prompt(OpenAiRoute::kImages, R"({"prompt":"a cube","input":"no"})"), "a cube|0");
  EXPECT_EQ(prompt(OpenAiRoute::kSpeech, R"({"input":"hello","instructions":"calm"})"), "hello|0");
  EXPECT_EQ(prompt(OpenAiRoute::kRerank, R"({"query":"q","documents":["a",{"text":"b","id":2}]})"),
            "a|map[id:2 text:b]|q|0");
  EXPECT_EQ(prompt(OpenAiRoute::kModerations, R"({"input":["a","b"]})"), "a|b|3");
}

TEST(MediaAnswer, TellsWholeEmptyAndErrorApart) {
  struct Case {
    OpenAiRoute route;
    const char* body;
    bool empty;
  };
  const Case cases[] = {
      {OpenAiRoute::kImages, R"({"created":1,"data":[{"b64_json":"AA"}]})", false},
      {OpenAiRoute::kImages, R"({"created":1,"data":[]})", true},
      {OpenAiRoute::kImages, R"({"created":1})", true},
      {OpenAiRoute::kModerations, R"({"id":"m","results":[{"flagged":false}]})", false},
      {OpenAiRoute::kModerations, R"({"id":"m","results":[]})", true},
      {OpenAiRoute::kRerank, R"({"results":[{"index":0}]})", false},
      {OpenAiRoute::kRerank, R"({"results":[]})", false},
      {OpenAiRoute::kRerank, R"({"data":[{"index":0}]})", false},
      {OpenAiRoute::kRerank, R"({"model":"r"})", true},
      {OpenAiRoute::kSpeech, R"({})", true},
      {OpenAiRoute::kSpeech, R"({"audio":"AA"})", false},
  };
  for (const auto& c : cases) {
    auto read = answer(c.route, c.body);
    EXPECT_TRUE(read.valid) << c.body;
    EXPECT_EQ(read.is_empty, c.empty) << c.body;
    EXPECT_FALSE(read.is_error) << c.body;
  }
  EXPECT_TRUE(answer(OpenAiRoute::kImages, R"({"error":{"type":"moderation_blocked","message":"no"}})").is_error);
}

TEST(MediaAnswer, B6_ReadsTheUsageOfEachRoute) {
  auto image = answer(OpenAiRoute::kImages,
                      R"({"data":[{}],"usage":{"input_tokens":50,"output_tokens":4160,"total_tokens":4210,
                          "input_tokens_details":{"text_tokens":10,"image_tokens":40}}})");
  ASSERT_TRUE(image.usage);
  EXPECT_EQ(image.usage->prompt_tokens, 50);
  EXPECT_EQ(image.usage->completion_tokens, 4160);
  EXPECT_EQ(image.usage->prompt_image_tokens, 40);

  auto prompt_of = [](const char* body) {
    auto read = answer(OpenAiRoute::kRerank, body);
    return read.usage ? read.usage->prompt_tokens * 1000 + read.usage->completion_tokens : -1;
  };
  EXPECT_EQ(prompt_of(R"({"results":[],"usage":{"total_tokens":17}})"), 17'000);
  EXPECT_EQ(prompt_of(R"({"results":[],"usage":{"total_tokens":17,"prompt_tokens":17}})"), 17'000);
  EXPECT_EQ(prompt_of(R"({"results":[],"meta":{"tokens":{"input_tokens":9,"output_tokens":2}}})"), 9'002);
  EXPECT_EQ(prompt_of(R"({"results":[],"meta":{"billed_units":{"search_units":1}}})"), -1);
  EXPECT_TRUE(answer(OpenAiRoute::kRerank, R"({"results":[],"usage":{"total_tokens":-1}})").usage_refused);
}

}  // namespace tollgate::dialect
