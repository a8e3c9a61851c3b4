#include "billing/usage.h"

#include <algorithm>

namespace tollgate::billing {

namespace {

// Takes up to `wanted` out of what is left of a total.
std::int64_t take(std::int64_t& left, std::int64_t wanted) {
  const std::int64_t taken = std::clamp<std::int64_t>(wanted, 0, left);
  left -= taken;
  return taken;
}

}  // namespace

Kinds split_kinds(const Usage& usage) {
  Kinds kinds;
  std::int64_t left = std::max<std::int64_t>(usage.prompt_tokens, 0);
  // Written tokens without a stated lifetime live five minutes, which is what providers do by default.
  const std::int64_t unstated = std::max<std::int64_t>(
      usage.cache_creation_tokens - usage.cache_creation_5m_tokens - usage.cache_creation_1h_tokens, 0);
  kinds.cache_read = take(left, usage.cached_tokens);
  kinds.cache_write_5m = take(left, usage.cache_creation_5m_tokens + unstated);
  kinds.cache_write_1h = take(left, usage.cache_creation_1h_tokens);
  kinds.audio_input = take(left, usage.prompt_audio_tokens);
  kinds.image_input = take(left, usage.prompt_image_tokens);
  kinds.input = left;

  left = std::max<std::int64_t>(usage.completion_tokens, 0);
  kinds.reasoning = take(left, usage.reasoning_tokens);
  kinds.audio_output = take(left, usage.completion_audio_tokens);
  kinds.image_output = take(left, usage.completion_image_tokens);
  kinds.output = left;
  return kinds;
}

}  // namespace tollgate::billing
