// Lengths of recordings: no input takes the reader out of its bytes or round for ever, and what it says is a length.
// Input: a byte that chooses the extension, the file.
#include "core/audio_duration.h"

#include <cmath>

#include "fuzz/fuzz.h"

using namespace tollgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kExtensions[] = {"mp3", ".M4A", "webm", "", "txt"};
  if (size == 0) return 0;
  auto bytes = fuzz::text(data + 1, size - 1);
  auto seconds = core::audio_duration(kExtensions[data[0] % 5], bytes);
  if (!seconds) {
    FUZZ_CHECK(!seconds.error().message.empty());
    return 0;
  }
  FUZZ_CHECK(data[0] % 5 < 3);
  FUZZ_CHECK(std::isfinite(*seconds) && *seconds > 0 && *seconds <= 1e7);
  FUZZ_CHECK(core::audio_tokens(*seconds) > 0);
  return 0;
}
