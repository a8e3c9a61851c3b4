#include "relay/routes.h"

#include <simdjson.h>

#include <algorithm>

#include "core/percent.h"

namespace tollgate::relay {
namespace {

using dialect::OpenAiRoute;

constexpr std::string_view kModel = "{model}";

constexpr Route kRoutes[] = {
    {"/v1/chat/completions", OpenAiRoute::kChatCompletions},
    {"/pg/chat/completions", OpenAiRoute::kChatCompletions},
    {"/v1/completions", OpenAiRoute::kCompletions},
    {"/v1/embeddings", OpenAiRoute::kEmbeddings},
    {"/v1/engines/{model}/embeddings", OpenAiRoute::kEmbeddings},
    {"/v1/moderations", OpenAiRoute::kModerations, "text-moderation-stable"},
    {"/v1/images/generations", OpenAiRoute::kImages, "dall-e"},
    {"/v1/images/edits", OpenAiRoute::kImageEdits},
    {"/v1/audio/speech", OpenAiRoute::kSpeech, "tts-1"},
    {"/v1/audio/transcriptions", OpenAiRoute::kTranscriptions, "whisper-1"},
    {"/v1/audio/translations", OpenAiRoute::kTranslations, "whisper-1"},
    {"/v1/rerank", OpenAiRoute::kRerank},
};

// The segment of `path` that stands where the pattern has {model}; empty when the path is another one.
std::string_view segment_of_model(std::string_view pattern, std::string_view path) {
  auto at = pattern.find(kModel);
  if (at == std::string_view::npos) return {};
  auto before = pattern.substr(0, at);
  auto behind = pattern.substr(at + kModel.size());
  if (path.size() <= before.size() + behind.size() || !path.starts_with(before) || !path.ends_with(behind)) return {};
  auto segment = path.substr(at, path.size() - before.size() - behind.size());
  return segment.find('/') == std::string_view::npos ? segment : std::string_view();
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

const Route* find_route(std::string_view path) {
  for (const auto& route : kRoutes)
    if (route.path == path || !segment_of_model(route.path, path).empty()) return &route;
  return nullptr;
}

std::string model_without_body(std::string_view path) {
  const auto* route = find_route(path);
  if (!route) return {};
  auto segment = segment_of_model(route->path, path);
  if (segment.empty()) return std::string(route->default_model);
  auto model = core::percent_decoded(segment, core::Plus::kStays);
  bool is_text = simdjson::validate_utf8(model) &&
                 std::none_of(model.begin(), model.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; });
  return is_text ? model : std::string();
}

Takes takes(OpenAiRoute route) {
  if (is_transcript(route)) return Takes::kForm;
  return route == OpenAiRoute::kImageEdits ? Takes::kJsonOrForm : Takes::kJson;
}

bool is_transcript(OpenAiRoute route) {
  return route == OpenAiRoute::kTranscriptions || route == OpenAiRoute::kTranslations;
}

bool may_pass_body(OpenAiRoute route) {
  return route != OpenAiRoute::kEmbeddings && route != OpenAiRoute::kSpeech && !is_transcript(route);
}

}  // namespace tollgate::relay
