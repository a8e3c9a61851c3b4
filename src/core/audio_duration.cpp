#include "core/audio_duration.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/ascii.h"
#include "core/audio_bytes.h"

namespace tollgate::core {
namespace {

constexpr std::string_view kExtensions[] = {"mp3",  "wav",  "flac", "m4a",  "mp4",  "ogg", "oga",
                                            "opus", "aiff", "aif",  "aifc", "webm", "aac"};
// Longer than any recording that could be sent: a header that says more lies.
constexpr double kMostSeconds = 1e7;

// Behind the ID3 tags that may stand before a FLAC stream as well as before frames.
std::uint64_t behind_tags(AudioBytes& file) {
  std::uint64_t begin = 0;
  while (file.starts_with(begin, "ID3")) {
    auto size = file.big(begin + 6, 4);
    if (!size) break;
    // Four times seven bits.
    auto bytes = (*size & 0x7F) | (*size >> 1 & 0x3F80) | (*size >> 2 & 0x1FC000) | (*size >> 3 & 0xFE00000);
    begin += 10 + bytes;
  }
  return begin;
}

std::optional<double> measure(AudioBytes& file) {
  if (file.starts_with(0, "RIFF") || file.starts_with(0, "RF64") || file.starts_with(0, "BW64"))
    return wav_seconds(file);
  if (file.starts_with(0, "FORM")) return aiff_seconds(file);
  if (file.starts_with(0, "OggS")) return ogg_seconds(file);
  if (file.starts_with(4, "ftyp")) return mp4_seconds(file);
  if (file.starts_with(0, "\x1A\x45\xDF\xA3")) return webm_seconds(file);
  auto begin = behind_tags(file);
  if (file.starts_with(begin, "fLaC")) return flac_seconds(file, begin);
  return frame_seconds(file, begin);
}

Result<double> duration(std::string_view extension, AudioBytes file) {
  if (extension.starts_with('.')) extension.remove_prefix(1);
  auto name = ascii_lower(extension);
  if (std::ranges::find(kExtensions, name) == std::end(kExtensions))
    return error(Errc::kUnsupported, "unsupported audio format: " + (name.empty() ? name : "." + name));
  auto seconds = measure(file);
  if (file.worn_out() || !seconds || !(*seconds > 0) || *seconds > kMostSeconds)
    return error(Errc::kInvalid, "the file's audio cannot be read");
  return *seconds;
}

}  // namespace

AudioBytes::AudioBytes(int descriptor) : descriptor_(descriptor), window_(new char[kWindow]) {
  struct stat status{};
  if (::fstat(descriptor, &status) == 0 && status.st_size > 0) size_ = static_cast<std::uint64_t>(status.st_size);
}

std::string_view AudioBytes::at(std::uint64_t offset, std::size_t count) {
  if (offset >= size_ || looks_ == 0) return {};
  if (--looks_ == 0) size_ = 0;  // so that every loop over the file ends
  count = static_cast<std::size_t>(std::min<std::uint64_t>({count, size_ - offset, kWindow}));
  if (descriptor_ < 0) return memory_.substr(static_cast<std::size_t>(offset), count);
  if (offset < window_begin_ || offset + count > window_begin_ + window_size_) {
    auto got = ::pread(descriptor_, window_.get(), kWindow, static_cast<off_t>(offset));
    window_begin_ = offset;
    window_size_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    count = std::min(count, window_size_);
  }
  return {window_.get() + (offset - window_begin_), count};
}

std::optional<std::uint64_t> AudioBytes::big(std::uint64_t offset, std::size_t bytes) {
  auto text = at(offset, bytes);
  if (text.size() < bytes) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

std::optional<std::uint64_t> AudioBytes::little(std::uint64_t offset, std::size_t bytes) {
  auto text = at(offset, bytes);
  if (text.size() < bytes) return std::nullopt;
  std::uint64_t value = 0;
  for (auto i = bytes; i-- > 0;) value = value << 8U | static_cast<unsigned char>(text[i]);
  return value;
}

Result<double> audio_duration(std::string_view extension, std::string_view bytes) {
  return duration(extension, AudioBytes(bytes));
}

Result<double> audio_duration(std::string_view extension, int descriptor) {
  return duration(extension, AudioBytes(descriptor));
}

std::int64_t audio_tokens(double seconds) {
  // In whole seconds, so that no binary fraction of a minute decides the rounding.
  auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  return (whole * 1000 + 30) / 60;
}

}  // namespace tollgate::core
