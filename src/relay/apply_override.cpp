#include "relay/apply_override.h"

namespace tollgate::relay {

bool takes_body_override(dialect::OpenAiRoute route) {
  using dialect::OpenAiRoute;
  switch (route) {
    case OpenAiRoute::kChatCompletions:
    case OpenAiRoute::kCompletions:
    case OpenAiRoute::kEmbeddings:
    case OpenAiRoute::kModerations:
    case OpenAiRoute::kImages:
    case OpenAiRoute::kImageEdits:
    case OpenAiRoute::kRerank: return true;
    case OpenAiRoute::kSpeech:
    case OpenAiRoute::kTranscriptions:
    case OpenAiRoute::kTranslations:
    case OpenAiRoute::kRealtime: return false;
  }
  return false;
}

std::optional<dialect::RelayError> override_body(const Channel& channel, const dialect::OverrideContext& context,
                                                 core::JsonEditor& editor, std::string& out) {
  out = editor.text();
  if (auto done = channel.body_override->apply(out, context); !done)
    return dialect::gateway_error(500, "channel:param_override_invalid", done.error().message);
  return std::nullopt;
}

}  // namespace tollgate::relay
