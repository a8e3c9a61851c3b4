#include "relay/media_charge.h"

#include <fmt/core.h>

namespace tollgate::relay {

using dialect::OpenAiRoute;

billing::Formula formula_for_route(OpenAiRoute route, const billing::Usage& usage, const billing::Price& price) {
  switch (route) {
    case OpenAiRoute::kChatCompletions:
    case OpenAiRoute::kCompletions:
    case OpenAiRoute::kModerations: return billing::formula_for_chat(usage, price);
    case OpenAiRoute::kSpeech:
    case OpenAiRoute::kTranscriptions:
    case OpenAiRoute::kTranslations:
      return usage.prompt_audio_tokens + usage.completion_audio_tokens > 0 ? billing::Formula::kAudio
                                                                           : billing::Formula::kDecimal;
    case OpenAiRoute::kRealtime: return billing::Formula::kRealtime;
    case OpenAiRoute::kEmbeddings:
    case OpenAiRoute::kImages:
    case OpenAiRoute::kImageEdits:
    case OpenAiRoute::kRerank: break;
  }
  return billing::Formula::kDecimal;
}

double image_factor(const dialect::OpenAiRequest& request) {
  if (!request.image) return 0;
  return billing::image_price_factor(request.model, request.image->size, request.image->quality, request.image->n);
}

std::optional<billing::Usage> unreported_usage(const Request& request) {
  if (!request.openai.image) return std::nullopt;
  billing::Usage usage;
  usage.prompt_tokens = usage.total_tokens = request.openai.image->n;
  return usage;
}

std::string log_content(const dialect::OpenAiRequest& request, std::string of_charge) {
  if (!request.image) return of_charge;
  const auto& image = *request.image;
  std::string text;
  if (!image.size.empty()) text = fmt::format("大小 {}, ", image.size);
  text += fmt::format("品质 {}, 生成数量 {}", image.quality == "hd" ? "hd" : "standard", image.n);
  if (!of_charge.empty()) text += ", " + of_charge;
  return text;
}

std::string_view format_name(OpenAiRoute route) {
  switch (route) {
    case OpenAiRoute::kChatCompletions:
    case OpenAiRoute::kCompletions:
    case OpenAiRoute::kModerations: break;
    case OpenAiRoute::kEmbeddings: return "embedding";
    case OpenAiRoute::kImages:
    case OpenAiRoute::kImageEdits: return "openai_image";
    case OpenAiRoute::kSpeech:
    case OpenAiRoute::kTranscriptions:
    case OpenAiRoute::kTranslations: return "openai_audio";
    case OpenAiRoute::kRerank: return "rerank";
    case OpenAiRoute::kRealtime: return "openai_realtime";
  }
  return "OpenAI Compatible";
}

bool answers_text(OpenAiRoute route) {
  return route == OpenAiRoute::kChatCompletions || route == OpenAiRoute::kCompletions ||
         route == OpenAiRoute::kModerations;
}

bool counts_audio(OpenAiRoute route) { return route == OpenAiRoute::kSpeech; }

}  // namespace tollgate::relay
