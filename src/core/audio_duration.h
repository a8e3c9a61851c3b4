// How long a recording plays, read from the structure of its file: nothing is decoded.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace tollgate::core {

// Seconds. `extension` with or without its dot, in any case: mp3, wav, flac, m4a, mp4, ogg, oga, opus, aiff, aif, aifc,
// webm or aac; others are kUnsupported. It only says that the format is taken: what the bytes are decides how they are
// read. kInvalid: nothing that can be measured is in them. Takes up to a second for 100 MB and a few KiB of memory: not
// for network workers.
Result<double> audio_duration(std::string_view extension, std::string_view bytes);
// Of an open file, read by position from its start.
Result<double> audio_duration(std::string_view extension, int descriptor);

// 1,000 tokens a minute, seconds begun count whole.
std::int64_t audio_tokens(double seconds);

}  // namespace tollgate::core
