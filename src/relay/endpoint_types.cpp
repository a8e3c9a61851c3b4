#include "relay/endpoint_types.h"

#include <algorithm>

#include "core/ascii.h"

namespace tollgate::relay {
namespace {

constexpr int kAnthropic = 14, kOpenRouter = 20, kGemini = 24, kAws = 33, kJina = 38, kVertex = 41, kSora = 55;

bool answers_only_responses(std::string_view model) {
  for (std::string_view part : {"o3-pro", "o3-deep-research", "o4-mini-deep-research"})
    if (model.find(part) != std::string_view::npos) return true;
  return false;
}

bool makes_images(std::string_view model) {
  auto lower = core::ascii_lower(model);
  for (std::string_view part : {"dall-e-3", "dall-e-2", "gpt-image-1", "flux-", "flux.1-"})
    if (lower.find(part) != std::string::npos) return true;
  return lower.starts_with("imagen-");
}

std::vector<std::string_view> of_type(std::string_view model, int type) {
  switch (type) {
    case kJina: return {"jina-rerank"};
    case kAnthropic:
    case kAws: return {"anthropic", "openai"};
    case kGemini:
    case kVertex: return {"gemini", "openai"};
    case kOpenRouter: return {"openai"};
    case kSora: return {"openai-video"};
    default: return {answers_only_responses(model) ? "openai-response" : "openai"};
  }
}

}  // namespace

std::vector<std::string_view> endpoint_types(std::string_view model, std::span<const int> channel_types) {
  std::vector<std::string_view> out;
  auto add = [&](std::string_view kind) {
    if (std::ranges::find(out, kind) == out.end()) out.push_back(kind);
  };
  if (!channel_types.empty() && makes_images(model)) add("image-generation");
  for (int type : channel_types)
    for (auto kind : of_type(model, type)) add(kind);
  return out;
}

}  // namespace tollgate::relay
