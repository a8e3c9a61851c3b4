// Transcriptions, translations and edits of pictures: what comes as a form.
#include "answer_parts.h"

namespace tollgate::mock {
namespace {

std::string number(int64_t n) { return std::to_string(n); }

std::string words(const Scenario& s) { return piece(0, static_cast<size_t>(s.chunks) * static_cast<size_t>(s.size)); }

std::string audio_usage(const Scenario& s) {
  if (!s.usage_text.empty()) return s.usage_text;
  return R"({"type":"tokens","input_tokens":)" + number(s.prompt_tokens) +
         ",\"output_tokens\":" + number(s.completion_tokens) +
         ",\"total_tokens\":" + number(s.prompt_tokens + s.completion_tokens) +
         ",\"input_token_details\":{\"text_tokens\":" + number(s.prompt_tokens - s.audio_prompt_tokens) +
         ",\"audio_tokens\":" + number(s.audio_prompt_tokens) + "}}";
}

Answer transcript_stream(const Scenario& s) {
  Payloads payloads;
  for (int i = 0; i < s.chunks; ++i)
    payloads.push_back(R"({"type":"transcript.text.delta","delta":)" +
                       json_string(piece(static_cast<size_t>(i * s.size), static_cast<size_t>(s.size))) + "}");
  if (!s.no_finish)
    payloads.push_back(R"({"type":"transcript.text.done","text":)" + json_string(words(s)) +
                       (s.usage ? ",\"usage\":" + audio_usage(s) : "") + "}");
  if (!s.no_done) payloads.emplace_back("[DONE]");
  return stream_answer(s, payloads);
}

Answer transcript(const Scenario& s, const std::string& format) {
  constexpr std::string_view kPlain = "text/plain; charset=utf-8";
  const std::string text = s.empty200 ? "" : words(s);
  if (format == "text") return plain_answer(s, s.empty200 ? "" : text + "\n", kPlain);
  if (format == "srt") return plain_answer(s, "1\n00:00:00,000 --> 00:00:01,500\n" + text + "\n\n", kPlain);
  if (format == "vtt") return plain_answer(s, "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n" + text + "\n\n", kPlain);
  std::string body = "{\"text\":" + json_string(text);
  if (format == "verbose_json")
    body = R"({"task":"transcribe","language":"english","duration":1.5,"text":)" + json_string(text) +
           R"(,"segments":[{"id":0,"seek":0,"start":0.0,"end":1.50,"text":"x","tokens":[1],"temperature":0.0}])";
  if (format == "diarized_json")
    body =
        R"({"task":"transcribe","duration":1.5,"text":)" + json_string(text) +
        R"(,"segments":[{"type":"transcript.text.segment","id":"seg_1","start":0,"end":1.5,"speaker":"A","text":"x"}])";
  if (s.usage) body += ",\"usage\":" + audio_usage(s);
  return plain_answer(s, s.empty200 ? "" : body + "}");
}

}  // namespace

Answer transcript_answer(const Scenario& s, const Asked& asked) {
  return asked.stream && !s.json_on_stream ? transcript_stream(s) : transcript(s, asked.audio_format);
}

}  // namespace tollgate::mock
