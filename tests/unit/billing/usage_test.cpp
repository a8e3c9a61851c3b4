#include "billing/usage.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "unit/billing/usage_json.h"

namespace tollgate::billing {
namespace {

void expect_sound(const Usage& usage) {
  const Kinds kinds = split_kinds(usage);
  for (const std::int64_t tokens :
       {kinds.input, kinds.cache_read, kinds.cache_write_5m, kinds.cache_write_1h, kinds.audio_input, kinds.image_input,
        kinds.output, kinds.reasoning, kinds.audio_output, kinds.image_output}) {
    ASSERT_GE(tokens, 0);
  }
  ASSERT_EQ(kinds.sum(), usage.prompt_tokens + usage.completion_tokens);
}

TEST(Usage, B6_IsSplitIntoDisjointKinds) {
  const Usage usage{.prompt_tokens = 1000,
                    .completion_tokens = 500,
                    .cached_tokens = 200,
                    .cache_creation_tokens = 100,
                    .cache_creation_1h_tokens = 30,
                    .prompt_audio_tokens = 50,
                    .prompt_image_tokens = 60,
                    .completion_audio_tokens = 70,
                    .reasoning_tokens = 80};
  const Kinds expected{.input = 590,
                       .cache_read = 200,
                       .cache_write_5m = 70,
                       .cache_write_1h = 30,
                       .audio_input = 50,
                       .image_input = 60,
                       .output = 350,
                       .reasoning = 80,
                       .audio_output = 70};
  EXPECT_EQ(split_kinds(usage), expected);
}

TEST(Usage, B6_ATotalWithoutASplitIsPlainInputAndOutput) {
  const Kinds kinds = split_kinds({.prompt_tokens = 7, .completion_tokens = 5, .total_tokens = 12});
  EXPECT_EQ(kinds, (Kinds{.input = 7, .output = 5}));
}

TEST(Usage, B6_DetailsBeyondTheirTotalAreCutDown) {
  const Kinds kinds = split_kinds({.prompt_tokens = 10,
                                   .completion_tokens = 4,
                                   .cached_tokens = 8,
                                   .prompt_audio_tokens = 8,
                                   .prompt_image_tokens = 8,
                                   .reasoning_tokens = 9});
  EXPECT_EQ(kinds, (Kinds{.cache_read = 8, .audio_input = 2, .reasoning = 4}));
}

TEST(Usage, B6_TheSumOfKindsIsWhatWasReportedForRandomUsages) {
  core::FastRandom random(6);
  for (int i = 0; i < 20'000; ++i) {
    const auto any = [&] { return static_cast<std::int64_t>(random.below(3) == 0 ? 0 : random.below(1000)); };
    expect_sound({any(), any(), any(), any(), any(), any(), any(), any(), any(), any(), any(), any(), any(), any()});
  }
}

TEST(Usage, B6_TheSumOfKindsIsWhatWasReportedInRecordedAnswers) {
  const auto folder = test::recordings();
  if (!folder) GTEST_SKIP() << "no recorded provider answers here (WIRE_CORPUS): left out";
  int answers = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder)) {
    const std::string path = std::filesystem::relative(entry.path(), *folder).string();
    if (!entry.is_regular_file()) continue;
    const char* format = path.find("/responses/") != path.npos ? "responses"
                         : path.starts_with("anthropic/")      ? "anthropic"
                         : path.starts_with("openai/") || path.starts_with("deepseek/") ||
                                 path.starts_with("mistral/") || path.starts_with("xai/")
                             ? "openai"
                             : nullptr;
    if (format == nullptr) continue;
    auto usage = test::read_recorded_usage(entry.path(), format);
    if (!usage) continue;
    // Inside, the prompt holds the cached tokens, whatever the provider's convention.
    if (std::string_view(format) == "anthropic")
      usage->prompt_tokens += usage->cached_tokens + usage->cache_creation_tokens;
    SCOPED_TRACE(path);
    expect_sound(*usage);
    ++answers;
  }
  EXPECT_GT(answers, 20);
}

}  // namespace
}  // namespace tollgate::billing
