// Moderations, pictures, speech and rerank.
#include <algorithm>

#include "answer_parts.h"

namespace tollgate::mock {
namespace {

constexpr std::string_view kCreated = "1770000000";

std::string number(int64_t n) { return std::to_string(n); }

// As the routes for media write it: input and output, with a share of pictures or audio.
std::string media_usage(const Scenario& s) {
  if (!s.usage_text.empty()) return s.usage_text;
  return "{\"input_tokens\":" + number(s.prompt_tokens) + ",\"output_tokens\":" + number(s.completion_tokens) +
         ",\"total_tokens\":" + number(s.prompt_tokens + s.completion_tokens) +
         ",\"input_tokens_details\":{\"text_tokens\":" + number(s.prompt_tokens - s.image_tokens) +
         ",\"image_tokens\":" + number(s.image_tokens) + "}}";
}

std::string moderation_body(const Scenario& s, const Asked& asked) {
  std::string results;
  for (size_t i = 0; !s.empty200 && i < asked.inputs; ++i)
    results += (i ? "," : "") +
               std::string(R"({"flagged":false,"categories":{"hate":false},"category_scores":{"hate":0.01}})");
  return R"({"id":"modr-mock","model":)" + json_string(asked.model) + ",\"results\":[" + results + "]}";
}

std::string rerank_body(const Scenario& s, const Asked& asked) {
  std::string results;
  for (size_t i = 0; i < asked.inputs; ++i)
    results += (i ? "," : "") + std::string("{\"index\":") + number(static_cast<int64_t>(i)) +
               ",\"relevance_score\":0." + number(9 - static_cast<int64_t>(std::min<size_t>(i, 8))) + "}";
  std::string body = "{\"model\":" + json_string(asked.model) + R"(,"object":"list")";
  if (!s.empty200) body += ",\"results\":[" + results + "]";
  if (s.usage)
    body +=
        ",\"usage\":" + (s.usage_text.empty() ? "{\"total_tokens\":" + number(s.prompt_tokens) + "}" : s.usage_text);
  return body + "}";
}

std::string picture(const Scenario& s) { return base64(piece(0, static_cast<size_t>(s.size))); }

std::string image_body(const Scenario& s, const Asked& asked) {
  std::string data;
  for (int64_t i = 0; !s.empty200 && i < asked.n; ++i)
    data += (i ? "," : "") + std::string("{\"b64_json\":") + json_string(picture(s)) + "}";
  std::string body = "{\"created\":" + std::string(kCreated) + ",\"data\":[" + data + "]";
  if (s.usage) body += ",\"usage\":" + media_usage(s);
  return body + "}";
}

Answer image_stream(const Scenario& s, const Asked& asked) {
  Payloads payloads, names;
  auto add = [&](const std::string& name, const std::string& rest) {
    names.push_back(name);
    payloads.push_back("{\"type\":" + json_string(name) + ",\"b64_json\":" + json_string(picture(s)) +
                       ",\"created_at\":" + std::string(kCreated) + rest + "}");
  };
  const std::string family = asked.edits ? "image_edit" : "image_generation";
  for (int i = 0; i < s.chunks; ++i) add(family + ".partial_image", ",\"partial_image_index\":" + number(i));
  for (int64_t i = 0; !s.no_finish && i < asked.n; ++i)
    add(family + ".completed", s.usage ? ",\"usage\":" + media_usage(s) : "");
  return stream_answer(s, payloads, names);
}

// A silent frame of 24 ms: MPEG-2 layer III, 24 kHz, 32 kbit/s, one channel (ISO/IEC 13818-3 §2.4.2.3).
std::string mp3(int ms) {
  std::string out;
  for (int i = 0; i * 24 < ms; ++i) out.append("\xFF\xF3\x44\xC0", 4).append(92, '\0');
  return out;
}

std::string audio(const Scenario& s, const Asked& asked, const std::string& recordings) {
  std::string bytes;
  if (!s.recording.empty() && read_whole(recordings + "/" + s.recording, bytes)) return bytes;
  if (s.empty200) return "";
  return asked.audio_format == "pcm" ? std::string(static_cast<size_t>(s.audio_ms) * 48, '\0') : mp3(s.audio_ms);
}

std::vector<std::string> parts_of(const std::string& bytes, int parts) {
  std::vector<std::string> out;
  const size_t size = std::max<size_t>(1, (bytes.size() + static_cast<size_t>(parts) - 1) / static_cast<size_t>(parts));
  for (size_t at = 0; at < bytes.size(); at += size) out.push_back(bytes.substr(at, size));
  return out;
}

Answer speech_stream(const Scenario& s, const std::vector<std::string>& parts) {
  Payloads payloads;
  for (const std::string& part : parts)
    payloads.push_back(R"({"type":"speech.audio.delta","audio":)" + json_string(base64(part)) + "}");
  if (!s.no_finish)
    payloads.push_back(R"({"type":"speech.audio.done")" + (s.usage ? ",\"usage\":" + media_usage(s) : "") + "}");
  return stream_answer(s, payloads);
}

std::string type_of(const std::string& format) {
  if (format == "mp3") return "audio/mpeg";
  return format == "opus" ? "audio/ogg" : "audio/" + format;
}

// Bytes in HTTP chunks, one write each.
Answer speech_bytes(const Scenario& s, const Asked& asked, std::vector<std::string> parts) {
  Answer answer;
  const bool ends_well = stop_early(s, parts, 0, answer.ending);
  answer.bytes = "HTTP/1.1 200 OK\r\nContent-Type: " + type_of(asked.audio_format) +
                 "\r\nSet-Cookie: upstream=1\r\nOpenAI-Organization: mock-org\r\nTransfer-Encoding: chunked\r\n\r\n";
  if (s.first_ms > 0 || parts.empty()) answer.steps.push_back({answer.bytes.size(), 0});
  for (size_t i = 0; i < parts.size(); ++i) {
    answer.bytes += chunk(parts[i]);
    answer.steps.push_back({answer.bytes.size(), i == 0 ? s.first_ms : s.delay_ms});
  }
  if (ends_well) {
    answer.bytes += "0\r\n\r\n";
    answer.steps.back().end = answer.bytes.size();
  }
  return answer;
}

}  // namespace

Answer media_answer(const Scenario& s, const Asked& asked, const std::string& recordings) {
  switch (asked.kind) {
    case Asked::Kind::kModeration: return plain_answer(s, moderation_body(s, asked));
    case Asked::Kind::kRerank: return plain_answer(s, rerank_body(s, asked));
    case Asked::Kind::kImage:
      if (asked.stream && !s.json_on_stream) return image_stream(s, asked);
      return plain_answer(s, image_body(s, asked));
    case Asked::Kind::kTranscript: return transcript_answer(s, asked);
    default: break;
  }
  auto parts = parts_of(audio(s, asked, recordings), std::max(1, s.chunks));
  return asked.stream && !s.json_on_stream ? speech_stream(s, parts) : speech_bytes(s, asked, std::move(parts));
}

}  // namespace tollgate::mock
