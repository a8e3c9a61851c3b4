#include "billing/image_size.h"

namespace tollgate::billing {
namespace {

using State = ImageSize::State;

std::int64_t byte(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }
std::int64_t big(std::string_view bytes, std::size_t at, int count) {
  std::int64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | byte(bytes, at + static_cast<std::size_t>(i));
  return value;
}
std::int64_t little(std::string_view bytes, std::size_t at, int count) {
  std::int64_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | byte(bytes, at + static_cast<std::size_t>(i));
  return value;
}

ImageSize known(std::int64_t width, std::int64_t height) {
  if (width <= 0 || height <= 0) return {};
  return {State::kKnown, width, height};
}

// ITU-T T.81, B.2: segments up to the frame header.
ImageSize jpeg(std::string_view bytes) {
  std::size_t at = 2;
  for (;;) {
    if (at + 4 > bytes.size()) return {State::kMore};
    if (byte(bytes, at) != 0xFF) return {};
    const auto marker = byte(bytes, at + 1);
    if (marker == 0xFF) {  // fill
      ++at;
      continue;
    }
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) {  // without a length
      at += 2;
      continue;
    }
    if (marker == 0xD9 || marker == 0xDA) return {};  // the end, or the scan, without a frame
    const auto length = big(bytes, at + 2, 2);
    if (length < 2) return {};
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) {
      if (length < 8) return {};
      if (at + 9 > bytes.size()) return {State::kMore};
      return known(big(bytes, at + 7, 2), big(bytes, at + 5, 2));
    }
    at += 2 + static_cast<std::size_t>(length);
  }
}

// RFC 9649: a lossy, a lossless or an extended chunk comes first.
ImageSize webp(std::string_view bytes) {
  if (bytes.size() < 30) return {State::kMore};
  const auto chunk = bytes.substr(12, 4);
  if (chunk == "VP8X") return known(little(bytes, 24, 3) + 1, little(bytes, 27, 3) + 1);
  if (chunk == "VP8L") {
    if (byte(bytes, 20) != 0x2F) return {};
    const auto bits = little(bytes, 21, 4);
    return known((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
  }
  if (chunk == "VP8 " && bytes.substr(23, 3) == "\x9D\x01\x2A")
    return known(little(bytes, 26, 2) & 0x3FFF, little(bytes, 28, 2) & 0x3FFF);
  return {};
}

constexpr std::string_view kPng = "\x89PNG\r\n\x1A\n";

bool is_webp(std::string_view bytes) {
  return bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP";
}

}  // namespace

ImageSize read_image_size(std::string_view bytes) {
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a"))
    return bytes.size() < 10 ? ImageSize{State::kMore} : known(little(bytes, 6, 2), little(bytes, 8, 2));
  if (bytes.starts_with(kPng)) {
    if (bytes.size() < 24) return {State::kMore};
    return bytes.substr(12, 4) == "IHDR" ? known(big(bytes, 16, 4), big(bytes, 20, 4)) : ImageSize{};
  }
  if (bytes.starts_with("\xFF\xD8")) return jpeg(bytes);
  if (is_webp(bytes)) return webp(bytes);
  return bytes.size() < 12 ? ImageSize{State::kMore} : ImageSize{};
}

MediaKind kind_of_file(std::string_view bytes, std::string_view content_type) {
  const auto starts = [&](std::string_view text) { return bytes.starts_with(text); };
  const auto inside = [&](std::size_t at, std::string_view text) {
    return bytes.size() >= at + text.size() && bytes.substr(at, text.size()) == text;
  };
  if (starts("GIF8") || starts(kPng) || starts("\xFF\xD8\xFF") || is_webp(bytes)) return MediaKind::kImage;
  if (starts("ID3") || starts("\xFF\xFB") || starts("OggS") || starts("fLaC") ||
      (starts("RIFF") && inside(8, "WAVE")) || inside(4, "ftypM4A"))
    return MediaKind::kAudio;
  if (inside(4, "ftypavif") || inside(4, "ftyphei")) return MediaKind::kImage;
  if (inside(4, "ftyp") || starts("\x1A\x45\xDF\xA3") || (starts("RIFF") && inside(8, "AVI ")))
    return MediaKind::kVideo;
  if (starts("%PDF")) return MediaKind::kFile;
  if (content_type.starts_with("image/")) return MediaKind::kImage;
  if (content_type.starts_with("audio/")) return MediaKind::kAudio;
  if (content_type.starts_with("video/")) return MediaKind::kVideo;
  return MediaKind::kFile;
}

}  // namespace tollgate::billing
