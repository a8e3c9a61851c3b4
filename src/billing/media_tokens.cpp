#include "billing/media_tokens.h"

#include <algorithm>
#include <cmath>

#include "billing/bpe.h"

namespace tollgate::billing {

namespace {

// How a model counts an image: patches of 32 pixels times a factor, or a base plus tiles of 512 pixels.
struct ImageRule {
  std::string_view prefix = {}, contains = {};
  double patch_factor = 0;  // 0: tiles
  std::int64_t base = 85, tile = 170;
  bool holds(std::string_view name) const { return name.starts_with(prefix) && name.find(contains) != name.npos; }
};

constexpr ImageRule kImageRules[] = {
    {.contains = "gpt-4.1-mini", .patch_factor = 1.62},
    {.contains = "gpt-4.1-nano", .patch_factor = 2.46},
    {.prefix = "o4-mini", .patch_factor = 1.72},
    {.prefix = "gpt-5-mini", .patch_factor = 1.62},
    {.prefix = "gpt-5-nano", .patch_factor = 2.46},
    {.prefix = "gpt-4o-mini", .base = 2833, .tile = 5667},
    {.prefix = "gpt-5", .base = 70, .tile = 140},
    {.prefix = "o1", .base = 75, .tile = 150},
    {.prefix = "o3", .base = 75, .tile = 150},
    {.contains = "computer-use-preview", .base = 65, .tile = 129},
    {},
};

constexpr std::int64_t kGlmImage = 1047;
constexpr std::int64_t kOtherImage = 520;

const ImageRule& image_rule(std::string_view model) {
  return *std::ranges::find_if(kImageRules, [&](const ImageRule& rule) { return rule.holds(model); });
}

std::int64_t rounded(double value) { return static_cast<std::int64_t>(std::round(value)); }

std::int64_t patch_tokens(double width, double height, double factor) {
  constexpr double kPatch = 32, kMostPatches = 1536;
  const auto patches = [](double w, double h) { return std::ceil(w / kPatch) * std::ceil(h / kPatch); };
  double count = patches(width, height);
  if (count > kMostPatches) {
    double scale = std::sqrt(kPatch * kPatch * kMostPatches / (width * height));
    const double columns = width * scale / kPatch, rows = height * scale / kPatch;
    // Down to whole patches in the direction that loses more.
    const double whole = std::min(std::floor(columns) / columns, std::floor(rows) / rows);
    if (whole > 0) scale *= whole;
    count = std::min(patches(width * scale, height * scale), kMostPatches);
  }
  return rounded(count * factor);
}

std::int64_t tile_tokens(double width, double height, const ImageRule& rule) {
  constexpr double kLongest = 2048, kShort = 768, kTile = 512;
  if (const double longer = std::max(width, height); longer > kLongest) {
    const double scale = kLongest / longer;
    width = std::round(width * scale);
    height = std::round(height * scale);
  }
  const double scale = kShort / std::max(std::min(width, height), 1.0);
  width = std::round(width * scale);
  height = std::round(height * scale);
  return static_cast<std::int64_t>(std::ceil(width / kTile) * std::ceil(height / kTile)) * rule.tile + rule.base;
}

}  // namespace

std::optional<std::int64_t> flat_media_tokens(std::string_view model, MediaKind kind, std::string_view detail,
                                              bool stream, const MediaRules& rules) {
  switch (kind) {
    case MediaKind::kAudio: return 256;
    case MediaKind::kVideo: return 8192;
    case MediaKind::kFile: return 4096;
    case MediaKind::kImage: break;
  }
  if (!encoding_of(model)) return kOtherImage;
  if (model.starts_with("glm-4")) return kGlmImage;
  const ImageRule& rule = image_rule(model);
  if (rule.patch_factor == 0 && detail == "low") return rule.base;
  if (!rules.measure || (!stream && !rules.measure_not_stream)) return 3 * rule.base;
  return std::nullopt;
}

std::int64_t image_tokens(std::string_view model, std::int64_t width, std::int64_t height, std::string_view detail) {
  const ImageRule& rule = image_rule(model);
  const auto w = static_cast<double>(std::max<std::int64_t>(width, 1));
  const auto h = static_cast<double>(std::max<std::int64_t>(height, 1));
  if (rule.patch_factor != 0) return patch_tokens(w, h, rule.patch_factor);
  return detail == "low" ? rule.base : tile_tokens(w, h, rule);
}

std::int64_t audio_tokens_by_size(std::int64_t bytes) { return (bytes + 999) / 1000; }

}  // namespace tollgate::billing
