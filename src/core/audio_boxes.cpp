// Containers of nested boxes with times of their own: MP4 and WebM.
#include <algorithm>
#include <bit>

#include "core/audio_bytes.h"

namespace tollgate::core {
namespace {

constexpr int kMostDepth = 6;

// Sums up what the boxes say: the length of the movie, or of its fragments where it does not know.
class Mp4 {
 public:
  explicit Mp4(AudioBytes& file) : file_(file) {}

  std::optional<double> seconds() {
    boxes(0, file_.size(), 0);
    if (movie_scale_ > 0 && movie_ > 0) return static_cast<double>(movie_) / static_cast<double>(movie_scale_);
    if (media_scale_ > 0) return static_cast<double>(fragments_) / static_cast<double>(media_scale_);
    return std::nullopt;
  }

 private:
  void boxes(std::uint64_t at, std::uint64_t end, int depth) {
    while (at + 8 <= end) {
      auto size = file_.big(at, 4).value_or(0);
      std::uint64_t head = 8;
      if (size == 1) {
        size = file_.big(at + 8, 8).value_or(0);
        head = 16;
      }
      if (size == 0) size = end - at;
      if (size < head || size > end - at) size = end - at;
      if (size < head) return;
      box(file_.big(at + 4, 4).value_or(0), at + head, at + size, depth);
      at += size;
    }
  }

  static constexpr std::uint64_t name(std::string_view text) {
    std::uint64_t value = 0;
    for (char c : text) value = value << 8U | static_cast<unsigned char>(c);
    return value;
  }

  void box(std::uint64_t type, std::uint64_t at, std::uint64_t end, int depth) {
    const auto version = file_.big(at, 1).value_or(0);
    switch (type) {
      case name("moov"):
      case name("trak"):
      case name("mdia"):
      case name("mvex"):
      case name("moof"):
      case name("traf"):
        if (depth < kMostDepth) boxes(at, end, depth + 1);
        break;
      case name("mvhd"):
        movie_scale_ = file_.big(at + (version == 1 ? 20 : 12), 4).value_or(0);
        movie_ = file_.big(at + (version == 1 ? 24 : 16), version == 1 ? 8 : 4).value_or(0);
        if (movie_ == (version == 1 ? ~std::uint64_t{0} : 0xFFFFFFFF)) movie_ = 0;  // not known
        break;
      case name("mehd"):
        if (movie_ == 0) movie_ = file_.big(at + 4, version == 1 ? 8 : 4).value_or(0);
        break;
      case name("tkhd"): track_ = file_.big(at + (version == 1 ? 20 : 12), 4).value_or(0); break;
      case name("mdhd"): scale_ = file_.big(at + (version == 1 ? 20 : 12), 4).value_or(0); break;
      case name("hdlr"):
        if (audio_ == 0 && file_.starts_with(at + 8, "soun")) {
          audio_ = track_;
          media_scale_ = scale_;
        }
        break;
      case name("trex"):
        if (file_.big(at + 4, 4) == audio_) usual_ = file_.big(at + 12, 4).value_or(0);
        break;
      case name("tfhd"): fragment_head(at); break;
      case name("trun"): run(at, end); break;
      default: break;
    }
  }

  void fragment_head(std::uint64_t at) {
    const auto flags = file_.big(at + 1, 3).value_or(0);
    counts_ = audio_ != 0 && file_.big(at + 4, 4) == audio_;
    here_ = usual_;
    auto field = at + 8 + ((flags & 1U) != 0 ? 8 : 0) + ((flags & 2U) != 0 ? 4 : 0);
    if ((flags & 8U) != 0) here_ = file_.big(field, 4).value_or(0);
  }

  void run(std::uint64_t at, std::uint64_t end) {
    if (!counts_) return;
    const auto flags = file_.big(at + 1, 3).value_or(0);
    const auto samples = file_.big(at + 4, 4).value_or(0);
    if ((flags & 0x100U) == 0) {
      fragments_ += samples * here_;
      return;
    }
    auto field = at + 8 + ((flags & 1U) != 0 ? 4 : 0) + ((flags & 4U) != 0 ? 4 : 0);
    const auto step = static_cast<std::uint64_t>(4 * std::popcount(flags & 0xF00U));
    for (std::uint64_t i = 0; i < samples && field + 4 <= end; ++i, field += step)
      fragments_ += file_.big(field, 4).value_or(0);
  }

  AudioBytes& file_;
  std::uint64_t movie_scale_ = 0, movie_ = 0;
  std::uint64_t track_ = 0, scale_ = 0;        // of the track whose boxes are read
  std::uint64_t audio_ = 0, media_scale_ = 0;  // the first track of sound
  std::uint64_t usual_ = 0, here_ = 0;         // length of a sample where a run does not say
  bool counts_ = false;
  std::uint64_t fragments_ = 0;
};

// A number of EBML (RFC 8794 §4): the first set bit tells how many bytes it has.
struct Number {
  std::uint64_t value = 0;
  std::size_t bytes = 0;
  bool unknown = false;  // all ones: an element without a stated size
};

std::optional<Number> ebml_number(AudioBytes& file, std::uint64_t at, bool keep_mark) {
  auto first = file.big(at, 1);
  if (!first || *first == 0) return std::nullopt;
  const auto bytes = static_cast<std::size_t>(std::countl_zero(static_cast<std::uint8_t>(*first))) + 1;
  auto whole = file.big(at, bytes);
  if (!whole) return std::nullopt;
  const auto mask = (std::uint64_t{1} << (7 * bytes)) - 1;
  return Number{keep_mark ? *whole : *whole & mask, bytes, (*whole & mask) == mask};
}

}  // namespace

std::optional<double> mp4_seconds(AudioBytes& file) { return Mp4(file).seconds(); }

// Recorders of browsers write neither the total nor the sizes of segment and clusters, so these are entered wherever
// they stand, and the last block tells how far the recording goes.
std::optional<double> webm_seconds(AudioBytes& file) {
  constexpr double kLastBlock = 0.02;
  double scale = 1'000'000;  // nanoseconds of a tick
  double stated = 0, last = -1;
  double cluster = 0;
  for (std::uint64_t at = 0; at < file.size();) {
    auto id = ebml_number(file, at, true);
    auto size = id ? ebml_number(file, at + id->bytes, false) : std::nullopt;
    if (!size) break;
    const auto begin = at + id->bytes + size->bytes;
    at = begin;
    switch (id->value) {
      case 0x18538067:      // Segment
      case 0x1549A966:      // Info
      case 0x1F43B675:      // Cluster
      case 0xA0: continue;  // BlockGroup: entered
      case 0x2AD7B1:        // TimestampScale
        scale = static_cast<double>(file.big(begin, std::min<std::uint64_t>(size->value, 8)).value_or(0));
        break;
      case 0x4489:  // Duration
        if (size->value == 4)
          stated =
              static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(file.big(begin, 4).value_or(0))));
        if (size->value == 8) stated = std::bit_cast<double>(file.big(begin, 8).value_or(0));
        break;
      case 0xE7:  // Timestamp of the cluster
        cluster = static_cast<double>(file.big(begin, std::min<std::uint64_t>(size->value, 8)).value_or(0));
        break;
      case 0xA3:    // SimpleBlock
      case 0xA1: {  // Block
        auto track = ebml_number(file, begin, false);
        auto time = track ? file.big(begin + track->bytes, 2) : std::nullopt;
        if (time) last = std::max(last, cluster + static_cast<double>(static_cast<std::int16_t>(*time)));
        break;
      }
      default: break;
    }
    if (size->unknown || size->value > file.size() - begin) break;
    at = begin + size->value;
  }
  auto blocks = last < 0 ? 0 : last * scale / 1e9 + kLastBlock;
  return std::max(stated > 0 ? stated * scale / 1e9 : 0, stated > 0 ? blocks - kLastBlock : blocks);
}

}  // namespace tollgate::core
