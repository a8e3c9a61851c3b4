// Streams of frames without a container: MPEG audio (ISO/IEC 11172-3, 13818-3) and ADTS (ISO/IEC 13818-7). The frames
// are walked, because the header of the first knows neither how many there are nor that all are alike.
#include <algorithm>
#include <cstddef>

#include "core/audio_bytes.h"

namespace tollgate::core {
namespace {

struct Frame {
  std::uint64_t bytes = 0;
  std::uint64_t samples = 0;
  std::uint64_t rate = 0;
  unsigned kind = 0;       // version and layer: what stays the same within a stream
  std::uint64_t info = 0;  // offset of a Xing or Info mark inside the frame, if it has one
};

constexpr std::uint64_t kKbits[5][15] = {
    {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},  // version 1, layer I
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},     // version 1, layer II
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},      // version 1, layer III
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},     // versions 2 and 2.5, layer I
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},          // layers II and III
};
constexpr std::uint64_t kRates[3] = {44'100, 48'000, 32'000};
constexpr std::uint64_t kAdtsRates[13] = {96'000, 88'200, 64'000, 48'000, 44'100, 32'000, 24'000,
                                          22'050, 16'000, 12'000, 11'025, 8'000,  7'350};

std::optional<Frame> adts_frame(AudioBytes& file, std::uint64_t at, std::uint64_t head) {
  auto tail = file.big(at + 4, 3);
  auto index = head >> 10U & 15U;
  if (!tail || index >= std::size(kAdtsRates)) return std::nullopt;
  Frame frame;
  frame.rate = kAdtsRates[index];
  frame.bytes = (head & 3U) << 11U | *tail >> 13U;
  frame.samples = 1024 * ((*tail & 3U) + 1);
  frame.kind = 0x100;
  if (frame.bytes < 7) return std::nullopt;
  return frame;
}

std::optional<Frame> frame_at(AudioBytes& file, std::uint64_t at) {
  auto read = file.big(at, 4);
  if (!read) return std::nullopt;
  const auto head = *read;
  if (head >> 21U != 0x7FF) return std::nullopt;
  const auto version = head >> 19U & 3U;  // 3: 1, 2: 2, 0: 2.5
  const auto layer = 4 - (head >> 17U & 3U);
  if (layer == 4) return (head >> 20U & 1U) != 0 ? adts_frame(file, at, head) : std::nullopt;
  const auto rate = head >> 10U & 3U;
  const auto bitrate = head >> 12U & 15U;
  if (version == 1 || rate == 3 || bitrate == 0 || bitrate == 15) return std::nullopt;
  const bool first = version == 3;
  const auto bits = 1000 * kKbits[first ? layer - 1 : layer == 1 ? 3 : 4][bitrate];
  const auto padding = head >> 9U & 1U;
  Frame frame;
  frame.rate = kRates[rate] >> (first ? 0U : version == 2 ? 1U : 2U);
  frame.samples = layer == 1 ? 384 : layer == 2 || first ? 1152 : 576;
  frame.bytes = layer == 1 ? (12 * bits / frame.rate + padding) * 4 : frame.samples / 8 * bits / frame.rate + padding;
  frame.kind = static_cast<unsigned>(version << 2U | layer);
  const bool mono = (head >> 6U & 3U) == 3;
  frame.info = 4 + (first ? (mono ? 17 : 32) : (mono ? 9 : 17));
  return frame;
}

// Holds what the whole stream is like, and no audio (the first frame of files with one).
bool is_table(AudioBytes& file, std::uint64_t at, const Frame& frame) {
  return file.starts_with(at + frame.info, "Xing") || file.starts_with(at + frame.info, "Info") ||
         file.starts_with(at + 36, "VBRI");
}

// A frame whose end is the beginning of another of its kind, or the end of the file.
std::optional<Frame> sure_frame(AudioBytes& file, std::uint64_t at) {
  auto frame = frame_at(file, at);
  if (!frame) return std::nullopt;
  if (at + frame->bytes == file.size()) return frame;
  auto next = frame_at(file, at + frame->bytes);
  return next && next->kind == frame->kind && next->rate == frame->rate ? frame : std::nullopt;
}

}  // namespace

std::optional<double> frame_seconds(AudioBytes& file, std::uint64_t begin) {
  double seconds = 0;
  bool in_step = false;
  bool any = false;
  for (std::uint64_t at = begin; at < file.size();) {
    auto frame = in_step ? frame_at(file, at) : sure_frame(file, at);
    if (frame) {
      if (any || !is_table(file, at, *frame))
        seconds += static_cast<double>(frame->samples) / static_cast<double>(frame->rate);
      any = in_step = true;
      at += frame->bytes;
      continue;
    }
    in_step = false;
    // A tag, or damage: on to the next byte that could begin a frame.
    auto window = file.at(at + 1, AudioBytes::kWindow);
    at += 1 + std::min(window.find('\xFF'), window.size());
  }
  return seconds;
}

}  // namespace tollgate::core
