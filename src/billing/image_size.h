// The size of an image, and the kind of a file, from its first bytes: GIF, JPEG, PNG, WebP; nothing is decoded.
#pragma once
#include <cstdint>
#include <string_view>

#include "billing/media_tokens.h"

namespace tollgate::billing {

struct ImageSize {
  enum class State {
    kKnown,
    kMore,  // the beginning of an image, but the size stands further on
    kNone,  // no image that can be read
  };
  State state = State::kNone;
  std::int64_t width = 0;  // pixels, above 0 when known
  std::int64_t height = 0;
};

// `bytes` are the first ones of the file, as many as are there.
ImageSize read_image_size(std::string_view bytes);

// By the first bytes; where they say nothing, by a content type.
MediaKind kind_of_file(std::string_view bytes, std::string_view content_type);

}  // namespace tollgate::billing
