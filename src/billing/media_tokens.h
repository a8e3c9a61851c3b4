// Tokens of files in a prompt: images by size and model, everything else flat.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace tollgate::billing {

enum class MediaKind { kImage, kAudio, kVideo, kFile };

struct MediaRules {
  bool measure = true;              // GET_MEDIA_TOKEN
  bool measure_not_stream = false;  // GET_MEDIA_TOKEN_NOT_STREAM
};

// The figure where the file's content does not matter; nullopt: an image that has to be measured, use image_tokens().
std::optional<std::int64_t> flat_media_tokens(std::string_view model, MediaKind kind, std::string_view detail,
                                              bool stream, const MediaRules& rules);

// An image of this size (pixels, both above 0) on a model that counts image tiles or patches.
std::int64_t image_tokens(std::string_view model, std::int64_t width, std::int64_t height, std::string_view detail);

// Audio that cannot be measured: a token for a thousand bytes begun.
std::int64_t audio_tokens_by_size(std::int64_t bytes);

}  // namespace tollgate::billing
