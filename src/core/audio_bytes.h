// For the readers of audio files: a file or memory, read at any place through a small window.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace tollgate::core {

// Reads past the end give nothing; numbers that are not whole in the bytes are nullopt.
class AudioBytes {
 public:
  explicit AudioBytes(std::string_view bytes) : memory_(bytes), size_(bytes.size()) {}
  explicit AudioBytes(int descriptor);

  std::uint64_t size() const { return size_; }
  // Up to `count` bytes (kWindow at most); the view lives until the next call.
  std::string_view at(std::uint64_t offset, std::size_t count);
  bool starts_with(std::uint64_t offset, std::string_view text) { return at(offset, text.size()) == text; }
  std::optional<std::uint64_t> big(std::uint64_t offset, std::size_t bytes);
  std::optional<std::uint64_t> little(std::uint64_t offset, std::size_t bytes);

  // It was looked at more often than any honest file needs: what was found so far is worth nothing.
  bool worn_out() const { return looks_ == 0; }

  static constexpr std::size_t kWindow = 16 * 1024;

 private:
  std::string_view memory_;
  std::uint64_t size_ = 0;
  std::uint64_t looks_ = 60'000'000;  // half a second or so
  int descriptor_ = -1;
  std::unique_ptr<char[]> window_;
  std::uint64_t window_begin_ = 0;
  std::size_t window_size_ = 0;
};

// One function a container, each in seconds; nullopt or zero: nothing to measure.
std::optional<double> wav_seconds(AudioBytes& file);   // RIFF, RF64
std::optional<double> aiff_seconds(AudioBytes& file);  // AIFF, AIFF-C
std::optional<double> flac_seconds(AudioBytes& file, std::uint64_t begin);
std::optional<double> ogg_seconds(AudioBytes& file);  // RFC 3533: Opus, Vorbis, FLAC, Speex
// MPEG audio layers I to III, ADTS.
std::optional<double> frame_seconds(AudioBytes& file, std::uint64_t begin);
std::optional<double> mp4_seconds(AudioBytes& file);   // ISO/IEC 14496-12, whole or in fragments
std::optional<double> webm_seconds(AudioBytes& file);  // Matroska, also without its total

}  // namespace tollgate::core
