// Containers that count samples or bytes: WAV, AIFF, FLAC, Ogg.
#include <algorithm>
#include <cmath>

#include "core/audio_bytes.h"

namespace tollgate::core {

std::optional<double> wav_seconds(AudioBytes& file) {
  std::uint64_t bytes_a_second = 0;
  for (std::uint64_t at = 12; at + 8 <= file.size();) {
    auto size = file.little(at + 4, 4).value_or(0);
    const auto begin = at + 8;
    if (file.starts_with(at, "fmt ")) {
      auto format = file.little(begin, 2).value_or(0);
      auto channels = file.little(begin + 2, 2).value_or(0);
      auto rate = file.little(begin + 4, 4).value_or(0);
      auto bits = file.little(begin + 14, 2).value_or(0);
      if (format == 0xFFFE) format = file.little(begin + 24, 2).value_or(0);
      // Of samples of one size, the stated rate of bytes is nothing that a player looks at.
      bool plain = format == 1 || format == 3 || format == 6 || format == 7;
      bytes_a_second = plain ? rate * channels * ((bits + 7) / 8) : file.little(begin + 8, 4).value_or(0);
    } else if (file.starts_with(at, "data")) {
      // Written while it was not known, or longer than 32 bits can say: what is there.
      auto rest = file.size() - begin;
      if (size == 0 || size > rest) size = rest;
      if (bytes_a_second == 0) return std::nullopt;
      return static_cast<double>(size) / static_cast<double>(bytes_a_second);
    }
    at = begin + size + (size & 1U);
  }
  return std::nullopt;
}

std::optional<double> aiff_seconds(AudioBytes& file) {
  for (std::uint64_t at = 12; at + 8 <= file.size();) {
    auto size = file.big(at + 4, 4).value_or(0);
    if (file.starts_with(at, "COMM")) {
      auto frames = file.big(at + 10, 4);
      auto exponent = file.big(at + 16, 2);
      auto mantissa = file.big(at + 18, 8);
      if (!frames || !exponent || !mantissa) return std::nullopt;
      // An 80-bit IEEE number.
      auto rate = std::ldexp(static_cast<double>(*mantissa), static_cast<int>(*exponent & 0x7FFF) - 16383 - 63);
      return static_cast<double>(*frames) / rate;
    }
    at += 8 + size + (size & 1U);
  }
  return std::nullopt;
}

std::optional<double> flac_seconds(AudioBytes& file, std::uint64_t begin) {
  // The first block is STREAMINFO (RFC 9639 §8.2): 20 bits of rate, 3, 5, and 36 bits of samples.
  auto packed = file.big(begin + 18, 8);
  if (!packed) return std::nullopt;
  auto rate = *packed >> 44U;
  auto samples = *packed & 0xFFFFFFFFFU;
  if (rate == 0) return std::nullopt;
  return static_cast<double>(samples) / static_cast<double>(rate);
}

namespace {

struct OggStream {
  std::uint64_t serial = 0;
  double rate = 0;
  std::uint64_t skipped = 0;  // samples before the first that is heard
  std::uint64_t last = 0;     // granule position
  double seconds() const { return rate > 0 && last > skipped ? static_cast<double>(last - skipped) / rate : 0; }
};

// What the first packet of a stream says; a rate of 0 for what is no audio.
OggStream ogg_stream(AudioBytes& file, std::uint64_t packet, std::uint64_t serial) {
  OggStream stream{.serial = serial};
  if (file.starts_with(packet, "OpusHead")) {
    stream.rate = 48'000;
    stream.skipped = file.little(packet + 10, 2).value_or(0);
  } else if (file.starts_with(packet, "\x01vorbis")) {
    stream.rate = static_cast<double>(file.little(packet + 12, 4).value_or(0));
  } else if (file.starts_with(packet,
                              "\x7F"
                              "FLAC")) {
    stream.rate = static_cast<double>(file.big(packet + 27, 3).value_or(0) >> 4U);
  } else if (file.starts_with(packet, "Speex   ")) {
    stream.rate = static_cast<double>(file.little(packet + 36, 4).value_or(0));
  }
  return stream;
}

}  // namespace

// Chained streams play one after the other. Of streams beside each other the first audio counts.
std::optional<double> ogg_seconds(AudioBytes& file) {
  double total = 0;
  OggStream stream;
  for (std::uint64_t at = 0; at < file.size();) {
    if (!file.starts_with(at, "OggS")) {  // damage: the next page
      auto window = file.at(at, AudioBytes::kWindow);
      auto found = window.find("OggS");
      if (found == std::string_view::npos) found = std::max<std::size_t>(window.size(), 4) - 3;
      at += std::max<std::size_t>(found, 1);
      continue;
    }
    auto flags = file.big(at + 5, 1);
    auto granule = file.little(at + 6, 8);
    auto serial = file.little(at + 14, 4);
    auto segments = file.big(at + 26, 1);
    if (!flags || !granule || !serial || !segments) break;
    auto table = file.at(at + 27, static_cast<std::size_t>(*segments));
    std::uint64_t payload = 0;
    for (char size : table) payload += static_cast<unsigned char>(size);
    const auto packet = at + 27 + *segments;
    if ((*flags & 2U) != 0) {
      auto begun = ogg_stream(file, packet, *serial);
      if (begun.rate > 0 && (stream.rate == 0 || stream.last > 0)) {
        total += stream.seconds();
        stream = begun;
      }
    } else if (stream.rate > 0 && *serial == stream.serial && *granule != ~std::uint64_t{0}) {
      stream.last = std::max(stream.last, *granule);
    }
    at = packet + payload;
  }
  return total + stream.seconds();
}

}  // namespace tollgate::core
