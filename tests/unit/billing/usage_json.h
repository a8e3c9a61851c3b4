// A small reader of usage objects for tests, apart from the one in dialect. Uses no code under test.
#pragma once
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "billing/usage.h"

namespace tollgate::billing::test {

inline std::int64_t integer(simdjson::dom::element object, std::string_view pointer) {
  std::int64_t value = 0;
  return object.at_pointer(pointer).get(value) == simdjson::SUCCESS ? value : 0;
}

// Format: "openai" (chat, completions, embeddings), "images", "speech", "rerank" (a total alone), "responses" or
// "anthropic" (prompt without cached tokens).
inline Usage read_usage(std::string_view format, simdjson::dom::element usage) {
  Usage out;
  if (format == "openai") {
    out.prompt_tokens = integer(usage, "/prompt_tokens");
    out.completion_tokens = integer(usage, "/completion_tokens");
    out.total_tokens = integer(usage, "/total_tokens");
    out.cached_tokens = integer(usage, "/prompt_tokens_details/cached_tokens");
    if (out.cached_tokens == 0) out.cached_tokens = integer(usage, "/prompt_cache_hit_tokens");
    out.prompt_text_tokens = integer(usage, "/prompt_tokens_details/text_tokens");
    out.prompt_audio_tokens = integer(usage, "/prompt_tokens_details/audio_tokens");
    out.prompt_image_tokens = integer(usage, "/prompt_tokens_details/image_tokens");
    out.completion_text_tokens = integer(usage, "/completion_tokens_details/text_tokens");
    out.completion_audio_tokens = integer(usage, "/completion_tokens_details/audio_tokens");
    out.reasoning_tokens = integer(usage, "/completion_tokens_details/reasoning_tokens");
    return out;
  }
  if (format == "rerank") {
    out.prompt_tokens = out.total_tokens = integer(usage, "/total_tokens");
    return out;
  }
  out.prompt_tokens = integer(usage, "/input_tokens");
  out.completion_tokens = integer(usage, "/output_tokens");
  out.total_tokens = out.prompt_tokens + out.completion_tokens;
  if (format == "images" || format == "speech") {
    out.prompt_text_tokens = integer(usage, "/input_tokens_details/text_tokens");
    out.prompt_image_tokens = integer(usage, "/input_tokens_details/image_tokens");
    out.completion_audio_tokens = integer(usage, "/output_token_details/audio_tokens");
  } else if (format == "responses") {
    out.cached_tokens = integer(usage, "/input_tokens_details/cached_tokens");
    out.reasoning_tokens = integer(usage, "/output_tokens_details/reasoning_tokens");
  } else {
    out.cached_tokens = integer(usage, "/cache_read_input_tokens");
    out.cache_creation_tokens = integer(usage, "/cache_creation_input_tokens");
    out.cache_creation_5m_tokens = integer(usage, "/cache_creation/ephemeral_5m_input_tokens");
    out.cache_creation_1h_tokens = integer(usage, "/cache_creation/ephemeral_1h_input_tokens");
  }
  return out;
}

// The usage of a recorded answer: of the body, or the last one of a stream (one JSON text a line).
inline std::optional<Usage> read_recorded_usage(const std::filesystem::path& file, std::string_view format) {
  std::ifstream in(file);
  const bool stream = file.extension() == ".txt";
  std::optional<Usage> found;
  std::string line;
  simdjson::dom::parser parser;
  while (std::getline(in, line, stream ? '\n' : '\0')) {
    simdjson::dom::element answer, usage;
    if (parser.parse(line).get(answer) != simdjson::SUCCESS) continue;
    for (const char* place : {"/usage", "/response/usage"}) {
      if (answer.at_pointer(place).get(usage) == simdjson::SUCCESS && usage.is_object()) {
        found = read_usage(format, usage);
        break;
      }
    }
  }
  return found;
}

// The folder of recorded provider answers (WIRE_CORPUS, or one beside the repository), when there is one.
inline std::optional<std::filesystem::path> recordings() {
  const char* named = std::getenv("WIRE_CORPUS");
  std::filesystem::path folder =
      named != nullptr ? named : std::filesystem::path(TOLLGATE_SOURCE_DIR) / "../shared/fixtures/wire";
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return folder;
}

}  // namespace tollgate::billing::test
