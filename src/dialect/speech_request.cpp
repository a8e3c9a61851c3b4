// POST /v1/audio/speech (OpenAI API, Audio).
#include <utility>

#include "dialect/request_readers.h"

namespace tollgate::dialect {

core::Result<OpenAiRequest> read_speech_request(const simdjson::dom::object& body) {
  OpenAiRequest request;
  request.audio_format = "mp3";
  bool has_format = false;
  auto read = each_request_member(body, request, [&](std::string_view key, const simdjson::dom::element& value) {
    if (key == "stream_format")
      request.stream = string_member(request, key, value) == "sse";
    else if (key == "input")
      string_member(request, key, value);
    if (key != "response_format") return;
    // It says how the answer is measured.
    if (std::exchange(has_format, true)) broken(request, "duplicate member \"response_format\"");
    request.audio_format = string_member(request, key, value);
  });
  if (!read) return read.error();
  if (request.audio_format.empty()) request.audio_format = "mp3";
  if (request.model.empty()) request.broken_rule = "model is required";
  return request;
}

}  // namespace tollgate::dialect
