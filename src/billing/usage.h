// Token counts of one answer: as a provider reported them, and split into the disjoint kinds that prices apply to.
#pragma once
#include <cstdint>

namespace tollgate::billing {

// What an OpenAI-style `usage` object says, members that were absent as 0. Cached, audio and image tokens are included
// in prompt_tokens, reasoning and audio in completion_tokens (OpenAI convention). Never negative: readers clamp.
struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t total_tokens = 0;

  std::int64_t cached_tokens = 0;             // prompt_tokens_details.cached_tokens, or prompt_cache_hit_tokens
  std::int64_t cache_creation_tokens = 0;     // all cache writes
  std::int64_t cache_creation_5m_tokens = 0;  // of those, five minutes
  std::int64_t cache_creation_1h_tokens = 0;  // of those, one hour
  std::int64_t prompt_text_tokens = 0;
  std::int64_t prompt_audio_tokens = 0;
  std::int64_t prompt_image_tokens = 0;
  std::int64_t completion_text_tokens = 0;
  std::int64_t completion_audio_tokens = 0;
  std::int64_t completion_image_tokens = 0;
  std::int64_t reasoning_tokens = 0;

  friend bool operator==(const Usage&, const Usage&) = default;

  // Whether the provider gave figures that a bill can rest on.
  bool usable() const { return prompt_tokens != 0 || completion_tokens != 0; }
};

// The same counts as disjoint, non-negative kinds; their sum is what the provider reported as prompt + completion.
struct Kinds {
  std::int64_t input = 0;  // plain text input, and whatever a total without a split holds
  std::int64_t cache_read = 0;
  std::int64_t cache_write_5m = 0;
  std::int64_t cache_write_1h = 0;
  std::int64_t audio_input = 0;
  std::int64_t image_input = 0;
  std::int64_t output = 0;
  std::int64_t reasoning = 0;
  std::int64_t audio_output = 0;
  std::int64_t image_output = 0;

  friend bool operator==(const Kinds&, const Kinds&) = default;
  std::int64_t sum() const {
    return input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + output + reasoning +
           audio_output + image_output;
  }
};

// Splits by OpenAI convention. Details that exceed their total are cut down in the order of the members of Kinds, so
// that no kind is negative and the sum is exact.
Kinds split_kinds(const Usage& usage);

}  // namespace tollgate::billing
