// Requests of the OpenAI dialect, read once: what the gate, the price and the relay need to know of a body that
// otherwise passes as it is.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "billing/media_tokens.h"
#include "core/result.h"

namespace tollgate::dialect {

enum class OpenAiRoute {
  kChatCompletions,
  kCompletions,
  kEmbeddings,
  kModerations,
  kImages,  // generations
  kImageEdits,
  kSpeech,
  kTranscriptions,
  kTranslations,
  kRerank,
  kRealtime,
};

enum class IncludeUsage { kAbsent, kFalse, kTrue };  // kFalse: stream_options is there without a true include_usage

// What a request for pictures asks for, with the provider's defaults where the client says nothing.
struct ImageOrder {
  std::string size, quality;
  std::int64_t n = 1;
};

struct OpenAiRequest {
  std::string model;
  bool model_added = false;  // the body names none: `model` is what the route takes then
  bool stream = false;       // the answer is to be events; never for embeddings, rerank and moderations
  IncludeUsage include_usage = IncludeUsage::kAbsent;
  std::int64_t max_output_tokens = 0;   // the larger of max_tokens and max_completion_tokens
  std::int64_t choices = 1;             // the larger of n and best_of: each may use max_output_tokens
  bool filtered_members = false;        // has service_tier, store or safety_identifier: a channel may not take them
  std::int64_t inline_media_bytes = 0;  // base64 data in the body, not text
  std::int64_t files = 0;               // parts of messages that are not text
  std::optional<ImageOrder> image;      // on the routes for pictures
  std::string audio_format;             // of speech: what the answer is encoded in
  std::string broken_rule;              // text for the client when the body breaks a rule of its route
  // The body to go on with in place of the client's, with 64 bytes behind it; empty when nothing had to be respelled.
  std::string respelled;
  std::string_view respelled_body() const { return std::string_view(respelled).substr(0, respelled.size() - 64); }
};

// The text of a body that does not parse, or in which decoders could read two things (governed.h), goes to the client;
// all are kInvalid. At least 64 readable bytes follow the text.
core::Result<OpenAiRequest> read_openai_request(OpenAiRoute route, std::string_view body);

// What the prompt estimate counts: every text in the order in which the parts are joined by line feeds, and tokens that
// come on top.
struct PromptParts {
  std::int64_t extra_tokens = 0;  // 8 a tool, 3 a message, 3 a name, 3
};
// A part of a message that is not text, as long as the visit lasts.
struct PromptFile {
  billing::MediaKind kind = billing::MediaKind::kFile;
  std::string_view source;  // URL or data; empty for audio, which is data always
  std::string_view detail;  // of an image; empty when the part says nothing
};
PromptParts visit_prompt(OpenAiRoute route, std::string_view body, const std::function<void(std::string_view)>& text,
                         const std::function<void(const PromptFile&)>& file = {});

}  // namespace tollgate::dialect
