#include "answer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace tollgate::mock {
namespace {

constexpr int64_t kCreated = 1'770'000'000;
constexpr std::string_view kText = "The quick brown fox jumps over the lazy dog. ";

std::string piece(size_t from, size_t length) {
  std::string out;
  out.reserve(length);
  for (size_t i = 0; i < length; ++i) out.push_back(kText[(from + i) % kText.size()]);
  return out;
}

std::string reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

std::string whole_head(int status, std::string_view type, size_t length, int retry_after) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + reason_phrase(status) +
                     "\r\nContent-Type: " + std::string(type) + "\r\nx-request-id: req_mock\r\n";
  if (retry_after >= 0) head += "Retry-After: " + std::to_string(retry_after) + "\r\n";
  return head + "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

Answer whole(int status, std::string_view type, std::string_view body, int retry_after = -1) {
  Answer answer;
  answer.bytes = whole_head(status, type, body.size(), retry_after).append(body);
  answer.steps.push_back({answer.bytes.size(), 0});
  return answer;
}

std::string usage_json(const Scenario& s) {
  return "{\"prompt_tokens\":" + std::to_string(s.prompt_tokens) +
         ",\"completion_tokens\":" + std::to_string(s.completion_tokens) +
         ",\"total_tokens\":" + std::to_string(s.prompt_tokens + s.completion_tokens) +
         ",\"prompt_tokens_details\":{\"cached_tokens\":" + std::to_string(s.cached_tokens) +
         ",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":" +
         std::to_string(s.reasoning_tokens) +
         ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}";
}

size_t content_bytes(const Scenario& s) {
  return static_cast<size_t>(s.chunks) * static_cast<size_t>(s.size) + (static_cast<size_t>(s.huge_line_mb) << 20);
}

std::string content(const Scenario& s) {
  return s.json_schema ? R"({"a":"value","n":42})" : piece(0, content_bytes(s));
}

constexpr std::string_view kArguments = R"({"q":"x"})";

std::string plain_body(const Scenario& s, const Asked& asked) {
  std::string body;
  if (asked.kind == Asked::Kind::kCompletion) {
    body = R"({"id":"cmpl-mock","object":"text_completion","created":)" + std::to_string(kCreated) +
           ",\"model\":" + json_string(asked.model) + R"(,"choices":[{"text":)" + json_string(content(s)) +
           R"(,"index":0,"logprobs":null,"finish_reason":"stop"}])";
  } else {
    body = R"({"id":"chatcmpl-mock","object":"chat.completion","created":)" + std::to_string(kCreated) +
           ",\"model\":" + json_string(asked.model) +
           R"(,"choices":[{"index":0,"message":{"role":"assistant","content":)";
    if (s.tools) {
      body += R"(null,"refusal":null,"tool_calls":[{"id":"call_mock","type":"function","function":{"name":)" +
              json_string(asked.tool) + ",\"arguments\":" + json_string(kArguments) + "}}]";
    } else {
      body += json_string(content(s));
      if (s.reasoning) body += ",\"reasoning_content\":\"thinking about it\"";
      body += R"(,"refusal":null,"annotations":[])";
    }
    body += R"(},"logprobs":null,"finish_reason":")" + std::string(s.tools ? "tool_calls" : "stop") + "\"}]";
  }
  if (s.usage) body += ",\"usage\":" + usage_json(s);
  return body + R"(,"system_fingerprint":"fp_mock"})";
}

// The payloads of a stream in order, [DONE] included.
using Payloads = std::vector<std::string>;

Payloads stream_payloads(const Scenario& s, const Asked& asked) {
  const bool legacy = asked.kind == Asked::Kind::kCompletion;
  const std::string open = std::string(legacy ? R"({"id":"cmpl-mock","object":"text_completion")"
                                              : R"({"id":"chatcmpl-mock","object":"chat.completion.chunk")") +
                           ",\"created\":" + std::to_string(kCreated) + ",\"model\":" + json_string(asked.model) +
                           ",\"system_fingerprint\":\"fp_mock\",\"choices\":[";
  const std::string usage = s.usage ? ",\"usage\":" + usage_json(s) : "";
  const bool every = s.usage_place == UsagePlace::kEvery;
  auto event = [&](const std::string& delta, std::string_view finish) {
    std::string out = open + "{\"index\":0," +
                      (legacy ? "\"text\":" + (delta.empty() ? "\"\"" : delta) : "\"delta\":{" + delta + "}") +
                      ",\"logprobs\":null,\"finish_reason\":" + (finish.empty() ? "null" : json_string(finish)) + "}]";
    if (every || (!finish.empty() && s.usage_place == UsagePlace::kFinish))
      out += usage;
    else if (asked.include_usage)
      out += ",\"usage\":null";
    return out + "}";
  };

  Payloads out;
  auto add = [&](const std::string& delta) { out.push_back(event(delta, "")); };
  if (legacy) {
    for (size_t i = 0; i < static_cast<size_t>(s.chunks); ++i) {
      add(json_string(piece(i * static_cast<size_t>(s.size), static_cast<size_t>(s.size))));
    }
  } else if (s.tools) {
    add(R"("role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_mock","type":"function","function":{"name":)" +
        json_string(asked.tool) + R"(,"arguments":""}}])");
    for (std::string_view part : {kArguments.substr(0, 4), kArguments.substr(4)}) {
      add(R"("tool_calls":[{"index":0,"function":{"arguments":)" + json_string(part) + "}}]");
    }
  } else {
    if (s.reasoning) {
      add(R"("role":"assistant","content":null,"reasoning_content":"thinking ")");
      add(R"("content":null,"reasoning_content":"about it")");
    }
    const std::string text = content(s);
    const size_t size = std::max<size_t>(1, s.json_schema ? 7 : static_cast<size_t>(s.size));
    const size_t huge = s.json_schema ? 0 : static_cast<size_t>(s.huge_line_mb) << 20;
    if (huge > 0) add(R"("role":"assistant","content":)" + json_string(std::string_view(text).substr(0, huge)));
    for (size_t from = huge; from < text.size(); from += size) {
      const std::string role = out.empty() ? R"("role":"assistant",)" : "";
      add(role + "\"content\":" + json_string(std::string_view(text).substr(from, size)));
    }
  }
  if (!s.no_finish) out.push_back(event("", s.tools && !legacy ? "tool_calls" : "stop"));
  if (s.usage && s.usage_place == UsagePlace::kOwnChunk && asked.include_usage) out.push_back(open + "]" + usage + "}");
  if (!s.no_done) out.emplace_back("[DONE]");
  return out;
}

std::string chunk(std::string_view data) {
  std::array<char, 24> size{};
  int n = std::snprintf(size.data(), size.size(), "%zx\r\n", data.size());
  return std::string(size.data(), static_cast<size_t>(n)).append(data).append("\r\n");
}

// Puts the payloads into events, HTTP chunks and writes.
Answer stream_answer(const Scenario& s, const Payloads& payloads) {
  const std::string eol = s.crlf ? "\r\n" : "\n";
  std::vector<std::string> events;
  for (int i = 0; i < s.comments; ++i) events.push_back(": keep-alive" + eol + eol);
  for (const std::string& payload : payloads) events.push_back("data: " + payload + eol + eol);

  Answer answer;
  bool ends_well = true;
  auto stop_after = [&](int n, Answer::Ending ending, bool terminated) {
    if (n == Scenario::kOff) return;
    size_t keep = static_cast<size_t>(n) + static_cast<size_t>(s.comments);
    if (keep < events.size()) events.resize(keep);
    answer.ending = ending;
    ends_well = terminated;
  };
  stop_after(s.error_after, Answer::Ending::kKeepAlive, true);
  if (s.error_after != Scenario::kOff) {
    events.push_back(R"(data: {"error":{"message":"mock stream error","type":"server_error","param":null,)"
                     R"("code":"mock_stream_error"}})" +
                     eol + eol);
  }
  stop_after(s.end_after, Answer::Ending::kKeepAlive, true);
  stop_after(s.fin_after, Answer::Ending::kFin, false);
  stop_after(s.cut_after, Answer::Ending::kReset, false);
  stop_after(s.stall_after, Answer::Ending::kStall, false);
  if (s.close_framing && answer.ending == Answer::Ending::kKeepAlive) answer.ending = Answer::Ending::kFin;

  answer.bytes =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
      "x-request-id: req_mock\r\n";
  answer.bytes += s.close_framing ? "Connection: close\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n";
  if (s.first_ms > 0 || events.empty()) answer.steps.push_back({answer.bytes.size(), 0});
  if (s.batch) {
    std::string all;
    for (const std::string& event : events) all += event;
    answer.bytes += s.close_framing || all.empty() ? all : chunk(all);
    answer.steps.push_back({answer.bytes.size(), s.first_ms});
  } else {
    for (size_t i = 0; i < events.size(); ++i) {
      answer.bytes += s.close_framing ? events[i] : chunk(events[i]);
      answer.steps.push_back({answer.bytes.size(), i == 0 ? s.first_ms : s.delay_ms});
    }
  }
  if (ends_well && !s.close_framing) {
    answer.bytes += "0\r\n\r\n";
    answer.steps.back().end = answer.bytes.size();
  }
  if (s.split > 0) {
    answer.steps.clear();
    const size_t size = static_cast<size_t>(s.split);
    for (size_t end = size; end < answer.bytes.size() + size; end += size) {
      answer.steps.push_back({std::min(end, answer.bytes.size()), end == size ? 0 : s.delay_ms});
    }
  }
  return answer;
}

Answer error_answer(const Scenario& s) {
  const std::string status = std::to_string(s.status);
  switch (s.body) {
    case ErrorBody::kOpenAi:
      return whole(s.status, "application/json",
                   R"({"error":{"message":"mock error )" + status +
                       R"(","type":"mock_error","param":null,"code":"mock_)" + status + "\"}}",
                   s.retry_after);
    case ErrorBody::kAnthropic:
      return whole(s.status, "application/json",
                   R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", s.retry_after);
    case ErrorBody::kHtml:
      return whole(s.status, "text/html", "<html><body><h1>" + status + "</h1></body></html>\n", s.retry_after);
    case ErrorBody::kText: return whole(s.status, "text/plain", "mock error " + status, s.retry_after);
    case ErrorBody::kEmpty: break;
  }
  return whole(s.status, "text/plain", "", s.retry_after);
}

// A whole answer with the faults that apply to it: cut or ended after so many bytes of the body.
Answer plain_answer(const Scenario& s, const std::string& body) {
  Answer answer = whole(200, "application/json", body);
  const size_t head = answer.bytes.size() - body.size();
  auto stop_after = [&](int n, Answer::Ending ending) {
    if (n == Scenario::kOff) return;
    answer.bytes.resize(head + std::min(body.size() / 2, static_cast<size_t>(n)));
    answer.steps.back().end = answer.bytes.size();
    answer.ending = ending;
  };
  stop_after(s.fin_after, Answer::Ending::kFin);
  stop_after(s.cut_after, Answer::Ending::kReset);
  stop_after(s.stall_after, Answer::Ending::kStall);
  if (s.lie_length) {
    answer.bytes = whole_head(200, "application/json", body.size() + 100, -1) + body;
    answer.steps.back().end = answer.bytes.size();
    answer.ending = Answer::Ending::kFin;
  }
  if (s.split > 0) {
    answer.steps.clear();
    const size_t size = static_cast<size_t>(s.split);
    for (size_t end = size; end < answer.bytes.size() + size; end += size) {
      answer.steps.push_back({std::min(end, answer.bytes.size()), end == size ? 0 : s.delay_ms});
    }
  }
  return answer;
}

std::string embedding_body(const Scenario& s, const Asked& asked) {
  std::string data;
  for (size_t i = 0; i < asked.inputs; ++i) {
    std::string vector;
    std::string raw;
    for (int d = 0; d < s.dims; ++d) {
      const float value = static_cast<float>(d + 1) / 16.0F;
      char bytes[sizeof value];
      std::memcpy(bytes, &value, sizeof value);
      raw.append(bytes, sizeof value);
      vector += (d ? "," : "") + std::to_string(value);
    }
    data += (i ? "," : "") + std::string(R"({"object":"embedding","index":)") + std::to_string(i) +
            ",\"embedding\":" + (asked.base64 ? json_string(base64(raw)) : "[" + vector + "]") + "}";
  }
  std::string body = R"({"object":"list","data":[)" + data + "],\"model\":" + json_string(asked.model);
  if (s.usage) {
    body += ",\"usage\":{\"prompt_tokens\":" + std::to_string(s.prompt_tokens) +
            ",\"total_tokens\":" + std::to_string(s.prompt_tokens) + "}";
  }
  return body + "}";
}

bool read_whole(const std::string& path, std::string& out) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  std::ostringstream text;
  text << file.rdbuf();
  out = text.str();
  return true;
}

Answer recorded_answer(const Scenario& s, const Asked& asked, const std::string& recordings) {
  std::string name = s.recording;
  if (!name.ends_with(".json") && !name.ends_with(".txt")) name += asked.stream ? ".chunks.txt" : ".json";
  std::string text;
  if (!read_whole(recordings + "/" + name, text)) return make_error(404, "mock: no recording " + name);
  if (name.ends_with(".json")) return plain_answer(s, text);
  Payloads payloads;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) payloads.push_back(line);
  }
  if (!s.no_done) payloads.emplace_back("[DONE]");
  return stream_answer(s, payloads);
}

Answer answer_of_kind(const Scenario& s, const Asked& asked, const std::string& recordings) {
  if (s.status != 200) return error_answer(s);
  if (asked.kind == Asked::Kind::kModels) {
    return make_json(R"({"object":"list","data":[{"id":"mock-model","object":"model","created":1770000000,"owned_by":)"
                     R"("mock"},{"id":"gpt-4o-mini","object":"model","created":1770000000,"owned_by":"mock"}]})");
  }
  if (!s.recording.empty()) return recorded_answer(s, asked, recordings);
  if (asked.kind == Asked::Kind::kEmbedding) return plain_answer(s, embedding_body(s, asked));
  const bool stream = asked.stream && !s.json_on_stream;
  if (s.empty200) return stream ? stream_answer(s, {"[DONE]"}) : plain_answer(s, "");
  return stream ? stream_answer(s, stream_payloads(s, asked)) : plain_answer(s, plain_body(s, asked));
}

}  // namespace

Answer make_answer(const Scenario& scenario, const Asked& asked, const std::string& recordings) {
  Answer answer;
  if (scenario.stall_head || scenario.cut_head) {
    answer.ending = scenario.cut_head ? Answer::Ending::kReset : Answer::Ending::kStall;
    answer.steps.push_back({0, scenario.slow_head_ms});
    return answer;
  }
  answer = answer_of_kind(scenario, asked, recordings);
  answer.steps.front().delay_ms += scenario.slow_head_ms;
  return answer;
}

Answer make_error(int status, std::string_view message) {
  return whole(status, "application/json",
               "{\"error\":{\"message\":" + json_string(message) +
                   R"(,"type":"invalid_request_error","param":null,"code":"mock_misuse"}})");
}

Answer make_json(std::string_view body) { return whole(200, "application/json", body); }

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code.data();
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) group = (group << 8) | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) out.push_back(k <= n ? kDigits[(group >> (18 - 6 * k)) & 63] : '=');
  }
  return out;
}

}  // namespace tollgate::mock
